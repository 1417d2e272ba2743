"""Answers of real models against what the reference says about them (stories260K), and the commands that look at models."""
import json
import math
import re
import sys

from harness import Case, DATA, GOLDEN_MODELS, ROOT, STORIES, main, needs_stories, read_logits, stories


def perplexities():
    """The table of the reference: kind -> perplexity."""
    table = re.findall(r"^\| (\w+) \| ([\d.]+) \|$", (STORIES / "expect.md").read_text(), re.M)
    return {kind: float(value) for kind, value in table}


@needs_stories
class Generation(Case):
    def test_greedy_text_and_tokens(self):
        for golden in json.loads((STORIES / "greedy-F32.json").read_text()):
            flags = ["--raw", "--temperature", "0", "--max-tokens", str(len(golden["ids"])), "--kv-type", "f32"]
            answer = json.loads(self.hearth("run", stories(), golden["prompt"], *flags, "--json").stdout)
            self.assertEqual(answer["tokens"], golden["ids"], golden["prompt"])
            quiet = self.hearth("run", stories(), golden["prompt"], *flags, "--quiet")
            self.assertEqual(quiet.stdout, golden["text"], golden["prompt"])
            self.assertEqual(quiet.stderr, "")

    def test_a_quantized_models_greedy_text(self):
        golden = json.loads((STORIES / "greedy-Q8_0.json").read_text())[0]
        text = self.hearth("run", stories("Q8_0"), golden["prompt"], "--raw", "--temperature", "0", "-n", "40", "--quiet").stdout
        self.assertGreater(len(text), 80)
        self.assertTrue(golden["text"].startswith(text), text)

    def test_backends_threads_and_standard_input_agree(self):
        flags = ["run", stories(), "--raw", "--temperature", "0", "-n", "30", "--quiet", "--kv-type", "f32"]
        expected = self.hearth(*flags, "Lily and Tom").stdout
        self.assertGreater(len(expected), 40)
        self.assertEqual(self.hearth(*flags, "Lily and Tom", "--backend", "reference").stdout, expected)
        self.assertEqual(self.hearth(*flags, "Lily and Tom", "--isa", "scalar").stdout, expected)
        self.assertEqual(self.hearth(*flags, "Lily and Tom", "--threads", "1").stdout, expected)
        self.assertEqual(self.hearth(*flags, "Lily and Tom", "--prefill-chunk", "1").stdout, expected)
        self.assertEqual(self.hearth(*flags, stdin="Lily and Tom\n").stdout, expected)
        self.assertEqual(self.hearth(*flags, "-", stdin="Lily and Tom").stdout, expected)

    def test_json_object(self):
        answer = json.loads(self.hearth("run", stories(), "Once", "--raw", "--temperature", "0", "-n", "5", "--json").stdout)
        self.assertEqual(answer["text"], " upon a time, there")
        self.assertEqual(answer["finish_reason"], "length")
        self.assertEqual(answer["counts"], {"prompt_tokens": 2, "cached_tokens": 0, "generated_tokens": 5})
        self.assertGreater(answer["timings"]["generated_tokens_per_second"], 0)

    def test_stream_json(self):
        lines = self.hearth("run", stories(), "Once", "--raw", "--temperature", "0", "-n", "5", "--stream-json").stdout.splitlines()
        *pieces, last = map(json.loads, lines)
        self.assertGreater(len(pieces), 2)
        self.assertEqual("".join(piece["text"] for piece in pieces), last["text"])

    def test_stop_string_across_tokens(self):
        answer = json.loads(self.hearth("run", stories(), "Once upon a time", "--raw", "--temperature", "0", "--json",
                                        "--stop", "named Lily").stdout)
        self.assertEqual((answer["text"], answer["finish_reason"], answer["stop_string"]),
                         (", there was a little girl ", "stop_string", "named Lily"))

    def test_seeds_repeat_and_differ(self):
        def text(seed):
            return self.hearth("run", stories(), "Once", "--raw", "--temperature", "1.5", "-n", "20", "--seed", seed, "--quiet").stdout
        self.assertEqual(text(1), text(1))
        self.assertNotEqual(text(1), text(2))

    def test_the_default_chat_template_is_announced(self):
        run = self.hearth("run", stories(), "Hi", "-n", "3")
        self.assertIn("note: stories260K has no chat template; using the default", run.stderr)
        self.assertIn("note: cut after 3 tokens (max-tokens)", run.stderr)
        self.assertEqual(self.hearth("run", stories(), "Hi", "-n", "3", "--quiet").stderr, "")

    def test_a_given_template_and_system_message(self):
        template = self.write("t.jinja", "{% for m in messages %}{{ m.content }} {% endfor %}")
        flags = ["--temperature", "0", "-n", "12", "--quiet"]
        raw = self.hearth("run", stories(), "Once upon a time ", "--raw", *flags).stdout
        chat = self.hearth("run", stories(), "a time", "--system", "Once upon", "--chat-template", template, *flags).stdout
        self.assertEqual(chat, raw)

    def test_the_context_ends_an_answer(self):
        run = self.hearth("run", stories(), "Once", "--raw", "--context", "32", "--ignore-end", "--stats", "--temperature", "0")
        self.assertIn("note: cut: the context of 32 tokens is full", run.stderr)
        self.assertRegex(run.stderr, r"2 prompt tokens.*, 30 generated")


@needs_stories
class Evaluation(Case):
    def test_perplexities(self):
        table = perplexities()
        self.assertEqual(len(table), 7)
        for kind, expected in table.items():
            run = self.hearth("eval", "perplexity", stories(kind), "--text", STORIES / "ppl_text.txt", "--window", "256")
            name, value = run.stdout.splitlines()[-1].split()
            self.assertEqual(name, "perplexity")
            tolerance = 0.001 if kind in ("F32", "F16", "BF16") else 0.005
            self.assertLess(abs(float(value) / expected - 1), tolerance, kind)

    def test_perplexity_as_json(self):
        text = self.write("t.txt", "Once upon a time, there was a little girl named Lily. " * 12)
        report = json.loads(self.hearth("eval", "perplexity", stories(), "--text", text, "--window", "64", "--json").stdout)
        self.assertEqual(report["scored_tokens"], report["windows"] * 31)
        self.assertGreater(report["error"], 0)
        self.assertGreater(report["tokens_per_second"], 0)
        short = self.write("s.txt", "Once")
        self.refused("eval", "perplexity", stories(), "--text", short, "--window", "64", code=2,
                     sentence="the text has 2 tokens; one window needs 64")

    def test_logits_against_the_references_likeliest_tokens(self):
        out = self.home / "l.safetensors"
        golden_file = ROOT / "tests" / "golden" / "stories" / "f32_cache.json"  # of an f32 cache, as here
        for golden in json.loads(golden_file.read_text())["cases"]:
            steps = golden["first_steps"]
            ids = golden["prompt_ids"] + golden["ids"][:len(steps) - 1]
            self.hearth("eval", "logits", stories(), "--ids", ",".join(map(str, ids)), "--out", out, "--kv-type", "f32")
            rows = read_logits(out)
            self.assertEqual((len(rows), len(rows[0])), (len(ids), 512))
            for row, step in zip(rows[len(golden["prompt_ids"]) - 1:], steps):
                total = math.log(sum(math.exp(x - max(row)) for x in row)) + max(row)
                for token, logprob in step["top"]:
                    self.assertAlmostEqual(row[token] - total, logprob, delta=1e-3)


class GoldenModels(Case):
    """Small random models of the repository, in both containers."""

    def test_logits_of_both_containers(self):
        for name in ("qwen3", "lfm2", "gemma3"):
            folder = GOLDEN_MODELS / name
            case = json.loads((folder / "case.json").read_text())
            ids = ",".join(map(str, case["tokens"]))
            outputs = []
            for model in (folder, folder / "model.gguf"):
                out = self.home / "l.safetensors"
                self.hearth("eval", "logits", model, "--ids", ids, "--out", out, "--kv-type", "f32")
                outputs.append(read_logits(out))
            self.assertEqual(outputs[0], outputs[1], name)
            self.assertEqual((len(outputs[0]), len(outputs[0][0])), (len(case["tokens"]), case["vocab"]))
            last_of_prompt = outputs[0][case["prompt"] - 1]
            greedy = max(range(case["vocab"]), key=lambda i: last_of_prompt[i])
            self.assertEqual(greedy, case["greedy"][0], name)

    def test_show(self):
        for folder in sorted(GOLDEN_MODELS.iterdir()):
            for model in (folder, folder / "model.gguf"):
                report = json.loads(self.hearth("show", model, "--json", "--tensors").stdout)
                case = json.loads((folder / "case.json").read_text())
                self.assertEqual(report["plan"]["vocabulary"], case["vocab"], model)
                self.assertEqual(sum(t["bytes"] for t in report["tensors"]), report["bytes"])
                self.assertEqual(sum(f["tensors"] for f in report["formats"].values()), len(report["tensors"]))
                self.assertIsNone(report["tokenizer"])
                self.assertIn("layers", self.hearth("show", model).stdout)


@needs_stories
class Show(Case):
    def test_text_and_json(self):
        report = json.loads(self.hearth("show", stories("Q8_0"), "--json").stdout)
        self.assertEqual(report["name"], "stories260K")
        self.assertEqual(report["plan"]["layers"], 5)
        self.assertIn("q8_0", report["formats"])
        self.assertFalse(report["has_chat_template"])
        self.assertEqual(report["metadata"]["llama.attention.head_count"], 8)
        text = self.hearth("show", stories("Q8_0"), "--tensors").stdout
        for words in ("llama, 5 layers, width 64", "q8_0", "8 heads, 4 for keys and values", "blk.4.ffn_up.weight", "172×64",
                      "chat template  default: plain roles"):
            self.assertIn(words, text)


@needs_stories
class Tokenize(Case):
    def test_ids_of_the_reference(self):
        for golden in json.loads((STORIES / "greedy-F32.json").read_text()):
            ids = self.hearth("tokenize", stories(), golden["prompt"], "--ids").stdout
            self.assertEqual(ids, " ".join(map(str, golden["prompt_ids"])) + "\n")

    def test_round_trip(self):
        text = (DATA / "text" / "tinyshakespeare" / "input.txt").read_text()[:20000] + "日本語 naïve 🙂\t\x01 </s> <s>\n"
        path = self.write("t.txt", text)
        vocab = DATA / "tokenizers" / "gguf_vocab" / "ggml-vocab-qwen2.gguf"
        for model in (stories(), vocab):
            ids = self.hearth("tokenize", model, "--ids", "--file", path, "--no-bos").stdout
            self.assertEqual(self.hearth("tokenize", model, "--decode", stdin=ids).stdout, text, model)

    def test_control_tokens_only_when_asked(self):
        self.assertEqual(self.hearth("tokenize", stories(), "</s>", "--special", "--no-bos", "--ids").stdout, "2\n")
        plain = self.hearth("tokenize", stories(), "</s>", "--no-bos", "--ids").stdout.split()
        self.assertNotIn("2", plain)
        self.assertEqual(self.hearth("tokenize", stories(), "1 2", "--decode").stdout, "")
        self.assertEqual(self.hearth("tokenize", stories(), "2", "--decode", "--special").stdout, "</s>")

    def test_pieces_and_json(self):
        out = self.hearth("tokenize", stories(), "Once upon").stdout.splitlines()
        self.assertEqual(out[0].split(), ["1", "<s>"])
        report = json.loads(self.hearth("tokenize", stories(), "Once upon", "--json").stdout)
        self.assertEqual([t["id"] for t in report["tokens"]], [int(line.split()[0]) for line in out])
        self.assertEqual(report["count"], len(out))

    def test_chat(self):
        run = self.hearth("tokenize", stories(), "hi", "--chat", "--ids")
        self.assertEqual(run.stdout, self.hearth("tokenize", stories(), "user: hi\nassistant:", "--ids").stdout)
        self.assertIn("note: the model has no chat template; this is default: plain roles", run.stderr)

    def test_bad_ids(self):
        self.refused("tokenize", stories(), "1 x 2", "--decode", code=2, sentence="'x' is not a token id")
        self.refused("tokenize", stories(), "1 512", "--decode", code=2,
                     sentence="token 512 is not in the vocabulary, which has 0 to 511")


if __name__ == "__main__":
    sys.exit(main())

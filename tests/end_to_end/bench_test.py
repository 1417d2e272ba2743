"""hearth bench, --trace and --profile: that the numbers are there and fit each other. How large they are, no test says."""
import json
import runpy
import sys

from harness import Case, GOLDEN_MODELS, ROOT, main, needs_stories, stories

QUICK = ("--repeats", "2", "--threads", "2")


def nested(events):
    """Whether the complete events of each thread lie within or beside one another, never across."""
    for thread in {e["tid"] for e in events}:
        open_ends = []
        spans = [(e["ts"], -e["dur"]) for e in events if e["tid"] == thread and e["ph"] == "X"]
        for begin, negative in sorted(spans):
            while open_ends and open_ends[-1] <= begin + 1e-3:
                open_ends.pop()
            if open_ends and begin - negative > open_ends[-1] + 1e-3:
                return False
            open_ends.append(begin - negative)
    return True


@needs_stories
class Bench(Case):
    def test_json(self):
        report = json.loads(self.hearth("bench", stories(), "--prompt", "64", "--generate", "16", "--json", *QUICK).stdout)
        machine, memory = report["machine"], report["memory"]
        self.assertGreater(machine["read_gb_s"], 0.1)
        self.assertEqual(machine["matrix_tflop_s"], max(unit["tflop_s"] for unit in machine["units"]))
        self.assertEqual(machine["matrix_unit"], machine["units"][0]["name"])
        self.assertEqual(machine["threads"], 2)
        for kind, fraction in (("prefill", "matrix_fraction"), ("decode", "bandwidth_fraction")):
            self.assertGreater(report[kind]["tokens_per_s"], 0)
            self.assertTrue(0 < report[kind][fraction], report[kind])
            self.assertLessEqual(report[kind]["min"], report[kind]["tokens_per_s"])
            self.assertLessEqual(report[kind]["tokens_per_s"], report[kind]["max"])
            self.assertEqual(len(report[kind]["repeats"]), 2)
        # f32 weights of 5 layers and the tied head, all read; 5 layers of 4 kv heads with 8 f16 keys and 8 values, 1 + 16/2 tokens
        layer = 64 * (64 + 32 + 32 + 64) + 3 * 64 * 172
        kv = 5 * 4 * (8 + 8) * 2 * 9
        self.assertGreaterEqual(report["decode"]["bytes_per_step"], 4 * (5 * layer + 512 * 64) + kv)
        self.assertLess(report["decode"]["bytes_per_step"], 1.1 * (4 * (5 * layer + 512 * 64) + kv))
        self.assertEqual(report["prefill"]["products_per_token"], 5 * layer + 512 * 64 / 64)
        reached = 2 * report["prefill"]["products_per_token"] * report["prefill"]["tokens_per_s"] / (1e12 * machine["matrix_tflop_s"])
        self.assertAlmostEqual(report["prefill"]["matrix_fraction"] / reached, 1, delta=1e-6)
        self.assertGreater(memory["resident_bytes"], memory["weight_bytes"])
        self.assertGreater(memory["predicted_bytes"], memory["weight_bytes"] + memory["kv_bytes"])
        self.assertNotIn("profile", report)
        self.hearth("bench", stories(), "--prompt", "32", "--generate", "8", "--batch", "3", "--page-size", "128", "--quiet", *QUICK)

    def test_lists_measure_all_combinations(self):
        report = json.loads(self.hearth("bench", stories("Q8_0"), "--prompt", "8,32", "--generate", "4", "--depth", "0,100",
                                        "--batch", "1,3", "--json", *QUICK).stdout)
        runs = [(r["kind"], r["tokens"], r["depth"], r["batch"]) for r in report["runs"]]
        self.assertEqual(runs, [("prefill", t, d, b) for t in (8, 32) for d in (0, 100) for b in (1, 3)] +
                         [("decode", 4, d, b) for d in (0, 100) for b in (1, 3)])
        by_case = {(r["kind"], r["depth"], r["batch"]): r for r in report["runs"]}
        per_token = 5 * 4 * (8 + 8) * 2  # of keys and values
        shallow, deep = by_case["decode", 0, 3], by_case["decode", 100, 3]
        self.assertEqual(deep["bytes_per_step"] - shallow["bytes_per_step"], 3 * 99 * per_token)

    def test_only_what_is_asked_for(self):
        report = json.loads(self.hearth("bench", stories(), "--prompt", "0", "--generate", "4", "--json", *QUICK).stdout)
        self.assertNotIn("prefill", report)
        self.assertIn("decode", report)

    def test_random_depth_counts_as_a_prompt_does(self):
        flags = ("bench", stories("Q8_0"), "--prompt", "8", "--generate", "4", "--depth", "100", "--batch", "1,2", "--json", *QUICK)
        read, random = (json.loads(self.hearth(*flags, "--depth-fill", fill).stdout) for fill in ("prompt", "random"))
        self.assertEqual((read["depth_fill"], random["depth_fill"]), ("prompt", "random"))
        self.assertEqual([run.get("bytes_per_step") for run in read["runs"]], [run.get("bytes_per_step") for run in random["runs"]])
        for run in random["runs"]:
            self.assertGreater(run["min"], 0)
        text = self.hearth("bench", stories(), "--prompt", "0", "--generate", "4", "--depth", "64", "--depth-fill", "random", *QUICK).stdout
        self.assertIn("keys and values at a depth are random numbers", text)

    def test_tuning_takes_no_model(self):
        for arguments in (("--tune", stories()), ()):
            self.refused("bench", *arguments, code=2, sentence="the command is: hearth bench MODEL, or hearth bench --tune without a model")

    def test_text_is_plain_without_a_terminal(self):
        text = self.hearth("bench", stories(), "--prompt", "16", "--generate", "8", "--depth", "0,64", *QUICK).stdout
        self.assertTrue(text.isascii(), text)
        for words in ("GB/s", "OP/s", "prefill ", "decode ", "% of bandwidth", "decode, tokens/s by depth", "      64  #", "memory: weights"):
            self.assertIn(words, text)

    def test_bad_input(self):
        for flag, text, low, high in (("prompt", "512,", 0, 16777216), ("generate", "x", 0, 16777216), ("depth", "-1", 0, 16777216),
                                      ("batch", "0", 1, 4096), ("batch", "1,5000", 1, 4096), ("prompt", "", 0, 16777216)):
            self.refused("bench", stories(), f"--{flag}={text}", code=2,
                         sentence=f"--{flag} takes whole numbers from {low} to {high} joined by commas, such as 1,8; it was given '{text}'")
        self.refused("bench", stories(), "--prompt", "0", "--generate", "0", code=2,
                     sentence="--prompt 0 and --generate 0 leave nothing to measure")
        self.refused("bench", "no-such-model", code=66, sentence="no-such-model: no such file")


class Architectures(Case):
    def test_every_golden_model_can_be_measured(self):
        for folder in sorted(GOLDEN_MODELS.iterdir()):
            run = self.hearth("bench", folder, "--prompt", "20", "--generate", "3", "--depth", "0,40", "--repeats", "1", "--threads",
                              "1", "--json")
            report = json.loads(run.stdout)
            self.assertEqual(len(report["runs"]), 4, folder)
            for entry in report["runs"]:
                self.assertGreater(entry["tokens_per_s"], 0, folder)


@needs_stories
class Traces(Case):
    def test_a_trace_changes_no_answer_and_is_nested(self):
        flags = ["run", stories(), "Once upon", "--raw", "--temperature", "0", "-n", "5", "--quiet", "--threads", "2"]
        path = self.home / "trace.json"
        self.assertEqual(self.hearth(*flags, "--trace", path).stdout, self.hearth(*flags).stdout)
        events = json.loads(path.read_text())
        self.assertTrue(nested(events))
        names = [e["name"] for e in events]
        self.assertEqual(names.count("prompt step"), 1)
        self.assertEqual(names.count("decode step"), 4)  # the first token comes from the prompt
        for layer in range(5):
            self.assertEqual(names.count(f"layer {layer}"), 5)
        self.assertEqual(sum(e["name"].startswith("attention") and e["tid"] == 0 for e in events), 25)
        self.assertEqual({e["tid"] for e in events}, {0, 1})
        self.assertEqual(sorted(e["args"]["name"] for e in events if e["ph"] == "M"), ["thread 0, steps", "thread 1"])

    def test_profile(self):
        run = self.hearth("run", stories(), "Once upon", "--raw", "-n", "5", "--profile", "--threads", "2")
        self.assertRegex(run.stderr, r"prompt: 1 step of [\d.]+ ms and \d+ joins; threads wait [\d.]+ % of the time \(thread 0 ")
        self.assertRegex(run.stderr, r"decode: 4 steps of [\d.]+ ms and \d+ joins; threads wait ")
        self.assertRegex(run.stderr, r"  matmul f32 512x64 +1 x +[\d.]+ ms +[\d.]+ %\n")

    def test_bench_profile_in_json(self):
        report = json.loads(self.hearth("bench", stories(), "--prompt", "16", "--generate", "8", "--profile", "--json", *QUICK).stdout)
        decode = report["profile"]["decode"]
        self.assertTrue(0 <= decode["waiting_share"] <= 1)
        self.assertEqual(len(decode["waiting_seconds"]), 2)
        self.assertLessEqual(sum(o["seconds"] for o in decode["operations"]), decode["seconds"])
        self.assertIn("choose tokens", [o["name"] for o in decode["operations"]])

    def test_a_trace_that_cannot_be_written(self):
        run = self.hearth("run", stories(), "Once", "--raw", "-n", "2", "--quiet", "--trace", "/no/such/folder/t.json", code=73)
        self.assertIn("/no/such/folder/t.json", run.stderr)


class RandomModels(Case):
    """tools/random_model.py: what it makes, everyone can run."""

    def make(self, kind, config, mix):
        path = self.home / f"{kind}-{mix}.gguf"
        random_model = runpy.run_path(str(ROOT / "tools" / "random_model.py"))
        for name in ("block_pool", "float_pool"):
            random_model[name].__globals__.update(POOL_BLOCKS=61, POOL_VALUES=1021)
        gguf = random_model["Gguf"]()
        random_model["describe"](gguf, config, kind, config["num_hidden_layers"])
        random_model["add_tensors"](gguf, config, kind, config["num_hidden_layers"], random_model["MIXES"][mix])
        gguf.write(path)
        return path, random_model

    def test_every_format_runs(self):
        config = dict(hidden_size=256, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=128,
                      intermediate_size=512, vocab_size=1100, tie_word_embeddings=True, rms_norm_eps=1e-6, max_position_embeddings=128)
        path, random_model = self.make("qwen3", config, "Q4_K_M")
        for mix in random_model["MIXES"]:
            path, _ = self.make("qwen3", config, mix)
            report = json.loads(self.hearth("run", path, "hello world", "--raw", "-n", "3", "--temperature", "0", "--ignore-end", "--json").stdout)
            self.assertEqual(len(report["tokens"]), 3, mix)
            path.unlink()

    def test_architectures_and_vocabulary(self):
        config = dict(hidden_size=256, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=512,
                      moe_intermediate_size=256, num_experts=4, num_experts_per_tok=2, vocab_size=2000, rms_norm_eps=1e-6,
                      max_position_embeddings=128)
        for kind in ("llama", "qwen2", "qwen3", "qwen3moe"):
            path, _ = self.make(kind, config, "Q4_K_M")
            text = "hello wide world, 12 naïve 日本\n"
            ids = self.hearth("tokenize", path, text, "--ids").stdout
            self.assertEqual(self.hearth("tokenize", path, "--decode", stdin=ids).stdout, text)
            self.assertLess(len(ids.split()), len(text.encode()))  # merges are used
            report = json.loads(self.hearth("run", path, text, "--raw", "-n", "2", "--ignore-end", "--json").stdout)
            self.assertEqual(report["counts"]["generated_tokens"], 2)


if __name__ == "__main__":
    sys.exit(main())

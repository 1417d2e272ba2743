"""Usage: help, mistakes and what is said about them, exit codes, and that broken files never do worse than an error."""
import json
import os
import socket
import subprocess
import sys
import unittest

from harness import BINARY, Case, DATA, GOLDEN_MODELS, clean_environment, main, needs_stories, stories

QWEN = str(GOLDEN_MODELS / "qwen3")


class Help(Case):
    def test_overview_lists_every_command(self):
        for arguments in ([], ["help"], ["--help"], ["-h"]):
            out = self.hearth(*arguments).stdout
            for command in ("run [MODEL", "show MODEL", "tokenize MODEL", "render ", "eval logits", "eval perplexity", "eval divergence", "version"):
                self.assertIn(f"  hearth {command}", out)

    def test_every_command_explains_itself(self):
        for command in ("run", "show", "tokenize", "render", "eval logits", "eval perplexity", "eval divergence", "help", "version"):
            by_flag = self.hearth(*command.split(), "--help").stdout
            self.assertEqual(by_flag, self.hearth("help", *command.split()).stdout)
            self.assertTrue(by_flag.startswith(f"hearth {command}"))
            self.assertIn("--json", by_flag)
        self.assertIn("--temperature X", self.hearth("run", "--help").stdout)

    def test_version(self):
        self.assertRegex(self.hearth("--version").stdout, r"^hearth \d+\.\d+\.\d+\n")
        self.assertRegex(json.loads(self.hearth("version", "--json").stdout)["version"], r"^\d+\.\d+\.\d+$")


class Mistakes(Case):
    def test_commands_and_flags(self):
        self.refused("rnu", code=2, sentence="there is no command 'rnu'; did you mean hearth run?")
        self.refused("eval", "logit", code=2, sentence="there is no command 'eval logit'; did you mean hearth eval logits?")
        self.refused("xyzzy", code=2, sentence="there is no command 'xyzzy'; hearth help lists them")
        self.refused("show", code=2, sentence="too few arguments; the command is: hearth show MODEL")
        self.refused("show", "a", "b", code=2, sentence="'b' is one argument too many; the command is: hearth show MODEL")
        self.refused("run", "m", "--temprature", "1", code=2, sentence="there is no flag --temprature; did you mean --temperature?")
        self.refused("run", "m", "--temperature", "11", code=2,
                     sentence="--temperature takes a number from 0 to 10; it was given '11'")
        self.refused("run", "m", "--temperature", code=2, sentence="--temperature needs a value: --temperature X")
        self.refused("run", "m", "--kv-type", "f8", code=2, sentence="--kv-type takes one of f32, bf16, f16, q8_0, fp8-e4m3, q5_1, q4_0; it was given 'f8'")
        self.refused("help", "rum", code=2, sentence="there is no command 'rum'; did you mean run?")

    def test_errors_as_json(self):
        run = self.hearth("show", "no-such-model", "--json", code=66)
        self.assertEqual(run.stdout, "")
        self.assertEqual(json.loads(run.stderr)["error"]["code"], "not_found")
        run = self.hearth("show", "--jsno", "--json", code=2)
        self.assertEqual(json.loads(run.stderr)["error"]["code"], "usage")

    def test_missing_files(self):
        self.refused("show", "no-such-model", code=66, sentence="no-such-model: no such file")
        self.refused("render", "no-such.jinja", code=66, sentence="no-such.jinja: no such file")
        self.refused("run", QWEN, "hi", "--chat-template", "no-such.jinja", code=66, sentence="no-such.jinja: no such file")
        path = self.write("t.jinja", "x")
        self.refused("render", path, "--context", "no-such.json", code=66, sentence="no-such.json: no such file")

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            run = subprocess.run([BINARY, "help"], stdout=full, stderr=subprocess.PIPE, env=clean_environment(self.home))
        self.assertEqual((run.returncode, run.stderr), (73, b"hearth: standard output cannot be written: No space left on device\n"))

    def test_garbage_is_bad_data(self):
        for content in (b"", b"garbage" * 100, b"GGUF", b"GGUF\x03\0\0\0" + b"\xff" * 64):
            path = self.write("bad.gguf", content)
            run = self.hearth("show", path, code=65)
            self.assertTrue(run.stderr.startswith(f"hearth: {path}: "), run.stderr)
            self.assertEqual(run.stderr.count("\n"), 1)

    def test_a_model_without_a_tokenizer_says_so(self):
        run = self.hearth("run", QWEN, "hi", code=66)
        self.assertIn("holds no tokenizer.json", run.stderr)
        run = self.hearth("run", QWEN + "/model.gguf", "hi", code=65)
        self.assertIn("model.gguf: ", run.stderr)
        self.assertIn("tokenizer.ggml.model", run.stderr)


class Evaluation(Case):
    def test_bad_ids(self):
        out = str(self.home / "l.safetensors")
        self.refused("eval", "logits", QWEN, code=2, sentence="eval logits needs --ids and --out")
        self.refused("eval", "logits", QWEN, "--ids", "1,96", "--out", out, code=2,
                     sentence="token 96 is not in the vocabulary, which has 0 to 95")
        for ids in ("1,,2", "1,2,", "1 2", "x", "99999999999"):
            self.refused("eval", "logits", QWEN, "--ids", ids, "--out", out, code=2,
                         sentence=f"--ids takes token ids joined by commas, such as 1,403,407; it was given '{ids}'")
        run = self.hearth("eval", "logits", QWEN, "--ids", ",".join(["1"] * 257), "--out", out, code=3)
        self.assertRegex(run.stderr, r"^hearth: .*\b257 tokens.*\b256\b")

    def test_an_output_that_cannot_be_written(self):
        run = self.hearth("eval", "logits", QWEN, "--ids", "1", "--out", "/no/such/folder/x", code=73)
        self.assertIn("/no/such/folder/x: cannot be created", run.stderr)

    def test_perplexity_needs_a_text(self):
        self.refused("eval", "perplexity", QWEN, code=2, sentence="eval perplexity needs --text FILE")
        self.refused("eval", "perplexity", QWEN, "--text", "x", "--window", "3", code=2,
                     sentence="--window takes a whole number from 4 to 16777216; it was given '3'")


class Render(Case):
    TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}"
    CONVERSATION = {"messages": [{"role": "user", "content": " héllo "}], "add_generation_prompt": True}

    def test_prints_the_prompt_and_nothing_else(self):
        template = self.write("t.jinja", self.TEMPLATE)
        context = self.write("c.json", json.dumps(self.CONVERSATION))
        self.assertEqual(self.hearth("render", template, "--context", context).stdout, "[user] héllo\n>")
        piped = self.hearth("render", template, "--json", stdin=json.dumps(self.CONVERSATION))
        self.assertEqual(json.loads(piped.stdout), {"text": "[user] héllo\n>"})

    def test_numbers_come_out_as_python_has_them(self):
        template = self.write("t.jinja", "{{ t | tojson }} {{ t.a }}")
        context = '{"t": {"a": 123456789012345678901234567890, "b": -9223372036854775809, "c": [1.0, 1e5, 0.1, -0, 1e16, 12E-6]}}'
        self.assertEqual(self.hearth("render", template, stdin=context).stdout,
                         '{"a": 123456789012345678901234567890, "b": -9223372036854775809, "c": [1.0, 100000.0, 0.1, 0, 1e+16, 1.2e-05]} '
                         "123456789012345678901234567890")

    def test_mistakes(self):
        template = self.write("t.jinja", "line\n{% if %}")
        run = self.hearth("render", template, stdin="{}", code=65)
        self.assertRegex(run.stderr, rf"^hearth: {template}: .*line 2")
        template = self.write("t.jinja", "{{ raise_exception('only users, please') }}")
        run = self.hearth("render", template, stdin="{}", code=2)
        self.assertIn("only users, please", run.stderr)
        for text in ("", "{", "[1]"):
            self.assertIn("standard input: ", self.hearth("render", template, stdin=text, code=65).stderr)


@needs_stories
class RealFiles(Case):
    def test_malformed_collection_never_crashes(self):
        """Every hostile file is refused with a sentence that begins with its name, or is a model after all."""
        files = sorted(p for p in (DATA / "malformed").rglob("*") if p.is_file())
        self.assertGreater(len(files), 100)
        for path in files[::4]:
            run = self.hearth_any("show", path)
            self.assertIn(run.returncode, (0, 2, 3, 4, 65, 74), f"{path}: {run.stderr}")
            if run.returncode:
                self.assertRegex(run.stderr, r"\Ahearth: [^\n]+\n\Z")

    def hearth_any(self, *arguments):
        run = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, timeout=60, env=clean_environment(self.home))
        run.stderr = run.stderr.decode()
        return run

    def test_truncated_model(self):
        with open(stories(), "rb") as file:
            whole = file.read()
        for size in (20, 5000, len(whole) // 2, len(whole) - 1):
            path = self.write("cut.gguf", whole[:size])
            run = self.hearth("run", path, "hi", code=65)
            self.assertTrue(run.stderr.startswith(f"hearth: {path}: "), run.stderr)

    def test_prompt_longer_than_the_context_names_both_counts(self):
        run = self.hearth("run", stories(), "word " * 600, "--raw", code=3)
        self.assertRegex(run.stderr, r"^hearth: .*\b\d{3,4} tokens.*\b512\b")

    ANSWER = ("--temperature", "0", "-n", "8", "--json")

    def answer(self, *arguments, **more):
        return self.answer_of(self.hearth("run", stories(), *arguments, *self.ANSWER, **more))

    def answer_of(self, run):
        self.assertEqual(run.returncode, 0, run.stderr)
        answer = json.loads(run.stdout)
        return answer["text"], answer["counts"]["prompt_tokens"]

    def run_from(self, stdin, *arguments, shell=""):
        """The binary with this standard input, perhaps redirected by a shell."""
        return subprocess.run(["bash", "-c", f'exec "$@" {shell}', "bash", BINARY, "run", stories(), *arguments], stdin=stdin,
                              capture_output=True, timeout=60, env=clean_environment(self.home))

    def test_what_is_piped_in_stands_before_the_prompt(self):
        alone, both = self.answer("Tell more"), self.answer("A big dog\nran.\n\nTell more")
        self.assertNotEqual(alone, both)
        self.assertEqual(self.answer("Tell more", stdin="A big dog\nran.\n"), both)
        self.assertEqual(self.answer("", stdin="Tell more\n"), alone)
        self.assertEqual(self.answer("-", stdin="Tell more"), alone)
        for nothing in ("", "\n"):
            self.assertEqual(self.answer("Tell more", stdin=nothing), alone)
        path = self.write("text.txt", "A big dog\nran.\n")
        for shell, expected in ((f"< {path}", both), (f"< <(sleep 1; cat {path})", both), ("< /dev/null", alone), ("<&-", alone)):
            run = self.run_from(subprocess.DEVNULL, "Tell more", *self.ANSWER, shell=shell)
            self.assertEqual(self.answer_of(run), expected, shell)
            self.assertNotIn(b"nothing came", run.stderr)
        self.assertEqual(self.answer("there", "--raw", stdin="Once"), self.answer("Once\n\nthere", "--raw"))
        run = self.hearth("run", stories(), "Tell more", stdin="word " * 600, code=3)
        self.assertRegex(run.stderr, r"(?m)^hearth: .*\b\d{3,4} tokens.*\b512\b")

    def test_a_pipe_that_nobody_writes_to_is_left_alone(self):
        alone = self.answer("Tell more")
        ends = [*os.pipe(), *(end.detach() for end in socket.socketpair())]
        try:
            for end in (ends[0], ends[2]):
                run = self.run_from(end, "Tell more", *self.ANSWER)
                self.assertEqual(self.answer_of(run), alone)
                self.assertIn(b"note: nothing came on standard input for 5 seconds: the prompt goes without it\n", run.stderr)
        finally:
            for end in ends:
                os.close(end)

    def test_closed_standard_input_is_empty(self):
        run = self.run_from(subprocess.DEVNULL, shell="<&-")
        self.assertEqual(run.returncode, 2)
        self.assertTrue(run.stderr.startswith(b"hearth: the prompt is empty"), run.stderr)

    def test_sampling_mistakes_of_the_engine_and_the_service(self):
        self.refused("run", stories(), "a", "--raw", "--logit-bias", "512=1", code=2,
                     sentence="logit-bias names token 512; the vocabulary has 0 to 511")
        run = self.hearth("run", stories(), "a", "--raw", "--samplers", "top_k,nonsense", code=2)
        self.assertRegex(run.stderr, "nonsense.*top_p")  # and the known ones
        run = self.hearth("run", stories(), "a", "--raw", "--isa", "sse9", code=78)
        self.assertIn("sse9", run.stderr)

    def test_chat_forms_need_a_prompt_or_a_terminal(self):
        self.assertIn("error", json.loads(self.hearth("run", "no-such", "--json", code=66).stderr))


if __name__ == "__main__":
    sys.exit(main())

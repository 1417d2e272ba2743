#!/usr/bin/env python3
"""Runs the real binary: measuring commands against the trained tiny model, a chat in a pseudo-terminal, bad input.

    end_to_end.py HEARTH_BINARY

Every function test_* is a test; those that need the shared data are skipped without it.
Ends with "N passed, N failed, N skipped". Needs only Python's own library.
"""
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("HEARTH_TEST_DATA", ROOT.parent / "shared" / "data"))
STORIES = DATA / "models" / "stories260K"
HEARTH = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build" / "release" / "hearth")
GOLDEN = ROOT / "tests" / "golden" / "models"
HOME = tempfile.mkdtemp(prefix="hearth-test-")


class Skip(Exception):
    pass


def environment(**extra):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTH_", "XDG_"))}
    return {**clean, "HOME": HOME, "TERM": "xterm", **extra}


def hearth(*arguments, stdin="", status=0, **extra):
    ran = subprocess.run([HEARTH, *map(str, arguments)], input=stdin, capture_output=True, text=True, env=environment(**extra),
                         timeout=120)
    assert ran.returncode == status, f"{arguments}: exit status {ran.returncode}, not {status}: {ran.stderr or ran.stdout}"
    return ran


def stories(name="stories260K-F32.gguf"):
    if not STORIES.is_dir():
        raise Skip("the folder of shared test data is absent")
    return STORIES / name


def test_greedy_text_is_the_references():
    for format in ("F32", "Q8_0"):
        for case in json.loads(stories(f"greedy-{format}.json").read_text()):
            if format != "F32" and case["prompt"] != "Once upon a time":
                continue  # near ties of a quantized model may fall either way after a while
            out = hearth("run", stories(f"stories260K-{format}.gguf"), case["prompt"], "--raw", "--temperature", 0,
                         "--max-tokens", 96 if format == "F32" else 40, "--quiet").stdout
            want = case["text"] if format == "F32" else case["text"][: len(out)]
            assert out.startswith(want), f"{format} {case['prompt']!r}: {out!r}, not {want!r}"


def test_both_backends_and_every_instruction_set_agree():
    texts = set()
    for arguments in (["--backend", "reference"], ["--isa", "scalar"], []):
        texts.add(hearth("run", stories(), "Lily and Tom", "--raw", "--temperature", 0, "--max-tokens", 60, "--quiet", *arguments).stdout)
    assert len(texts) == 1, texts


def test_perplexity_is_the_references():
    wanted = {"F32": 5.0556, "F16": 5.0556, "BF16": 5.0558, "Q8_0": 5.0598, "Q5_1": 5.0874, "Q4_0": 5.3642, "IQ4_NL": 5.3274}
    for format, value in wanted.items():
        out = hearth("eval", "perplexity", stories(f"stories260K-{format}.gguf"), "--text", stories("ppl_text.txt"),
                     "--window", 256).stdout
        found = float(re.fullmatch(r"perplexity ([0-9.]+)", out.strip().splitlines()[-1]).group(1))
        bound = 0.001 if format in ("F32", "F16", "BF16") else 0.005
        assert abs(found / value - 1) <= bound, f"{format}: {found}, the reference says {value}"


def test_same_seed_same_text():
    run = lambda seed: hearth("run", stories(), "One day", "--raw", "--seed", seed, "--max-tokens", 40, "--quiet").stdout
    assert run(5) == run(5)
    assert len({run(seed) for seed in range(6)}) > 1


def test_run_json_counts():
    out = json.loads(hearth("run", stories(), "Once upon a time", "--raw", "--temperature", 0, "--max-tokens", 7, "--json").stdout)
    assert len(out["tokens"]) == 7 and out["finish_reason"] == "length" and out["counts"]["prompt_tokens"] == 5, out


def test_prompt_from_standard_input():
    argument = hearth("run", stories(), "Once upon a time", "--raw", "--temperature", 0, "--max-tokens", 9, "--quiet").stdout
    piped = hearth("run", stories(), "--raw", "--temperature", 0, "--max-tokens", 9, "--quiet", stdin="Once upon a time\n").stdout
    assert argument == piped


def test_stop_string_is_not_printed():
    out = hearth("run", stories(), "Once upon a time", "--raw", "--temperature", 0, "--max-tokens", 90, "--quiet", "--stop", "Lily").stdout
    assert out == ", there was a little girl named ", out


def test_tokenize_round_trip():
    text = "Once upon a time, Lily saw a 🐱.\n"
    ids = hearth("tokenize", stories(), text, "--ids").stdout.strip()
    assert re.fullmatch(r"1( \d+)+", ids), ids
    bare = hearth("tokenize", stories(), text, "--ids", "--no-bos").stdout.strip()
    assert "1 " + bare == ids
    assert hearth("tokenize", stories(), bare, "--decode").stdout.rstrip("\n") == text.rstrip("\n")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text)
        file.flush()
        assert hearth("tokenize", stories(), "--ids", "--file", file.name).stdout.strip() == ids


def test_render_a_template_file():
    with tempfile.TemporaryDirectory() as folder:
        template, variables = Path(folder) / "t.jinja", Path(folder) / "c.json"
        template.write_text("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}")
        variables.write_text('{"messages": [{"role": "user", "content": "hi"}]}')
        assert hearth("render", template, "--context", variables).stdout == "<|user|>hi\n"
        template.write_text("a\n{% if %}")
        failed = hearth("render", template, "--context", variables, status=65)
        assert "line 2" in failed.stderr, failed.stderr


def test_show_json():
    for model in [GOLDEN / "qwen3", GOLDEN / "lfm2" / "model.gguf"]:
        out = json.loads(hearth("show", model, "--json").stdout)
        assert out, model


def test_logits_of_both_containers_are_equal():
    with tempfile.TemporaryDirectory() as folder:
        bits = []
        for model in (GOLDEN / "qwen3", GOLDEN / "qwen3" / "model.gguf"):
            out = Path(folder) / "logits.safetensors"
            hearth("eval", "logits", model, "--ids", "1,2,3,4", "--out", out)
            content = out.read_bytes()
            size = struct.unpack("<Q", content[:8])[0]
            header = json.loads(content[8:8 + size])["logits"]
            assert header["dtype"] == "F32" and header["shape"][0] == 4, header
            bits.append(content[8 + size:])
        assert bits[0] == bits[1]


def test_bad_input_is_told():
    cases = [
        (["run", "/no/such/model.gguf", "x"], 66, "/no/such/model.gguf"),
        (["run", GOLDEN / "qwen3" / "model.gguf", "x", "--temprature", "1"], 2, "temperature"),
        (["run", GOLDEN / "qwen3" / "model.gguf", "x", "--temperature", "-1"], 2, "temperature"),
        (["run", GOLDEN / "qwen3" / "model.gguf", "x"], 65, "tokenizer.ggml.model"),
        (["eval", "logits", GOLDEN / "qwen3", "--ids", "1,99999999", "--out", "/tmp/x.safetensors"], 2, "99999999"),
        (["eval", "logits", GOLDEN / "qwen3", "--ids", "1,x", "--out", "/tmp/x.safetensors"], 2, "x"),
        (["eval", "perplexity", GOLDEN / "qwen3", "--text", "/no/such/text"], 66, "/no/such/text"),
        (["shwo", "x"], 2, "show"),
        (["run"], 2, "MODEL"),
    ]
    for arguments, status, word in cases:
        failed = hearth(*arguments, status=status)
        assert word in failed.stderr and failed.stderr.startswith("hearth: "), f"{arguments}: {failed.stderr}"
        error = json.loads(hearth(*arguments, "--json", status=status).stderr)["error"]
        assert error["message"] and error["code"], error


def test_unknown_sampler_is_told():
    assert "top_k" in hearth("run", stories(), "x", "--samplers", "top_x", status=2).stderr


def test_truncated_files_are_told():
    with tempfile.TemporaryDirectory() as folder:
        whole = (GOLDEN / "qwen3" / "model.gguf").read_bytes()
        for size in (3, 20, 700, len(whole) // 2, len(whole) - 1):
            path = Path(folder) / "cut.gguf"
            path.write_bytes(whole[:size])
            failed = hearth("show", path, status=65)
            assert "cut.gguf" in failed.stderr, failed.stderr


def test_context_overflow_names_both_counts():
    failed = hearth("run", stories(), "Once upon a time " * 50, "--raw", "--context", 64, status=3)
    assert "64" in failed.stderr, failed.stderr


def test_options_from_variable_and_config_file():
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "hearth" / "config.toml"
        config.parent.mkdir()
        config.write_text("max_tokens = 3\n")
        run = lambda *a, **e: json.loads(hearth("run", stories(), "One", "--raw", "--json", *a, XDG_CONFIG_HOME=folder, **e).stdout)
        assert len(run()["tokens"]) == 3
        assert len(run(HEARTH_MAX_TOKENS="4")["tokens"]) == 4
        assert len(run("--max-tokens", 5, HEARTH_MAX_TOKENS="4")["tokens"]) == 5
        config.write_text("max_tokenz = 3\n")
        failed = hearth("run", stories(), "One", "--raw", status=78, XDG_CONFIG_HOME=folder)
        assert "max_tokens" in failed.stderr and "line 1" in failed.stderr, failed.stderr


def test_documentation_of_options_is_current():
    made = hearth("help", "--markdown").stdout
    assert made == (ROOT / "docs" / "options.md").read_text(), "docs/options.md differs from `hearth help --markdown`"


class Terminal:
    """The binary in a pseudo-terminal."""

    def __init__(self, *arguments):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve(HEARTH, [HEARTH, *map(str, arguments)], environment(XDG_STATE_HOME=HOME))
        self.seen = ""

    def send(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern, seconds=20):
        """Reads until `pattern` appears after what earlier calls consumed; returns the match."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen, re.S)):
            assert time.monotonic() < deadline, f"{pattern!r} did not appear in {self.seen[-600:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
        self.seen = self.seen[found.end():]
        return found

    def finish(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("the program did not end")


def test_chat_in_a_terminal():
    prompt = r">>>\S* "
    chat = Terminal("run", stories(), "--temperature", 0, "--max-tokens", 30)
    chat.expect("no chat template.*?" + prompt)
    chat.send("Once upon a time\r")
    chat.expect(r"\w+.*?max-tokens.*?" + prompt)
    chat.send("/set max-tokens 400\r")
    chat.expect(prompt)
    chat.send("/set ignore-end true\r")
    chat.expect(prompt)
    chat.send("Tell me a long story\r")
    chat.expect(r"story\r\n.{5}")
    chat.send("\x03")  # stops the answer, keeps the chat
    chat.expect("interrupted.*?" + prompt)
    chat.send("half a line\x03")
    chat.expect("leaves.*?" + prompt)
    chat.send("/sho\r")
    chat.expect("/help lists them.*?" + prompt)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.json"
        chat.send(f"/save {path}\r")
        chat.expect("4 messages saved.*?" + prompt)
        roles = [m["role"] for m in json.loads(path.read_text())["messages"]]
        assert roles == ["user", "assistant"] * 2, roles
        chat.send("/clear\r")
        chat.expect("new conversation.*?" + prompt)
        chat.send(f"/load {path}\r")
        chat.expect("4 messages loaded.*?" + prompt)
    chat.send("/bye\r")
    assert chat.finish() == 0
    assert "Once" in (Path(HOME) / "hearth" / "history").read_text()
    again = Terminal("run", stories(), "--max-tokens", 1)
    again.expect(prompt)
    again.send("\x1b[A")  # the last line of the session before
    again.expect("/bye")
    again.send("\x03")
    again.expect("leaves.*?" + prompt)
    again.send("\x04")
    assert again.finish() == 0


def main():
    passed = failed = skipped = 0
    for name, test in [(n, f) for n, f in globals().items() if n.startswith("test_")]:
        try:
            test()
            passed += 1
            print(f"ok   {name}")
        except Skip as reason:
            skipped += 1
            print(f"SKIPPED end_to_end {name}: {reason}")
        except Exception as error:  # a failing test must not hide the others
            failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

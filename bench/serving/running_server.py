"""A server under measurement: started, watched through /proc, and stopped. Linux only, Python's standard library only."""
import http.client
import json
import math
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = str(ROOT / "build/release/hearth")
WORDS = "the of and to in that it was his with as had for you he not be on at by which have from her she this said all".split()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RunningServer:
    def __init__(self, command, port, env=None, ready_seconds=120):
        """`command` listens on 127.0.0.1:port and answers /health or /v1/models with 200 once it is ready."""
        self.port = port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, **(env or {})})
        deadline = time.monotonic() + ready_seconds
        while not self.answers():
            if self.process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with status {self.process.returncode}")
            if time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{command[0]} was not ready after {ready_seconds} s")
            time.sleep(0.05)

    def answers(self):
        for path in ("/health", "/v1/models"):
            try:
                connection = self.connection(timeout=5)
                connection.request("GET", path)
                status = connection.getresponse().status
                connection.close()
                if status == 200:
                    return True
            except OSError:
                pass
        return False

    def connection(self, timeout=600):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def post(self, path, body, timeout=600):
        """(status, headers, parsed body)."""
        connection = self.connection(timeout)
        try:
            connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, answer.headers, json.loads(text)
        except ValueError:
            return answer.status, answer.headers, text

    def events(self, path, body, timeout=600):
        """Yields (seconds since the request was sent, event) of a stream; the closing [DONE] is left out."""
        connection = self.connection(timeout)
        try:
            start = time.monotonic()
            connection.request("POST", path, json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(f"status {answer.status}: {answer.read(300)!r}")
            for line in answer:
                if line.startswith(b"data: ") and b"[DONE]" not in line:
                    yield time.monotonic() - start, json.loads(line[6:])
        finally:
            connection.close()

    def usage(self):
        """Resident MiB, threads and open descriptors, now."""
        fields = dict(line.split(":", 1) for line in open(f"/proc/{self.process.pid}/status") if ":" in line)
        return {"resident_mib": int(fields["VmRSS"].split()[0]) / 1024, "threads": int(fields["Threads"]),
                "descriptors": len(os.listdir(f"/proc/{self.process.pid}/fd"))}

    def stop(self):
        """Ends it as an operator would; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Prompts:
    """Texts of about a wanted number of tokens, none of which begins like another."""

    def __init__(self, server):
        text = " ".join(random.Random(0).choices(WORDS, k=100))
        _, _, answer = server.post("/v1/completions", {"prompt": text, "max_tokens": 1, "temperature": 0})
        self.tokens_per_word = answer["usage"]["prompt_tokens"] / 100
        self.drawn = 0

    def text(self, tokens):
        self.drawn += 1
        return " ".join(random.Random(self.drawn).choices(WORDS, k=max(1, round(tokens / self.tokens_per_word))))


def start_hearth(model, *options, binary=BINARY):
    port = free_port()
    return RunningServer([binary, "serve", model, "--port", str(port), *map(str, options)], port)


def start_llama_server(binary, model, streams, context):
    """llama.cpp's server; `context` is what all streams share."""
    port, threads = free_port(), str(len(os.sched_getaffinity(0)))
    return RunningServer([binary, "--model", model, "--port", str(port), "--parallel", str(streams), "--ctx-size", str(context), "--kv-unified",
                          "--threads", threads, "--threads-batch", threads, "--cache-ram", "0"], port)


def table(columns, rows):
    """Prints Markdown. Texts stand as they are, whole numbers too, others with three figures."""
    def cell(value):
        return f"{value:.3g}" if isinstance(value, float) and abs(value) < 100 else f"{value:.0f}" if isinstance(value, float) else str(value)
    print("\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(map(cell, row)) + " |", flush=True)


class Load:
    """The load average before and after, which says whether others took part."""

    def __init__(self):
        self.before = os.getloadavg()[0]

    def tell(self):
        print(f"\nLoad average {self.before:.1f} before, {os.getloadavg()[0]:.1f} after (one minute, this measurement included); "
              f"{len(os.sched_getaffinity(0))} processors.", flush=True)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else float("nan")  # nearest rank

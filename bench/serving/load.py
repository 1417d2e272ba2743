#!/usr/bin/env python3
"""What clients see of a server under load: throughput, time to first token and gap between tokens by number of streams, and the
gap that running streams see while a long prompt arrives.

    bench/serving/load.py MODEL [--streams 1,4,8,16,32] [--prompt 256] [--generate 128] [--long 4096]
                          [--binary build/release/hearth] [--peer LLAMA-SERVER or PYTHON]

--peer names llama.cpp's own server, or a Python interpreter with the package llama-cpp-python[server], whose server answers one
request after the other. It serves the same file with the same threads; at every number of streams first one, then the other
is measured while the idle one sleeps. Prints Markdown tables and, last, the same as one JSON object.
"""
import argparse
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from running_server import BINARY, Load, Prompts, RunningServer, free_port, percentile, start_hearth, start_llama_server, table

RUNNING_WITH_LONG = 8  # streams beside which the long prompt arrives
MOST_RUNNING_TOKENS = 2000


class Stream:
    """One streamed answer: when each piece of text came, and how many tokens it had."""

    def __init__(self, server, prompt, generate):
        body = {"prompt": prompt, "max_tokens": generate, "temperature": 0, "ignore_eos": True, "stream_options": {"include_usage": True}}
        self.times, self.tokens = [], 0
        for at, event in server.events("/v1/completions", body):
            if event.get("choices") and event["choices"][0]["finish_reason"] is None:
                self.times.append(at)
            if event.get("usage"):
                self.tokens = event["usage"]["completion_tokens"]
        self.tokens = self.tokens or len(self.times)


def many(server, prompts, count, generate):
    """`count` streams begun together."""
    streams = [None] * count
    texts = [prompts.text(generate[0]) for _ in range(count)]
    def one(i):
        streams[i] = Stream(server, texts[i], generate[1])
    start = time.monotonic()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    answered = [s for s in streams if s and s.times]
    first = [s.times[0] for s in answered]
    gaps = [1000 * (b - a) for s in answered for a, b in zip(s.times, s.times[1:])]
    return {"streams": count, "answered": len(answered), "tokens": sum(s.tokens for s in answered),
            "tokens_per_s": sum(s.tokens for s in answered) / seconds,
            "first_token_s": {"p50": percentile(first, .5), "p99": percentile(first, .99)},
            "gap_ms": {"p50": percentile(gaps, .5), "p99": percentile(gaps, .99), "most": max(gaps, default=float("nan"))}}


def intrusion(server, prompts, streams, long):
    """The gaps of running streams before and after a long prompt arrives."""
    ended, times = threading.Event(), [[] for _ in range(streams)]
    texts = [prompts.text(64) for _ in range(streams)]
    begin = time.monotonic()
    def one(i):
        body = {"prompt": texts[i], "max_tokens": MOST_RUNNING_TOKENS, "temperature": 0, "ignore_eos": True}
        try:
            for _, event in server.events("/v1/completions", body):
                times[i].append(time.monotonic() - begin)
                if ended.is_set():
                    return
        except OSError:
            pass
    threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(streams)]
    for thread in threads:
        thread.start()
    while any(len(t) < 40 for t in times) and time.monotonic() - begin < 120:
        time.sleep(0.05)
    arrived = time.monotonic() - begin
    read = Stream(server, prompts.text(long), 1)
    answered = time.monotonic() - begin
    ended.set()
    for thread in threads:
        thread.join(60)
    quiet = [1000 * (b - a) for t in times for a, b in zip(t[8:], t[9:]) if b < arrived]
    disturbed = [1000 * (b - a) for t in times for a, b in zip(t, t[1:]) if b > arrived and a < answered]
    return {"streams": streams, "long_prompt_s": read.times[0] if read.times else answered - arrived, "quiet_p99_ms": percentile(quiet, .99),
            "disturbed_p50_ms": percentile(disturbed, .5), "disturbed_p99_ms": percentile(disturbed, .99),
            "longest_ms": max(disturbed, default=float("nan"))}


def places(args):
    """Answers at once: all streams, or those beside which the long prompt arrives and that prompt."""
    return max(*args.streams, RUNNING_WITH_LONG + 1)


class Peer:
    """llama.cpp behind HTTP, of either kind."""

    def __init__(self, args):
        self.is_parallel = Path(args.peer).name.startswith("llama-server")
        self.name = "llama-server" if self.is_parallel else "llama-cpp-python"
        if self.is_parallel:
            total = max(args.context, places(args) * (args.prompt + args.generate + 64), args.long + RUNNING_WITH_LONG * (MOST_RUNNING_TOKENS + 100))
            self.server = start_llama_server(args.peer, args.model, places(args), total)
        else:
            port, threads = free_port(), str(len(os.sched_getaffinity(0)))
            self.server = RunningServer([args.peer, "-m", "llama_cpp.server", "--model", args.model, "--port", str(port), "--n_ctx", str(args.context),
                                         "--n_threads", threads, "--n_threads_batch", threads, "--interrupt_requests", "false"], port)

    @staticmethod
    def version(path):
        code = [path, "--version"] if Path(path).name.startswith("llama-server") else [path, "-c", "import llama_cpp; print(llama_cpp.__version__)"]
        run = subprocess.run(code, capture_output=True, text=True, check=False)
        return " ".join((run.stdout + run.stderr).split()[:6])


def tell_streams(args, rows):
    print(f"\n{Path(args.model).name}, {args.prompt} + {args.generate} tokens, all streams begun together:")
    table(["server", "streams", "answered", "tokens/s", "first token p50, s", "p99, s", "gap p50, ms", "p99, ms", "longest, ms"],
          [(name, r["streams"], r["answered"], r["tokens_per_s"], r["first_token_s"]["p50"], r["first_token_s"]["p99"], r["gap_ms"]["p50"],
            r["gap_ms"]["p99"], r["gap_ms"]["most"]) for name, r in rows])


def tell_intrusion(args, found):
    print(f"\nGaps of running streams while a prompt of {args.long} tokens is read:")
    table(["server", "streams", "before, p99, ms", "meanwhile p50, ms", "p99, ms", "longest, ms", "the prompt took, s"],
          [(name, f["streams"], f["quiet_p99_ms"], f["disturbed_p50_ms"], f["disturbed_p99_ms"], f["longest_ms"], f["long_prompt_s"])
           for name, f in found.items()])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--streams", type=lambda t: [int(n) for n in t.split(",")], default=[1, 4, 8, 16, 32])
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--long", type=int, default=4096, help="tokens; 0 measures none")
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--binary", default=BINARY)
    parser.add_argument("--peer", help="a llama-server, or a Python with llama-cpp-python[server]")
    return parser.parse_args()


def main():
    args, load = arguments(), Load()
    servers = {"hearth": start_hearth(args.model, "--parallel", places(args), "--context", args.context, binary=args.binary)}
    result = {"model": Path(args.model).name, "prompt": args.prompt, "generate": args.generate, "streams": [], "intrusion": {}}
    is_parallel = {"hearth": True}
    try:
        if args.peer:
            peer = Peer(args)
            servers[peer.name], is_parallel[peer.name] = peer.server, peer.is_parallel
            print(f"\nPeer: {peer.name}, {Peer.version(args.peer)}" + ("" if peer.is_parallel else "; it answers one request after the other") + ".", flush=True)
        prompts = {name: Prompts(server) for name, server in servers.items()}
        for server in servers.values():
            Stream(server, "Once", 8)  # for warmth
        rows = [(name, many(server, prompts[name], count, (args.prompt, args.generate))) for count in args.streams for name, server in servers.items()]
        tell_streams(args, rows)
        result["streams"] = [{"server": name, **row} for name, row in rows]
        if args.long:
            for name, server in servers.items():
                streams = RUNNING_WITH_LONG if is_parallel[name] else 1
                result["intrusion"][name] = intrusion(server, prompts[name], streams, args.long)
            tell_intrusion(args, result["intrusion"])
    finally:
        for server in servers.values():
            server.stop()
    load.tell()
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()

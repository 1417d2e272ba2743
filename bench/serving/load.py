#!/usr/bin/env python3
"""What clients see of a server under load: throughput, time to first token and gap between tokens by number of streams, the
gap that running streams see while a long prompt arrives, and what a repeated prefix costs.

    bench/serving/load.py MODEL [--streams 1,4,8,16,32] [--prompt 256] [--generate 128] [--long 4096] [--prefix 8192]
                          [--binary build/release/hearth] [--peer PYTHON]

--peer names a Python interpreter with the package llama-cpp-python[server]; its server is then measured in turn, at every
number of streams first the one, then the other. Prints Markdown tables and, last, the same as one JSON object.
"""
import argparse
import json
import os
import random
import statistics
import threading
import time
from pathlib import Path

from running_server import RunningServer, free_port, percentile

ROOT = Path(__file__).resolve().parents[2]
WORDS = "the of and to in that it was his with as had for you he not be on at by which have from her she this said all".split()


class Prompts:
    """Texts of a wanted number of tokens, none of which begins like another."""

    def __init__(self, server):
        text = " ".join(random.Random(0).choices(WORDS, k=400))
        _, _, answer = server.post("/v1/completions", {"prompt": text, "max_tokens": 1, "temperature": 0})
        self.tokens_per_word = answer["usage"]["prompt_tokens"] / 400
        self.drawn = 0

    def text(self, tokens):
        self.drawn += 1
        return " ".join(random.Random(self.drawn).choices(WORDS, k=max(1, round(tokens / self.tokens_per_word))))


def stream(server, prompt, generate):
    """(times of tokens in seconds since the start, tokens of the prompt)."""
    body = {"prompt": prompt, "max_tokens": generate, "temperature": 0, "ignore_eos": True}
    times = [at for at, event in server.events("/v1/completions", body) if event.get("choices") and event["choices"][0]["finish_reason"] is None]
    return times


def many(server, prompts, count, generate):
    """`count` streams begun together."""
    times = [None] * count
    def one(i):
        times[i] = stream(server, prompts[i], generate)
    start = time.monotonic()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    first = [t[0] for t in times if t]
    gaps = [b - a for t in times if t for a, b in zip(t, t[1:])]
    return {"streams": count, "tokens_per_s": sum(len(t or []) for t in times) / seconds, "first_token_s": {"p50": percentile(first, .5), "p99": percentile(first, .99)},
            "gap_ms": {"p50": 1000 * percentile(gaps, .5), "p99": 1000 * percentile(gaps, .99), "most": 1000 * max(gaps, default=float("nan"))}}


def intrusion(server, prompts, streams, long):
    """The gaps of running streams before and after a long prompt arrives."""
    ended, times = threading.Event(), [[] for _ in range(streams)]
    begin = time.monotonic()
    def one(i):
        body = {"prompt": prompts.text(64), "max_tokens": 2000, "temperature": 0, "ignore_eos": True}
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
    first = stream(server, prompts.text(long), 1)
    answered = time.monotonic() - begin
    ended.set()
    for thread in threads:
        thread.join(60)
    quiet = [b - a for t in times for a, b in zip(t[8:], t[9:]) if b < arrived]
    disturbed = [b - a for t in times for a, b in zip(t, t[1:]) if b > arrived and a < answered]
    return {"streams": streams, "long_prompt_s": first[0] if first else float("nan"), "quiet_p99_ms": 1000 * percentile(quiet, .99),
            "disturbed_p50_ms": 1000 * percentile(disturbed, .5), "disturbed_p99_ms": 1000 * percentile(disturbed, .99), "longest_ms": 1000 * max(disturbed, default=float("nan"))}


def repeated_prefix(server, prompts, tokens):
    prompt = prompts.text(tokens)
    cold = stream(server, prompt, 1)[0]
    warm = statistics.median(stream(server, prompt + " " + word, 1)[0] for word in WORDS[:5])
    return prompt, {"tokens": tokens, "cold_s": cold, "warm_s": warm, "share": warm / cold}


def start_hearth(args, folder=None):
    port = free_port()
    command = [args.binary, "serve", args.model, "--port", str(port), "--parallel", str(max(args.streams)), "--context", str(args.context)]
    if folder:
        command += ["--prefix-cache-dir", folder]
    return RunningServer(command, port)


def start_peer(args):
    port = free_port()
    threads = str(len(os.sched_getaffinity(0)))
    return RunningServer([args.peer, "-m", "llama_cpp.server", "--model", args.model, "--port", str(port), "--n_ctx", str(args.context),
                          "--n_threads", threads, "--n_threads_batch", threads, "--interrupt_requests", "false"], port)


def print_table(title, rows):
    print(f"\n{title}\n\n| server | streams | tokens/s | first token p50, s | p99, s | gap p50, ms | p99, ms | longest, ms |\n|---|---|---|---|---|---|---|---|")
    for name, r in rows:
        print(f"| {name} | {r['streams']} | {r['tokens_per_s']:.1f} | {r['first_token_s']['p50']:.2f} | {r['first_token_s']['p99']:.2f} | "
              f"{r['gap_ms']['p50']:.0f} | {r['gap_ms']['p99']:.0f} | {r['gap_ms']['most']:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--streams", type=lambda t: [int(n) for n in t.split(",")], default=[1, 4, 8, 16, 32])
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--long", type=int, default=4096)
    parser.add_argument("--prefix", type=int, default=8192)
    parser.add_argument("--context", type=int, default=12288)
    parser.add_argument("--binary", default=str(ROOT / "build/release/hearth"))
    parser.add_argument("--peer", help="a Python with llama-cpp-python[server]")
    args = parser.parse_args()
    servers = {"hearth": start_hearth(args)}
    if args.peer:
        servers["llama-cpp-python"] = start_peer(args)
    result = {"model": Path(args.model).name, "load_before": os.getloadavg(), "prompt": args.prompt, "generate": args.generate,
              "streams": [], "intrusion": {}, "prefix": {}}
    try:
        prompts = {name: Prompts(server) for name, server in servers.items()}
        rows = []
        for count in args.streams:
            for name, server in servers.items():
                row = many(server, [prompts[name].text(args.prompt) for _ in range(count)], count, args.generate)
                rows.append((name, row))
                result["streams"].append({"server": name, **row})
        print_table(f"{args.prompt} + {args.generate} tokens", rows)
        for name, server in servers.items():
            if args.long:
                found = result["intrusion"][name] = intrusion(server, prompts[name], min(8, max(args.streams)) if name == "hearth" else 1, args.long)
                print(f"\n{name}, a prompt of {args.long} tokens arrives at {found['streams']} streams: gap p99 {found['quiet_p99_ms']:.0f} ms before; "
                      f"p50 {found['disturbed_p50_ms']:.0f}, p99 {found['disturbed_p99_ms']:.0f}, longest {found['longest_ms']:.0f} ms while it is read ({found['long_prompt_s']:.1f} s)", flush=True)
            if args.prefix:
                _, found = repeated_prefix(server, prompts[name], args.prefix)
                result["prefix"][name] = found
                print(f"\n{name}, a prefix of {args.prefix} tokens again: {found['warm_s']:.3f} s instead of {found['cold_s']:.2f} s ({100 * found['share']:.1f} %)", flush=True)
    finally:
        for server in servers.values():
            server.stop()
    result["load_after"] = os.getloadavg()
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()

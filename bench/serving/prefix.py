#!/usr/bin/env python3
"""What a repeated prefix costs: time to first token of a prompt never seen, of one whose prefix is in memory, and of one whose
prefix a server that was restarted finds on disk.

    bench/serving/prefix.py MODEL... [--prefix 8192] [--prompts 2] [--binary build/release/hearth] [--peer llama-server]

Each prompt is the prefix and a few words that differ every time. The files are put out of the system's cache before they are read,
so the disk is really read. A hybrid model (tools/random_model.py lfm2-350m) shows what snapshots of recurrent states are worth.
A peer has no prefixes on disk that outlive it, so it is asked for the first two. Prints a Markdown table and, last, the same as one JSON object.
"""
import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from running_server import BINARY, WORDS, Load, Prompts, start_hearth, start_llama_server, table

TAILS = 5


def first_token(server, prompt):
    """(seconds, tokens of the prompt, those of them found in the cache)."""
    usage, first = {}, None
    for at, event in server.events("/v1/completions", {"prompt": prompt, "max_tokens": 1, "temperature": 0, "ignore_eos": True,
                                                       "stream_options": {"include_usage": True}}):
        first = at if first is None else first
        usage = event.get("usage") or usage
    return first, usage.get("prompt_tokens", 0), usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)


def forget(folder):
    """Puts the files of a folder out of the system's cache."""
    total = 0
    for path in Path(folder).rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            total += path.stat().st_size
    return total


def cold_and_warm(args, server):
    """The texts asked for, what each cost at first, and again with other last words."""
    prompts = Prompts(server)
    texts = [prompts.text(args.prefix) for _ in range(args.prompts)]
    first_token(server, "Once")
    cold, warm = [], []
    for text in texts:
        cold.append(first_token(server, text + " once"))
        warm += [first_token(server, f"{text} {word}") for word in WORDS[:TAILS]]
    return texts, cold, warm


def measure_peer(args, model):
    server = start_llama_server(args.peer, model, 1, args.prefix + 256)
    try:
        _, cold, warm = cold_and_warm(args, server)
    finally:
        server.stop()
    return {"model": Path(model).name, "cold_s": statistics.median(f[0] for f in cold), "warm_s": statistics.median(f[0] for f in warm)}


def measure(args, model):
    with tempfile.TemporaryDirectory() as folder:
        start = lambda: start_hearth(model, "--parallel", 1, "--context", args.prefix + 256, "--prefix-cache-dir", folder, binary=args.binary)
        server = start()
        try:
            texts, cold, warm = cold_and_warm(args, server)
        finally:
            server.stop()
        stored = forget(folder)
        server = start()
        try:
            first_token(server, "Once")
            disk = [first_token(server, text + " again") for text in texts]
        finally:
            server.stop()
    seconds = {name: statistics.median(f[0] for f in found) for name, found in (("cold", cold), ("warm", warm), ("disk", disk))}
    return {"model": Path(model).name, "tokens": cold[0][1], "cold_s": seconds["cold"], "warm_s": seconds["warm"], "warm_found": min(f[2] for f in warm),
            "disk_s": seconds["disk"], "disk_found": min(f[2] for f in disk), "disk_mib_each": stored / (1 << 20) / args.prompts}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="+")
    parser.add_argument("--prefix", type=int, default=8192)
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--binary", default=BINARY)
    parser.add_argument("--peer", help="a llama-server")
    args = parser.parse_args()
    load = Load()
    results = [measure(args, model) for model in args.model]
    peers = [measure_peer(args, model) for model in args.model] if args.peer else []
    print(f"\nTime to first token; the prefix again in memory, and from disk after a restart (medians of {args.prompts} prompts):")
    table(["model", "prompt, tokens", "cold, s", "in memory, s", "of cold", "found", "from disk, s", "of cold", "found", "on disk, MiB"],
          [(r["model"], r["tokens"], r["cold_s"], r["warm_s"], f"{100 * r['warm_s'] / r['cold_s']:.2f} %", r["warm_found"], r["disk_s"],
            f"{100 * r['disk_s'] / r['cold_s']:.2f} %", r["disk_found"], r["disk_mib_each"]) for r in results])
    if peers:
        table(["model", "llama-server cold, s", "in memory, s", "of cold"],
              [(r["model"], r["cold_s"], r["warm_s"], f"{100 * r['warm_s'] / r['cold_s']:.2f} %") for r in peers])
    load.tell()
    print("\n" + json.dumps({"hearth": results, "llama-server": peers}))


if __name__ == "__main__":
    main()

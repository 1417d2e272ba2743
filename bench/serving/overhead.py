#!/usr/bin/env python3
"""What serving costs above the engine: tokens per second of N streams beside `hearth bench --batch N` at the same depth.

    bench/serving/overhead.py MODEL [--streams 1,4,8] [--prompt 32] [--generate 128] [--pairs 3] [--binary build/release/hearth]

Only steps in which all streams generate count: from the last first token to the first end. The two take turns; the ratio is the
median over pairs. The client notes when bytes came and reads them afterwards; what it costs is told, for it runs on the same
processors. Prints a Markdown table and, last, the same as one JSON object.
"""
import argparse
import json
import selectors
import socket
import statistics
import subprocess
import time
from pathlib import Path

from running_server import BINARY, Load, Prompts, start_hearth, table

SKIPPED = 4  # tokens of every stream before those that count


def read_streams(port, bodies):
    """[stream][(time, bytes)]: one thread, which does nothing but note."""
    with selectors.DefaultSelector() as ready:
        pieces = [[] for _ in bodies]
        for i, body in enumerate(bodies):
            s = socket.create_connection(("127.0.0.1", port))
            content = json.dumps(body).encode()
            s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(content) + content)
            ready.register(s, selectors.EVENT_READ, i)
        while ready.get_map():
            for key, _ in ready.select():
                piece = key.fileobj.recv(1 << 16)
                if piece:
                    pieces[key.data].append((time.monotonic(), piece))
                else:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()
    return pieces


def token_times(pieces):
    """When each event with text came; several in one piece came together."""
    times, rest = [], b""
    for at, piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        times += [at for line in lines if line.startswith(b"data: {") and b'"finish_reason":null' in line]
    return times


def served(server, prompts, args, count):
    """(tokens per second while all generate, share of one processor that the client took)."""
    bodies = [{"prompt": prompts.text(args.prompt), "max_tokens": args.generate, "temperature": 0, "ignore_eos": True, "stream": True} for _ in range(count)]
    begin, own = time.monotonic(), time.process_time()
    pieces = read_streams(server.port, bodies)
    share = (time.process_time() - own) / (time.monotonic() - begin)
    times = [token_times(p) for p in pieces]
    shortest = min(map(len, times))
    if shortest < args.generate * 3 // 4:
        raise SystemExit(f"a stream had {shortest} events for {args.generate} tokens: pieces of text are no measure of tokens here")
    begin, end = max(t[SKIPPED] for t in times), min(t[-1] for t in times)
    counted = sum(sum(begin < at <= end for at in t) for t in times)
    return counted / (end - begin), share


def benched(args, count):
    """Tokens per second of as many sequences in the same steps, without a server."""
    command = [args.binary, "bench", args.model, "--prompt", "0", "--generate", str(args.generate - SKIPPED), "--depth", str(args.prompt + SKIPPED),
               "--batch", str(count), "--repeats", "1", "--json", "--quiet"]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["runs"][0]["tokens_per_s"]


def compare(args, server, prompts, count):
    pairs = [(benched(args, count), *served(server, prompts, args, count)) for _ in range(args.pairs)]
    losses = [1 - rate / alone for alone, rate, _ in pairs]
    return {"streams": count, "bench": statistics.median(p[0] for p in pairs), "served": statistics.median(p[1] for p in pairs),
            "overhead": statistics.median(losses), "least": min(losses), "most": max(losses), "client": statistics.median(p[2] for p in pairs)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--streams", type=lambda t: [int(n) for n in t.split(",")], default=[1, 4, 8])
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--binary", default=BINARY)
    args = parser.parse_args()
    load = Load()
    server = start_hearth(args.model, "--parallel", max(args.streams), "--context", args.prompt + args.generate + 256, binary=args.binary)
    try:
        prompts = Prompts(server)
        results = [compare(args, server, prompts, count) for count in args.streams]
    finally:
        server.stop()
    print(f"\n{Path(args.model).name}, {args.generate} tokens after {args.prompt}, tokens per second of all streams (medians of {args.pairs} turns):")
    table(["streams", "hearth bench", "served", "overhead", "least", "most", "client, of a processor"],
          [(r["streams"], r["bench"], r["served"], *(f"{100 * r[k]:.1f} %" for k in ("overhead", "least", "most", "client"))) for r in results])
    load.tell()
    print("\n" + json.dumps(results))


if __name__ == "__main__":
    main()

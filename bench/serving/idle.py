#!/usr/bin/env python3
"""What idle connections cost: resident memory and descriptors with N keep-alive connections that have asked once and stay open.

    bench/serving/idle.py MODEL [--connections 1000] [--binary build/release/hearth]

Prints a Markdown table and, last, the same as one JSON object. The exit status is 1 if a connection was refused or the server did
not answer beside them.
"""
import argparse
import json
import resource
import socket
import time

from running_server import BINARY, Load, start_hearth, table


def connect(port):
    """A connection that has had one answer, or None."""
    s = socket.create_connection(("127.0.0.1", port), timeout=30)
    s.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    if b" 200 " in s.recv(4096):
        return s
    s.close()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--binary", default=BINARY)
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load, found = Load(), []
    server = start_hearth(args.model, binary=args.binary)
    def note(what):
        time.sleep(1)
        found.append({"when": what, **server.usage()})
    try:
        server.post("/v1/completions", {"prompt": "Once", "max_tokens": 8})
        note("before")
        connections = [s for s in (connect(server.port) for _ in range(args.connections)) if s]
        note(f"{len(connections)} idle connections")
        status, _, _ = server.post("/v1/completions", {"prompt": "Once", "max_tokens": 8})
        note("an answer beside them")
        for s in connections:
            s.close()
        note("after they left")
    finally:
        server.stop()
    each = 1024 * (found[1]["resident_mib"] - found[0]["resident_mib"]) / max(1, len(connections))
    table(["", "resident, MiB", "threads", "descriptors"], [(f["when"], f["resident_mib"], f["threads"], f["descriptors"]) for f in found])
    print(f"\n{each:.1f} KiB for each connection.")
    load.tell()
    print("\n" + json.dumps(found))
    return 0 if status == 200 and len(connections) == args.connections else 1


if __name__ == "__main__":
    raise SystemExit(main())

#!/usr/bin/env python3
"""What idle connections cost: resident memory and descriptors with N keep-alive connections that have asked once and stay open.

    bench/serving/idle.py MODEL [--connections 1000] [--binary build/release/hearth] [--peer llama-server]

Prints a Markdown table and, last, the same as one JSON object. The exit status is 1 if a connection was refused or the server did
not answer beside them.
"""
import argparse
import json
import resource
import socket
import time

from running_server import BINARY, Load, start_hearth, start_llama_server, table


def connect(port):
    """A connection that has had one answer, or None."""
    s = socket.create_connection(("127.0.0.1", port), timeout=30)
    s.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    if b" 200 " in s.recv(4096):
        return s
    s.close()
    return None


def measure(server, connections):
    """What the server takes before, with so many idle connections, with an answer beside them, and after; and whether all went well."""
    found = []

    def note(what):
        time.sleep(1)
        found.append({"when": what, **server.usage()})

    try:
        server.post("/v1/completions", {"prompt": "Once", "max_tokens": 8})
        note("before")
        held = [s for s in (connect(server.port) for _ in range(connections)) if s]
        note(f"{len(held)} idle connections")
        status, _, _ = server.post("/v1/completions", {"prompt": "Once", "max_tokens": 8})
        note("an answer beside them")
        for s in held:
            s.close()
        note("after they left")
    finally:
        server.stop()
    return found, status == 200 and len(held) == connections


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--binary", default=BINARY)
    parser.add_argument("--peer", help="a llama-server")
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load, rows = Load(), []
    found, is_well = measure(start_hearth(args.model, binary=args.binary), args.connections)
    rows += [("hearth", f) for f in found]
    if args.peer:
        rows += [("llama-server", f) for f in measure(start_llama_server(args.peer, args.model, 4, 4096), args.connections)[0]]
    table(["server", "", "resident, MiB", "threads", "descriptors"],
          [(name, f["when"], f["resident_mib"], f["threads"], f["descriptors"]) for name, f in rows])
    load.tell()
    print("\n" + json.dumps(rows))
    return 0 if is_well else 1


if __name__ == "__main__":
    raise SystemExit(main())

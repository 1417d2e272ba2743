#!/usr/bin/env python3
"""Keeps a server busy with mixed, partly hostile clients and reports what it cost: memory slope, threads, descriptors, and
lost or wrong answers, which must be none.

    bench/serving/soak.py MODEL [--minutes 20] [--clients 16] [--binary build/release/hearth]

Before the load, each of a set of requests is answered alone; under load the same request with the same seed must give the
same text. Ends with a Markdown table and one JSON object; the exit status is 1 if an answer was lost or wrong, or if threads or descriptors
did not come back to where they were.
"""
import argparse
import collections
import json
import random
import socket
import threading
import time

from running_server import BINARY, Load, percentile, start_hearth, table

WORDS = "once upon a time there was little girl who liked to play in the park with her red ball and dog".split()


def make_requests(rng, count):
    """Completions of different lengths; many share beginnings, as conversations do."""
    stems = [" ".join(rng.choices(WORDS, k=n)) for n in (5, 20, 60, 100)]
    requests = []
    for i in range(count):
        prompt = rng.choice(stems) + " " + " ".join(rng.choices(WORDS, k=rng.randint(0, 20)))
        requests.append({"prompt": prompt, "max_tokens": rng.randint(4, 48), "seed": i,
                         "temperature": rng.choice([0, 0.7, 1.2])})
    return requests


class Soak:
    def __init__(self, server, requests):
        self.server, self.requests = server, requests
        self.expected = []
        self.counts = collections.Counter()
        self.findings = []
        self.first_token, self.gaps = [], []
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def note(self, what, finding=None):
        with self.lock:
            self.counts[what] += 1
            if finding and len(self.findings) < 20:
                self.findings.append(f"{what}: {finding}")

    # --- clients: each is one visit -----------------------------------------------------------------------------------

    def whole(self, rng):
        i = rng.randrange(len(self.requests))
        status, headers, body = self.server.post("/v1/completions", self.requests[i])
        if status in (429, 503):
            return self.note("refused busy" if headers["Retry-After"] else "lost", "no Retry-After" if not headers["Retry-After"] else None)
        if status != 200:
            return self.note("lost", f"status {status}: {body}")
        self.compare(i, body["choices"][0]["text"])

    def stream(self, rng):
        i = rng.randrange(len(self.requests))
        text, last = "", None
        for at, event in self.server.events("/v1/completions", self.requests[i]):
            if "error" in event:
                return self.note("lost", event["error"])
            with self.lock:
                (self.first_token if last is None else self.gaps).append(at - (last or 0))
            last = at
            if event["choices"]:
                text += event["choices"][0]["text"]
        self.compare(i, text)

    def compare(self, i, text):
        if text == self.expected[i]:
            self.note("right")
        else:
            self.note("wrong", f"request {i}: {text!r} instead of {self.expected[i]!r}")

    def leave_early(self, rng):
        for n, _ in enumerate(self.server.events("/v1/completions", {**rng.choice(self.requests), "max_tokens": 400})):
            if n >= rng.randint(0, 5):
                break
        self.note("left early")

    def read_slowly(self, rng):
        i = rng.randrange(len(self.requests))
        text = ""
        for _, event in self.server.events("/v1/completions", self.requests[i]):
            time.sleep(0.02)
            if event["choices"]:
                text += event["choices"][0]["text"]
        self.compare(i, text)

    def several(self, rng):
        status, _, body = self.server.post("/v1/completions", {**rng.choice(self.requests), "n": 3})
        if status == 200 and len(body["choices"]) == 3:
            self.note("three choices")
        elif status in (429, 503):
            self.note("refused busy")
        else:
            self.note("lost", f"n=3: status {status}: {body}")

    def chat(self, rng):
        messages = [{"role": "user", "content": " ".join(rng.choices(WORDS, k=12))}]
        status, _, body = self.server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 12})
        self.note("chat" if status == 200 else "refused busy" if status in (429, 503) else "lost", None if status in (200, 429, 503) else body)

    def refused(self, rng):
        """What must be refused, with the status it must have."""
        body, wanted = rng.choice([
            (b"{", 400), (b'{"prompt": 5}', 400), (b'{"prompt": "x", "temperature": "hot"}', 400),
            (json.dumps({"prompt": "word " * 200_000}).encode(), 400), (b"[" * 5000, 400),
            (b'{"prompt": "x", "model": "nobody"}', 404), (b'{"prompt": "x", "n": 1000000}', 400)])
        status, _, answer = self.server.post("/v1/completions", body)
        good = status == wanted or (status in (400, 413) and wanted == 400)
        self.note("refused rightly" if good else "wrong", None if good else f"{body[:60]!r}: status {status}, {answer}")

    def garble(self, rng):
        """Bytes that are no request, or half of one; the connection is then dropped."""
        junk = rng.choice([b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
                           b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as s:
            s.sendall(junk)
            s.settimeout(0.2)
            try:
                s.recv(1000)
            except OSError:
                pass
        self.note("garbled")

    # --- the load ----------------------------------------------------------------------------------------------------

    def client(self, seed):
        rng = random.Random(seed)
        visits = [self.whole] * 6 + [self.stream] * 8 + [self.leave_early] * 2 + [self.read_slowly, self.several, self.chat, self.refused, self.garble]
        while not self.stopping.is_set():
            visit = rng.choice(visits)
            try:
                visit(rng)
            except OSError as error:
                if visit == self.garble:
                    self.note("garbled")
                elif "429" in str(error) or "503" in str(error):
                    self.note("refused busy")
                else:
                    self.note("lost", f"{visit.__name__}: {error}")
            except Exception as error:  # an answer that is cut, or no JSON, or of another shape
                self.note("lost", f"{visit.__name__}: {error!r}")

    def answer_alone(self):
        for request in self.requests:
            status, _, body = self.server.post("/v1/completions", request)
            assert status == 200, body
            self.expected.append(body["choices"][0]["text"])

    def run(self, clients, seconds):
        threads = [threading.Thread(target=self.client, args=(seed,), daemon=True) for seed in range(clients)]
        for thread in threads:
            thread.start()
        samples, start = [], time.monotonic()
        while time.monotonic() - start < seconds:
            samples.append((time.monotonic() - start, self.server.usage()))
            time.sleep(1)
        self.stopping.set()
        for thread in threads:
            thread.join(120)
        hung = sum(thread.is_alive() for thread in threads)
        if hung:
            self.note("lost", f"{hung} clients still wait")
        return samples


def slope_per_hour(points):
    """Least squares through (seconds, value)."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def tell(result):
    for finding in result["findings"]:
        print(finding)
    memory, threads, descriptors = result["resident_mib"], result["threads"], result["descriptors"]
    table(["minutes", "answers right", "wrong", "lost", "other visits", "resident MiB before", "peak", "after", "slope per hour", "threads", "descriptors"],
          [(result["minutes"], result["visits"].get("right", 0), result["wrong"], result["lost"],
            sum(n for what, n in result["visits"].items() if what not in ("right", "wrong", "lost")), memory["before"], memory["peak"], memory["after"],
            memory["slope_per_hour"], *(f"{u['before']} / {u['peak']} / {u['after']}" for u in (threads, descriptors)))])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--kv-memory", default="64MiB", help="small enough that prompts evict each other")
    parser.add_argument("--binary", default=BINARY)
    args, load = parser.parse_args(), Load()
    server = start_hearth(args.model, "--parallel", args.parallel, "--kv-memory", args.kv_memory, binary=args.binary)
    try:
        soak = Soak(server, make_requests(random.Random(1), 40))
        soak.answer_alone()
        before = server.usage()
        samples = soak.run(args.clients, 60 * args.minutes)
        time.sleep(6)  # for what idles to be closed
        after = server.usage()
        settled = [(t, u["resident_mib"]) for t, u in samples if t > 12 * args.minutes]  # the first fifth is warming up
        status = server.stop()
    finally:
        server.stop()
    result = {"minutes": args.minutes, "clients": args.clients, "visits": dict(soak.counts),
              "lost": soak.counts["lost"], "wrong": soak.counts["wrong"],
              "resident_mib": {"before": before["resident_mib"], "peak": max(u["resident_mib"] for _, u in samples), "after": after["resident_mib"],
                               "slope_per_hour": slope_per_hour(settled) if settled else float("nan")},
              "threads": {"before": before["threads"], "peak": max(u["threads"] for _, u in samples), "after": after["threads"]},
              "descriptors": {"before": before["descriptors"], "peak": max(u["descriptors"] for _, u in samples), "after": after["descriptors"]},
              "first_token_ms": {"p50": 1000 * percentile(soak.first_token, .5), "p99": 1000 * percentile(soak.first_token, .99)},
              "gap_ms": {"p50": 1000 * percentile(soak.gaps, .5), "p99": 1000 * percentile(soak.gaps, .99)},
              "exit_status": status, "findings": soak.findings}
    tell(result)
    load.tell()
    print("\n" + json.dumps(result))
    is_good = not result["lost"] and not result["wrong"] and status == 0 and after["threads"] <= before["threads"] + 2 and after["descriptors"] <= before["descriptors"] + 2
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())

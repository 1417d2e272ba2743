#!/usr/bin/env python3
"""Measures hearth and llama.cpp on the same model files, in turn, and prints a Markdown table.

    bench/peers/compare.py MODEL.gguf... [--prompt 512,2048] [--generate 64] [--depth 0,8192] [--batch 1,8] [--pairs 3] > table.md

Hosts drift and neighbours disturb, so the two take turns (A B A B ...) and the ratio is the median over pairs, with its least and
most. Both run with the same number of threads on the same processors. hearth is measured by `hearth bench`, which includes
choosing each token; llama.cpp through llama_decode alone, as its own benchmark does, so its figures owe nothing to Python.
Needs the Python package llama-cpp-python, compiled for this machine:  pip install llama-cpp-python
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class LlamaCpp:
    """One loaded model of llama.cpp; runs in a process of its own (--peer)."""

    def __init__(self, path, threads, context, sequences, chunk):
        import llama_cpp as api
        self.api, self.chunk = api, chunk
        api.llama_backend_init()
        begin = time.perf_counter()
        self.model = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        options = api.llama_context_default_params()
        options.n_ctx, options.n_seq_max = context * sequences, sequences
        options.n_batch = options.n_ubatch = chunk
        options.n_threads = options.n_threads_batch = threads
        self.context = api.llama_init_from_model(self.model, options)
        if not self.context:
            raise SystemExit(f"llama.cpp cannot make a context of {options.n_ctx} tokens")
        self.load_seconds = time.perf_counter() - begin
        self.memory = api.llama_get_memory(self.context)
        self.vocab = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.dice = random.Random(1)
        self.batch = api.llama_batch_init(max(chunk, sequences), 0, 1)
        self.depths = {}  # of each sequence: tokens in the cache that stay

    def step(self, rows):
        """rows: (sequence, position, whether logits are wanted); tokens are random."""
        for i, (sequence, position, wanted) in enumerate(rows):
            self.batch.token[i] = self.dice.randrange(self.vocab)
            self.batch.pos[i] = position
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = sequence
            self.batch.logits[i] = wanted
        self.batch.n_tokens = len(rows)
        if self.api.llama_decode(self.context, self.batch) != 0:
            raise SystemExit("llama_decode failed")

    def read(self, sequence, first, count):
        rows = [(sequence, first + i, i == count - 1) for i in range(count)]
        for at in range(0, count, self.chunk):
            self.step(rows[at:at + self.chunk])

    def settle(self, depth, batch):
        """Leaves exactly `depth` tokens in each sequence's cache."""
        for sequence in range(batch):
            if self.depths.get(sequence, 0) == depth and depth > 0:
                self.api.llama_memory_seq_rm(self.memory, sequence, depth, -1)
            else:
                self.api.llama_memory_seq_rm(self.memory, sequence, -1, -1)
                self.read(sequence, 0, depth)
            self.depths[sequence] = depth
        self.api.llama_synchronize(self.context)

    def measure(self, kind, tokens, depth, batch):
        self.settle(depth, batch)
        begin = time.perf_counter()
        if kind == "prefill":
            for sequence in range(batch):
                self.read(sequence, depth, tokens)
        else:
            for i in range(tokens):
                self.step([(sequence, depth + i, True) for sequence in range(batch)])
        self.api.llama_synchronize(self.context)
        return tokens * batch / (time.perf_counter() - begin)

    def serve(self):
        """Answers one line of JSON per line of JSON; sleeps between them."""
        print(json.dumps({"load_seconds": self.load_seconds}), flush=True)
        for line in sys.stdin:
            case = json.loads(line)
            self.measure(case["kind"], min(case["tokens"], 16), case["depth"], case["batch"])  # for warmth
            rate = self.measure(**case)
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print(json.dumps({"tokens_per_s": rate, "resident_bytes": pages * os.sysconf("SC_PAGE_SIZE")}), flush=True)


class Peer:
    def __init__(self, path, args, context, sequences):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--peer", path, "--threads", str(args.threads), "--context", str(context), "--batch", str(sequences)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.load_seconds = self.answer()["load_seconds"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of llama.cpp ended with {self.process.wait()}; is llama-cpp-python installed for {sys.executable}?")
        return json.loads(line)

    def measure(self, case):
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run_hearth(path, args, case):
    count = ["--prompt", case["tokens"], "--generate", 0] if case["kind"] == "prefill" else ["--prompt", 0, "--generate", case["tokens"]]
    command = [args.hearth, "bench", path, *count, "--depth", case["depth"], "--batch", case["batch"], "--threads", args.threads,
               "--repeats", 1, "--json", "--quiet"]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)


def cases_of(args):
    return [dict(kind=kind, tokens=tokens, depth=depth, batch=batch)
            for kind, counts in (("prefill", args.prompt), ("decode", args.generate))
            for tokens in counts if tokens for depth in args.depth for batch in args.batch]


def spread(values, digits):
    """median (least-most)"""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def compare(path, args, out):
    """Prints the rows of one model as they are found."""
    cases = cases_of(args)
    context = max(c["depth"] + c["tokens"] for c in cases) + 64
    peer = Peer(path, args, context, max(args.batch))
    for case in cases:
        ours, theirs, reports = [], [], []
        for _ in range(args.pairs):
            report = run_hearth(path, args, case)
            reports.append(report)
            ours.append(report[case["kind"]]["tokens_per_s"])
            answer = peer.measure(case)
            theirs.append(answer["tokens_per_s"])
        fraction = "matrix_fraction" if case["kind"] == "prefill" else "bandwidth_fraction"
        name = f"{case['kind']} {case['tokens']}" + (f", depth {case['depth']}" if case["depth"] else "")
        name += f", batch {case['batch']}" if case["batch"] > 1 else ""
        last = reports[-1]
        memory = last["memory"]
        print(f"| {Path(path).stem} | {name} | {spread(ours, 1)} | {spread(theirs, 1)} "
              f"| **{spread([a / b for a, b in zip(ours, theirs)], 2)}** "
              f"| {100 * statistics.median(r[case['kind']][fraction] for r in reports):.0f} % "
              f"| {last['machine']['read_gb_s']:.0f} GB/s, {last['machine']['matrix_tflop_s']:.2f} T "
              f"| {statistics.median(r['load_seconds'] for r in reports):.2f} / {peer.load_seconds:.2f} "
              f"| {memory['resident_bytes'] / 2**20:.0f} / {answer['resident_bytes'] / 2**20:.0f} "
              f"| {os.getloadavg()[0]:.1f} |", file=out, flush=True)
    peer.close()


def main():
    def numbers(text):
        return [int(part) for part in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL.gguf")
    parser.add_argument("--hearth", default=str(ROOT / "build" / "release" / "hearth"), help="the binary; default: build/release/hearth")
    parser.add_argument("--prompt", type=numbers, default=[512], help="lengths of prompts; 0 measures none")
    parser.add_argument("--generate", type=numbers, default=[64], help="tokens to generate; 0 measures none")
    parser.add_argument("--depth", type=numbers, default=[0], help="tokens in the cache before")
    parser.add_argument("--batch", type=numbers, default=[1], help="sequences at once")
    parser.add_argument("--pairs", type=int, default=3, help="turns of each engine")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--no-head", action="store_true", help="rows only, to join tables")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--context", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        LlamaCpp(args.peer, args.threads, args.context, args.batch[0], chunk=512).serve()
        return
    if not args.models:
        parser.error("name at least one model file")
    if not args.no_head:
        import llama_cpp
        print(f"hearth and llama.cpp (llama-cpp-python {llama_cpp.__version__}), {args.threads} threads; "
              f"median (least-most) of {args.pairs} turns each; load average {os.getloadavg()[0]:.1f} at the start\n\n"
              "| Model | Work | hearth, tokens/s | llama.cpp, tokens/s | ratio | of the machine | the machine | load, s | resident, MiB | load average |\n"
              "|---|---|---|---|---|---|---|---|---|---|")
    for model in args.models:
        compare(model, args, sys.stdout)


if __name__ == "__main__":
    main()

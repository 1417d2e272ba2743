#!/usr/bin/env python3
"""Measures hearth and llama.cpp on the same model files, in turn, into a file of results; makes a table of them.

    bench/peers/compare.py plan    MODEL.gguf... [--budget-minutes 45]
    bench/peers/compare.py measure MODEL.gguf... --results peers.jsonl [--budget-minutes 45]
    bench/peers/compare.py table   peers.jsonl > table.md

Every file: reading prompts, generating, loading from disk and from memory, first token, memory. Files that --full names (default
*Q4_K_M*): also batches, depths with f16 and q8_0 keys and values, and hearth forced to AVX2. A row is one line of JSON, written
when it is done: the same command again goes on with what is missing. A budget reduces turns first; what then does not fit is left for
the next command.

Hosts drift and neighbours disturb, so the two take turns (A B A B ...) and the ratio is the median over pairs, with its least and
most. Both run with the same number of threads on the same processors. hearth is measured by `hearth bench`, which includes choosing
each token; llama.cpp through llama_decode alone, as its own benchmark does, so its figures owe nothing to Python.
Needs the Python package llama-cpp-python, compiled for this machine:  pip install llama-cpp-python
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from llama_cpp_peer import Peer  # noqa: E402
from table import markdown  # noqa: E402
from works import ORDER, estimate_seconds, groups_of  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def run_hearth(path, args, group):
    """The report of one command."""
    def joined(numbers):
        return ",".join(map(str, numbers))
    command = [args.hearth, "bench", path, "--prompt", joined(group.prompt), "--generate", joined(group.generate), "--depth", joined(group.depth),
               "--batch", joined(group.batch), "--kv-type", group.kv, "--depth-fill", "random", "--threads", str(args.threads),
               "--repeats", "1", "--json", "--quiet"]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **({"HEARTH_ISA": group.isa} if group.isa else {})})
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)


def forget_file(path):
    """Drops what the system keeps of a file in memory, as far as nobody uses it."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def start_hearth(path, args):
    """Seconds of loading, as hearth says, and from the start of the process to the first byte of an answer."""
    begin = time.perf_counter()
    process = subprocess.Popen([args.hearth, "run", path, "hello", "--raw", "-c", "512", "-n", "1", "--ignore-end", "--threads",
                                str(args.threads), "--log-level", "info"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.read(process.stdout.fileno(), 1)
    seconds = time.perf_counter() - begin
    _, log = process.communicate()
    words = log.decode().split("loaded in ")
    if process.returncode != 0 or len(words) < 2:
        raise SystemExit(f"hearth run {path}: {log.decode().strip()}")
    return float(words[1].split()[0]), seconds


def measure_loading(path, args, group, turns):
    rows = {(what, state): [] for state in ("from disk", "from memory") for what in ("load", "start to first token")}
    for _ in range(turns):
        for state in ("from disk", "from memory"):
            turn = {}
            for engine in ("hearth", "peer"):
                if state == "from disk":
                    forget_file(path)
                if engine == "hearth":
                    turn[engine] = start_hearth(path, args)
                else:
                    peer = Peer(path, group.options(args.threads))
                    turn[engine] = peer.start["load_seconds"], peer.start["first_token_seconds"]
                    peer.close()
            for place, what in enumerate(("load", "start to first token")):
                rows[what, state].append({engine: times[place] for engine, times in turn.items()})
    for (what, state), pairs in rows.items():
        yield dict(work=f"{what}, {state}", unit="s", turns=pairs)


def measure_speed(path, args, group, turns):
    peer = Peer(path, group.options(args.threads)) if group.has_peer else None
    cases = group.cases()
    rows = [dict(work=group.row_name(case), unit="tokens/s", turns=[], fractions=[],
                 of="matrix rate" if case["kind"] == "prefill" else "bandwidth") for case in cases]
    for _ in range(turns):
        report = run_hearth(path, args, group)
        for row, case, run in zip(rows, cases, report["runs"]):
            assert all(run[key] == value for key, value in case.items()), "rows come in the order of the lists"
            turn = {"hearth": run["tokens_per_s"]}
            if peer:
                answer = peer.measure(case)
                turn["peer"] = answer["tokens_per_s"]
            row["turns"].append(turn)
            row["fractions"].append(run.get("matrix_fraction", run.get("bandwidth_fraction")))
    if group.name == "speed":
        memory = report["memory"]
        turn = {"hearth": memory["resident_bytes"] / 2**20, "peer": answer["resident_bytes"] / 2**20}
        rows.append(dict(work="resident memory after these", unit="MiB", turns=[turn], predicted=memory["predicted_bytes"] / 2**20))
    for row in rows:
        row["machine"] = {key: report["machine"][key] for key in ("read_gb_s", "matrix_tflop_s", "matrix_unit", "processor")}
        yield row
    if peer:
        peer.close()


class Results:
    """Rows in a file, and which groups of which files are whole."""

    def __init__(self, path):
        self.path = path
        self.rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def has(self, model, group):
        asked = group.asked()
        return any(row["model"] == model and row["group"] == group.name and row.get("asked", asked) == asked for row in self.rows)

    def add(self, rows):
        with open(self.path, "a") as file:  # a group at once: half of one is never taken for whole
            file.write("".join(json.dumps(row) + "\n" for row in rows))
        self.rows += rows


def work_left(args, results):
    """(path, group), in the order of groups: every file has its main rows before any has more."""
    todo = [(path, group) for path in args.models for group in groups_of(path, args) if not results or not results.has(Path(path).stem, group)]
    return sorted(todo, key=lambda item: next(place for place, name in enumerate(ORDER) if item[1].name.startswith(name)))


def turns_within(todo, args, seconds, pace):
    """The most turns, up to --turns, with which everything left fits into so many seconds; at least one."""
    for turns in range(args.turns, 1, -1):
        if pace * sum(estimate_seconds(path, group, turns) for path, group in todo) <= seconds:
            return turns
    return 1


def measure(args):
    results = Results(args.results)
    todo = work_left(args, results)
    begin, estimated, spent = time.monotonic(), 0.0, 0.0
    import llama_cpp
    while todo:
        left = args.budget_minutes * 60 - (time.monotonic() - begin)
        pace = min(3.0, max(0.3, spent / estimated)) if estimated > 60 else 1.0
        path, group = todo[0]
        if left < pace * estimate_seconds(path, group, 1):
            print(f"{len(todo)} groups do not fit into the budget; the same command goes on with them", file=sys.stderr)
            return
        turns = turns_within(todo, args, left, pace)
        print(f"{Path(path).stem}: {group.name}, {turns} turns, {left / 60:.0f} min left", file=sys.stderr, flush=True)
        load, at = os.getloadavg()[0], time.monotonic()
        rows = list((measure_loading if group.measures_loading else measure_speed)(path, args, group, turns))
        spent, estimated = spent + time.monotonic() - at, estimated + estimate_seconds(path, group, turns)
        for row in rows:
            row.update(model=Path(path).stem, group=group.name, asked=group.asked(), threads=args.threads, load_average=[load, os.getloadavg()[0]],
                       peer_version=llama_cpp.__version__, finished=time.strftime("%Y-%m-%d %H:%M"))
        results.add(rows)
        todo.pop(0)


def plan(args):
    todo = work_left(args, None)
    turns = turns_within(todo, args, args.budget_minutes * 60, 1.0)
    for path, group in todo:
        print(f"{Path(path).stem:28} {group.name:12} {turns} turns {estimate_seconds(path, group, turns):7.0f} s")
    print(f"in all {sum(estimate_seconds(path, group, turns) for path, group in todo) / 60:.0f} min, within a factor of two")


def main():
    def numbers(text):
        return [int(part) for part in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("plan", "measure"):
        command = commands.add_parser(name)
        command.add_argument("models", nargs="+", metavar="MODEL.gguf")
        command.add_argument("--hearth", default=str(ROOT / "build" / "release" / "hearth"), help="the binary; default: build/release/hearth")
        command.add_argument("--results", type=Path, default=Path("peers.jsonl"), help="rows that are done, one line of JSON each")
        command.add_argument("--prompt", type=numbers, default=[512, 2048], help="lengths of prompts, those after the first last of all; 0 measures none")
        command.add_argument("--generate", type=numbers, default=[64], help="tokens to generate; 0 measures none")
        command.add_argument("--full", nargs="*", default=["*Q4_K_M*"], metavar="PATTERN", help="names of files for which all that follows is measured")
        command.add_argument("--depth", type=numbers, default=[8192, 32768], help="tokens in the cache before; multiples of 512")
        command.add_argument("--batch", type=numbers, default=[1, 2, 4, 8, 16, 32], help="sequences at once")
        command.add_argument("--isa", nargs="*", default=["avx2"], help="instruction sets to force hearth to")
        command.add_argument("--turns", type=int, default=3, help="of each engine, as far as the budget allows")
        command.add_argument("--budget-minutes", type=float, default=45, help="turns are dropped first, then groups")
        command.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    commands.add_parser("table").add_argument("results", type=Path)
    args = parser.parse_args()
    if args.command == "table":
        print(markdown(Results(args.results).rows))
    else:
        (measure if args.command == "measure" else plan)(args)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs every registered test of a build, then the fuzz targets briefly, and sums what each reports.

A test is a GoogleTest binary (its JSON report is read) or any program that ends with the line
"N passed, N failed, N skipped". Lines "[   CASES  ] group: n" add n to a group's count of cases.
The exit status is 0 only if something ran and nothing failed.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HANGS_SECONDS = 1800  # a test that takes longer hangs: the slowest takes minutes under a sanitizer
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
CASES = re.compile(r"^\[   CASES  \] (.+): (\d+)$", re.M)
SKIPPED = re.compile(r"^SKIPPED (.+)$", re.M)


class Totals:
    def __init__(self):
        self.passed, self.failed = 0, []
        self.skipped = []
        self.groups = collections.Counter()

    def add_gtest(self, report, output):
        for suite in json.loads(report.read_text())["testsuites"]:
            for test in suite["testsuite"]:
                name = f"{suite['name']}.{test['name']}"
                if test.get("failures"):
                    self.failed.append(name)
                elif test["result"] == "SKIPPED" or "skipped" in test:
                    self.skipped.append(name)
                else:
                    self.passed += 1
        self.add_groups(output)

    def add_groups(self, output):
        for group, count in CASES.findall(output):
            self.groups[group] += int(count)

    def add_summary(self, name, output, summary):
        passed, failed, skipped = (int(n) for n in summary[-1])
        self.passed += passed
        self.failed += [name] * failed
        self.skipped += SKIPPED.findall(output) or [name] * skipped
        self.add_groups(output)


def registered_tests(build):
    listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, capture_output=True, text=True, check=True)
    return [(t["name"], t["command"]) for t in json.loads(listing.stdout)["tests"] if t.get("command")]


def run_test(name, command, totals, verbose):
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        start = time.monotonic()
        try:
            ran = subprocess.run(command, env={**os.environ, "GTEST_OUTPUT": f"json:{report}"}, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, errors="replace", timeout=HANGS_SECONDS)
        except subprocess.TimeoutExpired as hung:
            ran = subprocess.CompletedProcess(command, -1, (hung.stdout or b"").decode(errors="replace") + f"\nkilled after {HANGS_SECONDS} s\n")
        seconds = time.monotonic() - start
        failures_before = len(totals.failed)
        summary = SUMMARY.findall(ran.stdout)
        if report.exists():
            totals.add_gtest(report, ran.stdout)
        elif summary:
            totals.add_summary(name, ran.stdout, summary)
        if ran.returncode != 0 and len(totals.failed) == failures_before:
            totals.failed.append(f"{name} (exit status {ran.returncode})")
        if not report.exists() and not summary and ran.returncode == 0:
            totals.failed.append(f"{name} (reported nothing)")
    failed = len(totals.failed) > failures_before
    print(f"{'FAIL' if failed else 'ok':4} {name:24} {seconds:6.1f} s", flush=True)
    if failed or verbose:
        print(ran.stdout[-20000:], flush=True)


def run_fuzzers(seconds, totals):
    """Builds the libFuzzer targets with clang and sanitizers; runs each over its seeds plus `seconds` of mutation."""
    targets = sorted(p.stem.removesuffix("_fuzz") for p in (ROOT / "src").rglob("*_fuzz.cpp"))
    if subprocess.run(["sh", "-c", "command -v clang++-19"], capture_output=True).returncode != 0:
        totals.skipped += [f"fuzz {t} (clang-19 is not installed)" for t in targets]
        return
    build = ROOT / "build" / "fuzz"
    setup = [["cmake", "--preset", "fuzz"], ["cmake", "--build", str(build), "-j", str(len(os.sched_getaffinity(0))), "--target", "hearth_fuzzers"]]
    for command in setup:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout[-8000:])
            totals.failed.append("fuzz targets (build)")
            return
    with tempfile.TemporaryDirectory() as corpus:
        subprocess.run([sys.executable, str(ROOT / "tools/fuzz/seeds.py"), corpus], check=True)
        for target in targets:
            seeds = Path(corpus) / target
            if not seeds.is_dir():
                totals.failed.append(f"fuzz {target} (tools/fuzz/seeds.py makes no seeds for it)")
                continue
            run_fuzzer(build / f"hearth_{target}_fuzz", [str(seeds), *malformed_files(target)], target, seconds, totals)


def malformed_files(target):
    """Folders of broken files of this kind, where the shared test data is at hand."""
    shared = Path(os.environ.get("HEARTH_TEST_DATA", ROOT.parent / "shared" / "data")) / "malformed"
    return sorted({str(p.parent) for p in shared.rglob("*") if p.is_file() and target in p.parent.name})


def run_fuzzer(binary, corpora, target, seconds, totals):
    ran = subprocess.run([str(binary), f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=2048", "-seed=1",
                          f"-artifact_prefix={binary.parent}/", *corpora],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    executed = re.search(r"Done (\d+) runs", ran.stdout)
    if ran.returncode == 0 and executed:
        totals.passed += 1
        totals.groups["fuzz executions"] += int(executed.group(1))
        print(f"ok   fuzz {target:19} {executed.group(1)} runs", flush=True)
    else:
        totals.failed.append(f"fuzz {target}")
        print(f"FAIL fuzz {target}\n{ran.stdout[-8000:]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("filter", nargs="?", default="", help="run only tests whose name contains this")
    parser.add_argument("--preset", default="release")
    parser.add_argument("--fuzz-seconds", type=int, default=10)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    totals = Totals()
    for name, command in registered_tests(ROOT / "build" / args.preset):
        if args.filter in name:
            run_test(name, command, totals, args.verbose)
    if args.preset == "release" and not args.filter and args.fuzz_seconds > 0:
        run_fuzzers(args.fuzz_seconds, totals)
    for group, count in sorted(totals.groups.items()):
        print(f"  {group}: {count}")
    for name in totals.skipped:
        print(f"  skipped: {name}")
    for name in totals.failed:
        print(f"  failed: {name}")
    print(f"{totals.passed} passed, {len(totals.failed)} failed, {len(totals.skipped)} skipped")
    return 0 if totals.passed and not totals.failed else 1


if __name__ == "__main__":
    sys.exit(main())

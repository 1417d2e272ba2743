#!/usr/bin/env python3
"""Scores Ember through hearth itself: held-out questions, stories, tool calls, what it says of itself.

Run:  score.py HEARTH MODEL CORPUS [--sets NAME...] [--questions N] [--show N]
Serves MODEL ("ember" is the one inside the program) and asks greedily. An answer is right when it names the command with the option that
is expected; of a question that speaks of no command, a command that has the option. Exits with 1 below the bar: 90 % of each set of
questions, all tool calls parsed, all stories whole. The set "final" is for weights that are chosen already.
"""
import argparse
import json
import random
import re
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import stories
import tools

SEED, BAR = 7, 0.90
SETS = ("combination", "phrasing", "unseen", "final")


class Server:
    """hearth serve on a free port, for as long as the with-block lasts."""

    def __init__(self, binary, model):
        self.command = [binary, "serve", model, "--port", "0", "--parallel", "8", "--temperature", "0", "--log-level", "info"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if found := re.search(r"http://[\w.:]+", line):
                self.url = found[0]
                self.drain = ThreadPoolExecutor(1)
                self.drain.submit(lambda: [None for _ in self.process.stdout])
                return self
        raise SystemExit("the server did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.drain.shutdown()

    def ask(self, messages, **fields):
        body = json.dumps({"model": "default", "messages": messages, "max_tokens": 400, **fields}).encode()
        request = urllib.request.Request(self.url + "/v1/chat/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            choice = json.load(answer)["choices"][0]
        return choice["message"]["content"] or "", choice["finish_reason"]

    def ask_all(self, questions):
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(lambda q: self.ask([{"role": "user", "content": q}]), questions))


def names(answer, place):
    """Whether an answer names a command with its option, a command without one, what is typed in a chat, or an exit code."""
    if place.startswith("Exit code"):
        return answer.startswith(f"{place}:")
    if " --" in place or place.startswith("--"):
        return f"`{place}`" in answer
    return re.search(rf"`{re.escape(place)}(`| (?!--))", answer) is not None


def drawn(r, lines, count):
    """count lines; of held-out phrasings first the phrasing, then one of the questions that say it."""
    groups = {}
    for i, line in enumerate(lines):
        groups.setdefault(line.get("phrasing") or i, []).append(line)
    groups = list(groups.values())
    return [r.choice(group) for group in r.sample(groups, min(count, len(groups)))]


def score_questions(server, corpus, sets, count, show):
    lines = [json.loads(line) for line in open(corpus / "heldout.jsonl")]
    r, shares = random.Random(SEED), {}
    for of_set in sets:
        chosen = drawn(r, [line for line in lines if line["set"] == of_set], count)
        answers = server.ask_all([line["question"] for line in chosen])
        wrong = [(line, a) for line, (a, _) in zip(chosen, answers) if not any(names(a, place) for place in line["expected"])]
        shares[of_set] = 1 - len(wrong) / len(chosen)
        print(f"{of_set}: {len(chosen) - len(wrong)} of {len(chosen)} right, {100 * shares[of_set]:.1f} %")
        if "answer" in chosen[0]:
            true = sum(a.strip() == line["answer"] for line, (a, _) in zip(chosen, answers))
            print(f"  {true} of them answered word for word as documented")
        for line, answer in wrong[:show]:
            print(f"  {line['question']}\n    {answer[:100]}\n    expected {' or '.join(line['expected'])}")
    return shares


def known_words():
    r = random.Random(SEED)
    return {w for _ in range(4000) for w in re.findall(r"[A-Za-z]+", stories.story(r).lower())}


def score_stories(server, count, show):
    """A story is whole: it ends by itself with a full sentence, closes its quotes, and has no word that is none."""
    r, words = random.Random(SEED + 1), known_words()
    asked = [stories.request(r)[0] for _ in range(count)]
    good = 0
    for question, (text, reason) in zip(asked, server.ask_all(asked)):
        strange = [w for w in re.findall(r"[A-Za-z]+", text.lower()) if w not in words]
        whole = reason == "stop" and text.rstrip().endswith((".", '"')) and text.count('"') % 2 == 0 and not strange and len(text) > 200
        good += whole
        if not whole or show > 0:
            show -= 1
            print(f"  {question}\n    {text}\n    {strange} {reason}")
    print(f"stories: {good} of {count} whole")
    return good / count


def score_tools(server, count, families, what, show):
    r, good, parsed = random.Random(SEED + 2), 0, 0
    for _ in range(count):
        turns, offered = tools.conversation(r, families)
        wanted = turns[1]["tool_calls"][0]["function"]
        text, _ = server.ask(turns[:1], tools=offered)
        found = re.fullmatch(r"\s*<tool_call>(.*)</tool_call>\s*", text, re.S)
        try:
            call = json.loads(found[1]) if found else None
        except ValueError:
            call = None
        parsed += isinstance(call, dict)
        good += call == wanted
        if call != wanted and (show := show - 1) >= 0:
            print(f"  {turns[0]['content']}\n    {text}\n    wanted {json.dumps(wanted)}")
    print(f"calls of {what} tools: {parsed} of {count} parse, {good} are the wanted ones")
    return parsed / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("model")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS[:3], help="of held-out questions; default: all but final")
    parser.add_argument("--questions", type=int, default=300, help="of each held-out set")
    parser.add_argument("--show", type=int, default=3)
    args = parser.parse_args()
    with Server(args.binary, args.model) as server:
        shares = score_questions(server, args.corpus, args.sets, args.questions, args.show)
        whole = score_stories(server, 40, args.show)
        parsed = score_tools(server, 40, tools.KNOWN, "known", args.show)
        score_tools(server, 40, tools.UNSEEN, "unseen", args.show)
        itself = [server.ask([{"role": "user", "content": q}])[0] for q in ("Who are you?", "Hello", "What can you do?")]
        says = sum("small built-in helper" in answer for answer in itself)
        print(f"itself: {says} of {len(itself)} say so: {itself[0]}")
    return 0 if min(shares.values()) >= BAR and whole == parsed == 1 and says == len(itself) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Goldens of the samplers: which tokens remain, with which logits.

    tools/golden/sampling.py      writes tests/golden/sampling/samplers.json

repeat_penalty, top_k, top_p, min_p, typical_p and temperature come from transformers' logits processors; what it lacks is
computed here from the published definitions, as plainly as they read.
"""
import importlib.metadata
import json
import math
import os
import random

import numpy
import torch
from transformers.generation import logits_process as hf

REQUIRED = {"transformers": "5.23.0", "torch": "2.13.0", "numpy": "2.4.6"}
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "sampling", "samplers.json")
VOCAB = 120
rng = random.Random(7)


def softmax(logits):
    best = max(logits)
    weights = [math.exp(x - best) for x in logits]
    return [w / sum(weights) for w in weights]


# --- transformers ---------------------------------------------------------------------------------------------------------

def processors(o):
    keep = {"min_tokens_to_keep": o.get("min_keep", 1)}
    if "repeat_penalty" in o:
        yield hf.RepetitionPenaltyLogitsProcessor(o["repeat_penalty"])
    if "top_k" in o:
        yield hf.TopKLogitsWarper(o["top_k"], **keep)
    if "typical_p" in o:
        yield hf.TypicalLogitsWarper(o["typical_p"], **keep)
    if "top_p" in o:
        yield hf.TopPLogitsWarper(o["top_p"], **keep)
    if "min_p" in o:
        yield hf.MinPLogitsWarper(o["min_p"], **keep)
    if "temperature" in o:
        yield hf.TemperatureLogitsWarper(o["temperature"])


def by_transformers(o, logits, history):
    scores = torch.tensor([logits], dtype=torch.float32)
    for processor in processors(o):
        scores = processor(torch.tensor([history]), scores)
    return scores[0].tolist()


# --- plain formulas ---------------------------------------------------------------------------------------------------------

def penalties(o, logits, history):
    window = history[-o["repeat_last_n"]:] if o["repeat_last_n"] >= 0 else history
    out = list(logits)
    for token in set(window):
        out[token] -= window.count(token) * o["frequency_penalty"] + o["presence_penalty"]
    return out


def top_n_sigma(o, logits, history):
    mean = sum(logits) / len(logits)
    sigma = math.sqrt(sum((x - mean) ** 2 for x in logits) / len(logits))
    return [x if x >= max(logits) - o["top_n_sigma"] * sigma else -math.inf for x in logits]


def xtc(o, logits, history):
    """With certainty: xtc_probability is 1 in these cases."""
    p = softmax(logits)
    choices = [i for i in range(len(p)) if p[i] >= o["xtc_threshold"]]
    last = min(choices, key=lambda i: p[i], default=None)
    return [-math.inf if i in choices and i != last else x for i, x in enumerate(logits)]


def dynamic_temperature(o, logits, history):
    p = softmax(logits)
    share = -sum(x * math.log(x) for x in p) / math.log(len(p))
    low, high = max(0, o["temperature"] - o["dynatemp_range"]), o["temperature"] + o["dynatemp_range"]
    t = low + (high - low) * share ** o["dynatemp_exponent"]
    return [x / t for x in logits]


def dry(o, logits, history):
    last_n, allowed = o.get("dry_penalty_last_n", -1), o["dry_allowed_length"]
    window = history[-last_n:] if last_n >= 0 else history
    breakers = o.get("dry_breakers", [])
    longest = len(window)
    for breaker in breakers:
        for start in range(len(window) - len(breaker) + 1):
            if window[start:start + len(breaker)] == breaker:
                longest = min(longest, len(window) - start - len(breaker))
    best = {}
    for at in range(1, len(window)):  # the token at `at` followed a match that ends before it
        length = 0
        while length < min(at, longest) and window[at - 1 - length] == window[-1 - length]:
            length += 1
        if length >= allowed and [window[at]] not in breakers:
            best[window[at]] = max(best.get(window[at], 0), length)
    out = list(logits)
    for token, length in best.items():
        out[token] -= o["dry_multiplier"] * o["dry_base"] ** (length - allowed)
    return out


# --- mirostat: a whole generation, with the engine's random numbers ----------------------------------------------------------

MASK = (1 << 64) - 1


class Xoshiro:
    """xoshiro256++ (Blackman and Vigna 2019), seeded by splitmix64, as base/random.h."""

    def __init__(self, seed):
        self.s = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = seed
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            self.s.append(z ^ (z >> 31))

    def uniform(self):
        def rotate(x, k):
            return ((x << k) | (x >> (64 - k))) & MASK
        s = self.s
        result = (rotate((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return (result >> 11) * 2.0 ** -53


def mirostat(o, rows, steps):
    """Step i sees the logits rows[i % len(rows)]; candidates are drawn in the order of their tokens."""
    random_numbers, mu, tokens = Xoshiro(o["seed"]), 2 * o["mirostat_tau"], []
    for step in range(steps):
        p = softmax(rows[step % len(rows)])
        kept = [i for i in range(len(p)) if -math.log2(p[i]) <= mu] or [p.index(max(p))]
        mass = sum(p[i] for i in kept)
        target, total = random_numbers.uniform() * mass, 0
        for token in kept:
            total += p[token]
            if total > target:
                break
        tokens.append(token)
        mu -= o["mirostat_eta"] * (-math.log2(p[token] / mass) - o["mirostat_tau"])
    return tokens


# --- cases --------------------------------------------------------------------------------------------------------------------

def logits_of(spread):
    return [float(numpy.float32(round(rng.gauss(0, spread), 4))) for _ in range(VOCAB)]


def repetitive(length, alphabet):
    history = [rng.randrange(alphabet) for _ in range(3)]
    while len(history) < length:
        start = rng.randrange(len(history))
        history += history[start:start + rng.randrange(1, 9)] if rng.random() < 0.8 else [rng.randrange(alphabet)]
    return history[:length]


def main():
    found = {name: importlib.metadata.version(name).split("+")[0] for name in REQUIRED}
    if found != REQUIRED:
        raise SystemExit(f"needs {REQUIRED}, found {found}")
    rows = [logits_of(spread) for spread in (0.5, 1, 1, 2, 2, 3, 5, 8)]
    cases = []

    def add(function, options, history=(1,)):
        for row in range(len(rows)):
            result = function(options, rows[row], list(history))
            kept = [i for i, x in enumerate(result) if x != -math.inf]
            changed = [i for i in kept if result[i] != rows[row][i]]
            cases.append({"options": options, "row": row, "history": list(history), "kept": kept if len(kept) < VOCAB else None,
                          "logits": {str(i): float(f"{result[i]:.7g}") for i in changed}})

    for k in (1, 3, 40):
        add(by_transformers, {"top_k": k})
    for p in (0.0, 0.1, 0.5, 0.9, 0.99):
        add(by_transformers, {"top_p": p})
        add(by_transformers, {"typical_p": p or 0.2})
        add(by_transformers, {"min_p": 0.5 * p or 0.01})
    for name, value in (("top_p", 0.05), ("min_p", 0.9), ("typical_p", 0.05)):
        add(by_transformers, {name: value, "min_keep": 5})
    for penalty in (0.8, 1.1, 1.5):
        add(by_transformers, {"repeat_penalty": penalty, "repeat_last_n": -1}, [rng.randrange(VOCAB) for _ in range(20)])
    add(by_transformers, {"temperature": 0.7})
    add(by_transformers, {"repeat_penalty": 1.3, "repeat_last_n": -1, "top_k": 30, "top_p": 0.9, "min_p": 0.05, "temperature": 0.6},
        [rng.randrange(VOCAB) for _ in range(10)])
    for last_n in (-1, 5, 64):
        add(penalties, {"frequency_penalty": 0.4, "presence_penalty": -0.3, "repeat_last_n": last_n}, [rng.randrange(12) for _ in range(16)])
    for n in (0.5, 1.5, 3):
        add(top_n_sigma, {"top_n_sigma": n})
    for threshold in (0.02, 0.1, 0.3):
        add(xtc, {"xtc_probability": 1, "xtc_threshold": threshold})
    add(dynamic_temperature, {"temperature": 1, "dynatemp_range": 0.5, "dynatemp_exponent": 1.5})
    add(dynamic_temperature, {"temperature": 0.5, "dynatemp_range": 1, "dynatemp_exponent": 1})

    dry_cases = []
    for _ in range(150):
        history = repetitive(rng.randrange(1, 60), rng.choice((2, 3, 6)))
        options = {"dry_multiplier": 0.8, "dry_base": rng.choice((1.0, 1.2, 1.75)), "dry_allowed_length": rng.randrange(1, 5),
                   "dry_penalty_last_n": rng.choice((-1, 10, 1000)),
                   "dry_breakers": [[rng.randrange(6) for _ in range(rng.choice((1, 1, 2, 3)))] for _ in range(rng.randrange(3))]}
        penalty = dry(options, [0.0] * VOCAB, history)
        dry_cases.append({"options": options, "history": history,
                          "logits": {str(i): float(f"{x:.7g}") for i, x in enumerate(penalty) if x != 0}})

    generations = [{"options": o, "tokens": mirostat(o, rows, 100)} for o in (
        {"mirostat": True, "mirostat_tau": 5, "mirostat_eta": 0.1, "seed": 1},
        {"mirostat": True, "mirostat_tau": 2, "mirostat_eta": 0.3, "seed": 2},
        {"mirostat": True, "mirostat_tau": 0.1, "mirostat_eta": 1, "seed": 3})]
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "w") as out:
        json.dump({"made_by": "tools/golden/sampling.py", "versions": REQUIRED, "seed": 7, "rows": rows, "cases": cases,
                   "dry": dry_cases, "mirostat": generations}, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()

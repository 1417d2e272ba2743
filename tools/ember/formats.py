#!/usr/bin/env python3
"""What weight formats and cache formats cost a trained model: perplexity and divergence of Ember in each, as a Markdown table.

Run:  formats.py HEARTH F32_GGUF TEXT WORK      Needs llama-cpp-python, whose quantizer makes the files (every matrix in the one format).
The base of every divergence is the F32 file with a cache in f32.
"""
import ctypes
import json
import subprocess
import sys
from pathlib import Path

import llama_cpp

# Format: the file type of llama.cpp's quantizer that is made of it, and bits per weight.
WEIGHTS = {"F16": (1, 16), "BF16": (32, 16), "Q8_0": (7, 8.5), "Q6_K": (18, 6.5625), "Q5_K": (17, 5.5), "Q5_1": (9, 6), "Q5_0": (8, 5.5),
           "Q4_K": (15, 4.5), "Q4_1": (3, 5), "Q4_0": (2, 4.5), "IQ4_NL": (25, 4.5), "IQ4_XS": (30, 4.25), "Q3_K": (12, 3.4375),
           "IQ3_S": (26, 3.4375), "Q2_K": (10, 2.625)}
CACHES = ["f32", "bf16", "f16", "q8_0", "fp8-e4m3", "q5_1", "q4_0"]


def quantize(source, target, file_type):
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.pure = file_type, 2, True
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) != 0:
        sys.exit(f"{target}: the quantizer refused")


def measure(binary, model, base, text, *flags):
    out = subprocess.run([binary, "eval", "divergence", str(model), "--base", str(base), "--text", str(text), "--json", *flags],
                         capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def row(name, bits, m):
    return (f"| {name} | {bits} | {m['perplexity']:.4f} | {m['mean']:.6f} ± {m['error']:.6f} | {m['p99']:.5f} | {m['maximum']:.4f} | "
            f"{100 * m['same_top']:.2f} % |")


def main():
    binary, base, text, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    work.mkdir(parents=True, exist_ok=True)
    head = "| {} | Bits | Perplexity | Divergence, nats | 99 % | Maximum | Same top |\n|---|---|---|---|---|---|---|"
    print(head.format("Weights"))
    print(row("F32", 32, measure(binary, base, base, text)), flush=True)
    for name, (file_type, bits) in WEIGHTS.items():
        quantize(base, work / f"ember-{name}.gguf", file_type)
        print(row(name, bits, measure(binary, work / f"ember-{name}.gguf", base, text)), flush=True)
    print("\n" + head.format("Cache"))
    bits = {"f32": 32, "bf16": 16, "f16": 16, "q8_0": 8.5, "fp8-e4m3": 8, "q5_1": 6, "q4_0": 4.5}
    for kind in CACHES:
        print(row(kind, bits[kind], measure(binary, base, base, text, "--kv-type", kind)), flush=True)


if __name__ == "__main__":
    main()

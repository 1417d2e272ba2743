#!/usr/bin/env python3
"""Writes tests/golden/quant/NAME.bin for every GGUF tensor type: random blocks and what they decode to.

A file is one line of text, then the blocks, then their weights as f32:
  hearth-golden q4_0 blocks 24 bytes 18 values 32 seed 20261121 reference gguf 0.19.0
The reference is gguf.quants.dequantize; for the types gguf cannot decode (Q8_1, Q8_K, Q1_0, Q2_0, integers, F64) it is the
numpy below, written from the block definitions in ggml-common.h. The first blocks of a type that has half floats as scales
cycle through awkward ones: zeros, subnormals, negative, largest, infinite, not a number; others are all zeros and all ones.

Run from the repository root:  python3 tools/golden/quant.py
"""
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf import quants

GGUF, SEED = "0.19.0", 20261121
assert version("gguf") == GGUF
OUT = Path("tests/golden/quant")
AWKWARD = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E01]

# Where the half floats of a block are.
HALVES = {
    "Q1_0": [0], "Q2_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q8_1": [0, 2],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "IQ4_NL": [0], "IQ4_XS": [0],
    "TQ1_0": [52], "TQ2_0": [64],
}


def plain(kind):
    return lambda raw: raw.view(kind).astype(np.float32)


def half(raw, at):
    return raw[:, at:at + 2].copy().view(np.float16).astype(np.float32)


def q8_1(raw):  # half scale, half sum, 32 codes
    return half(raw, 0) * raw[:, 4:].view(np.int8).astype(np.float32)


def q8_k(raw):  # float scale, 256 codes, sums
    return raw[:, :4].copy().view(np.float32) * raw[:, 4:260].view(np.int8).astype(np.float32)


def q1_0(raw):  # half scale, a bit per weight: set is +, clear is -
    scale = half(raw, 0)
    return np.where(np.unpackbits(raw[:, 2:], axis=1, bitorder="little"), scale, -scale)


def q2_0(raw):  # half scale, two bits per weight, less 1
    pairs = raw[:, 2:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3
    return half(raw, 0) * (pairs.reshape(len(raw), 64).astype(np.float32) - 1)


# name: values in a block, bytes in a block, decoder
OWN = {
    "I8": (1, 1, plain(np.int8)), "I16": (1, 2, plain(np.int16)), "I32": (1, 4, plain(np.int32)),
    "I64": (1, 8, plain(np.int64)), "F64": (1, 8, plain(np.float64)),
    "Q8_1": (32, 36, q8_1), "Q8_K": (256, 292, q8_k), "Q1_0": (128, 18, q1_0), "Q2_0": (64, 18, q2_0),
}


def awkward_blocks(name, raw):
    """Overwrites some blocks, in place."""
    raw[-1], raw[-2] = 0xFF, 0
    for k, at in enumerate(HALVES.get(name, [])):
        halves = np.roll(np.array(AWKWARD, np.uint16), -5 * k)  # several halves of a block take different ones
        raw[:len(halves), at:at + 2] = halves.view(np.uint8).reshape(-1, 2)
    if name == "IQ1_M":  # the half is spread over the top nibbles of four words
        words = raw[:, 48:].view(np.uint16)
        for i, bits in enumerate(AWKWARD):
            words[i] = words[i] & 0x0FFF | np.array([(bits >> 4 * k & 15) << 12 for k in range(4)], np.uint16)
    if name == "Q8_K":
        floats = [0.0, -0.0, 1e-45, -1e-40, 1.17549435e-38, -0.37, 3e36, np.inf, -np.inf, np.nan]
        raw[:len(floats), :4] = np.array(floats, np.float32).view(np.uint8).reshape(-1, 4)
    if name in ("F64", "F32"):
        kind = np.float64 if name == "F64" else np.float32
        values = [0.0, -0.0, 1.0, -1 / 3, 1e-45, 1.0000000596, 1.00000017881, 3e38, -np.inf, np.nan]
        raw[:len(values)] = np.array(values, kind).view(np.uint8).reshape(len(values), -1)
    if name in ("MXFP4", "NVFP4"):  # every scale byte once
        bytes_of_scales = raw[:, :1] if name == "MXFP4" else raw[:, :4]
        bytes_of_scales[:] = np.resize(np.arange(256, dtype=np.uint8), bytes_of_scales.shape)


def golden(name, rng):
    values, size = OWN[name][:2] if name in OWN else GGML_QUANT_SIZES[Type[name]]
    blocks = 256 if values <= 32 else 64 if values <= 128 else 32
    raw = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
    awkward_blocks(name, raw)
    with np.errstate(all="ignore"):
        weights = OWN[name][2](raw) if name in OWN else quants.dequantize(raw, Type[name])
    weights = np.ascontiguousarray(weights, np.float32)
    assert weights.size == blocks * values
    reference = f"numpy {version('numpy')}" if name in OWN else f"gguf {GGUF}"
    head = f"hearth-golden {name.lower()} blocks {blocks} bytes {size} values {values} seed {SEED} reference {reference}\n"
    return head.encode() + raw.tobytes() + weights.tobytes()


OUT.mkdir(parents=True, exist_ok=True)
for name in sorted({t.name for t in Type} | set(OWN)):
    rng = np.random.default_rng([SEED, *name.encode()])  # a type's file does not depend on which others exist
    (OUT / f"{name.lower()}.bin").write_bytes(golden(name, rng))

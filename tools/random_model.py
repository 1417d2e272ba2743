#!/usr/bin/env python3
"""Makes a GGUF file of random weights with a real model's geometry, for timing and memory measurements.

    tools/random_model.py GEOMETRY OUT.gguf --format Q4_K_M [--layers N]

GEOMETRY is a name below (qwen3-0.6b, qwen3-4b, llama-3.2-1b, moe-64x8, lfm2-350m) or the Hugging Face config.json of a llama,
mistral, qwen2, qwen3, qwen3_moe or lfm2 model. Weights are random bits under scales that give them a standard deviation near 0.02, so arithmetic takes
the time that trained weights take. One pool of random blocks per format is written again and again from other places: a file
is made at the speed of the disk. The vocabulary is byte-level BPE of the model's size, made up of letters. Needs Python alone;
the same arguments give the same file.
"""
import argparse
import json
import os
import random
import struct

GEOMETRIES = {
    "qwen3-0.6b": dict(model_type="qwen3", hidden_size=1024, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8,
                       head_dim=128, intermediate_size=3072, vocab_size=151936, tie_word_embeddings=True, rms_norm_eps=1e-6,
                       rope_theta=1e6, max_position_embeddings=40960),
    "qwen3-4b": dict(model_type="qwen3", hidden_size=2560, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8,
                     head_dim=128, intermediate_size=9728, vocab_size=151936, tie_word_embeddings=True, rms_norm_eps=1e-6,
                     rope_theta=1e6, max_position_embeddings=40960),
    "llama-3.2-1b": dict(model_type="llama", hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
                         head_dim=64, intermediate_size=8192, vocab_size=128256, tie_word_embeddings=True, rms_norm_eps=1e-5,
                         rope_theta=5e5, max_position_embeddings=131072),
    "moe-64x8": dict(model_type="qwen3_moe", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=8,
                     head_dim=128, intermediate_size=3072, moe_intermediate_size=768, num_experts=64, num_experts_per_tok=8,
                     vocab_size=151936, tie_word_embeddings=True, rms_norm_eps=1e-6, rope_theta=1e6, max_position_embeddings=40960),
    "lfm2-350m": dict(model_type="lfm2", hidden_size=1024, num_hidden_layers=16, num_attention_heads=16, num_key_value_heads=8,
                      intermediate_size=4608, block_auto_adjust_ff_dim=False, full_attn_idxs=[2, 5, 8, 10, 12, 14], conv_L_cache=3,
                      vocab_size=65536, tie_word_embeddings=True, norm_eps=1e-5, rope_theta=1e6, max_position_embeddings=128000),
}

# Name: GGUF number, weights and bytes of a block, and its scales: (offset, struct code, value for a deviation near 0.02).
FORMATS = {
    "F32": (0, 1, 4, []), "F16": (1, 1, 2, []), "BF16": (30, 1, 2, []), "F64": (28, 1, 8, []),
    "Q4_0": (2, 32, 18, [(0, "e", 0.0043)]), "Q4_1": (3, 32, 20, [(0, "e", 0.0043), (2, "e", -0.033)]),
    "Q5_0": (6, 32, 22, [(0, "e", 0.0022)]), "Q5_1": (7, 32, 24, [(0, "e", 0.0022), (2, "e", -0.034)]),
    "Q8_0": (8, 32, 34, [(0, "e", 0.00027)]), "Q8_1": (9, 32, 36, [(0, "e", 0.00027), (2, "e", 0)]),
    "Q1_0": (41, 128, 18, [(0, "e", 0.02)]), "Q2_0": (42, 64, 18, [(0, "e", 0.016)]),
    "Q2_K": (10, 256, 84, [(80, "e", 0.0014), (82, "e", 0.0021)]), "Q3_K": (11, 256, 110, [(108, "e", 0.0005)]),
    "Q4_K": (12, 256, 144, [(0, "e", 0.000077), (2, "e", 0.00057)]), "Q5_K": (13, 256, 176, [(0, "e", 0.000038), (2, "e", 0.00057)]),
    "Q6_K": (14, 256, 210, [(208, "e", 0.000015)]), "Q8_K": (15, 256, 292, [(0, "f", 0.00027)]),
    "IQ1_S": (19, 256, 50, [(0, "e", 0.0027)]), "IQ1_M": (29, 256, 56, [(48, "iq1_m", 0.0027)]),
    "IQ2_XXS": (16, 256, 66, [(0, "e", 0.0004)]), "IQ2_XS": (17, 256, 74, [(0, "e", 0.0004)]), "IQ2_S": (22, 256, 82, [(0, "e", 0.0004)]),
    "IQ3_XXS": (18, 256, 98, [(0, "e", 0.00015)]), "IQ3_S": (21, 256, 110, [(0, "e", 0.00015)]),
    "IQ4_NL": (20, 32, 18, [(0, "e", 0.0003)]), "IQ4_XS": (23, 256, 136, [(0, "e", 0.00002)]),
    "TQ1_0": (34, 256, 54, [(52, "e", 0.025)]), "TQ2_0": (35, 256, 66, [(64, "e", 0.016)]),
    "MXFP4": (39, 32, 17, [(0, "B", 120)]), "NVFP4": (40, 64, 36, [(i, "B", 4) for i in range(4)]),
}

# The format of most matrices, of the more sensitive ones, and of the output head, as llama.cpp mixes them.
MIXES = {
    **{name: (name,) * 3 for name in FORMATS},
    "Q2_K": ("Q2_K", "Q3_K", "Q6_K"), "Q3_K_M": ("Q3_K", "Q5_K", "Q6_K"), "Q4_K_M": ("Q4_K", "Q6_K", "Q6_K"),
    "Q5_K_M": ("Q5_K", "Q6_K", "Q6_K"), "IQ4_XS": ("IQ4_XS", "Q5_K", "Q6_K"), "MXFP4": ("MXFP4", "MXFP4", "Q8_0"),
    **{name: (name, name, "Q6_K") for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL")},
}

POOL_BLOCKS, POOL_VALUES = 16381, 524287  # primes: rows of a matrix do not begin at the same block again
ALIGNMENT = 32


def float_pool(dice, name):
    values = [dice.gauss(0, 0.02) for _ in range(POOL_VALUES)]
    if name == "BF16":
        singles = struct.pack(f"<{POOL_VALUES}f", *values)
        return b"".join(singles[i:i + 2] for i in range(2, len(singles), 4))
    return struct.pack(f"<{POOL_VALUES}{ {'F32': 'f', 'F16': 'e', 'F64': 'd'}[name]}", *values)


def block_pool(dice, name):
    _, _, size, scales = FORMATS[name]
    pool = bytearray(dice.randbytes(POOL_BLOCKS * size))
    for at in range(0, len(pool), size):
        for offset, code, value in scales:
            spread = value if code == "B" else value * dice.uniform(0.8, 1.2)
            if code == "iq1_m":  # the half float lies in the top nibbles of four 16-bit words
                (bits,) = struct.unpack("<H", struct.pack("<e", spread))
                for word in range(4):
                    high = at + offset + 2 * word + 1
                    pool[high] = pool[high] & 15 | (bits >> 4 * word & 15) << 4
            else:
                struct.pack_into("<" + code, pool, at + offset, spread)
    return bytes(pool)


class Pools:
    def __init__(self):
        self.dice = random.Random(20)
        self.of = {}

    def write(self, file, name, values):
        """So many random weights in a format, from a place in its pool that differs each time."""
        _, block_values, size, _ = FORMATS[name]
        if name not in self.of:
            self.of[name] = (float_pool if block_values == 1 else block_pool)(self.dice, name)
        pool = memoryview(self.of[name])
        left, at = values // block_values * size, self.dice.randrange(len(pool) // size) * size
        while left > 0:
            part = pool[at:at + left]
            file.write(part)
            left, at = left - len(part), 0


class Gguf:
    """Metadata and tensors in the order given; write() streams them. Format: GGUF version 3."""

    def __init__(self):
        self.entries, self.tensors = [], []

    @staticmethod
    def text(value):
        data = value.encode()
        return struct.pack("<Q", len(data)) + data

    def add(self, key, value):
        kinds = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}
        if isinstance(value, str):
            body = struct.pack("<I", 8) + self.text(value)
        elif isinstance(value, list) and isinstance(value[0], str):
            body = struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(self.text, value))
        elif isinstance(value, list):
            body = struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
        else:
            number, code = kinds[type(value)]
            body = struct.pack("<I" + code, number, value)
        self.entries.append(self.text(key) + body)

    def tensor(self, name, kind, *shape):
        """shape as GGUF writes it: columns first. A vector holds floats near 1."""
        _, block_values, _, _ = FORMATS[kind]
        if shape[0] % block_values:
            raise SystemExit(f"{name} has rows of {shape[0]} weights, {kind} needs multiples of {block_values}")
        self.tensors.append((name, kind, shape))

    def write(self, path):
        pools, offset, infos, sizes = Pools(), 0, [], []
        for name, kind, shape in self.tensors:
            number, block_values, size, _ = FORMATS[kind]
            count = 1
            for n in shape:
                count *= n
            infos.append(self.text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, number, offset))
            sizes.append((count, -(count // block_values * size) % ALIGNMENT))
            offset += count // block_values * size + sizes[-1][1]
        with open(path, "wb", buffering=1 << 20) as file:
            file.write(b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.entries)))
            file.write(b"".join(self.entries) + b"".join(infos))
            file.write(bytes(-file.tell() % ALIGNMENT))
            for (name, kind, shape), (count, padding) in zip(self.tensors, sizes):
                if len(shape) == 1:
                    file.write(struct.pack(f"<{count}f", *(pools.dice.uniform(0.9, 1.1) for _ in range(count))))
                else:
                    pools.write(file, kind, count)
                file.write(bytes(padding))


def vocabulary(size):
    """Byte-level BPE: 256 bytes, pairs and fours of letters (a merge each), three control tokens. (tokens, merges, types)"""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    tokens = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    controls = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    pairs = [(a, b) for a in [*letters, "\u0120"] for b in letters]  # U+0120 stands for the space
    words = [a + b for a, b in pairs]
    merges = (pairs + [(a, b) for a in words for b in words if b[0] != "\u0120"])[:max(0, size - len(tokens) - len(controls))]
    tokens += [a + b for a, b in merges]
    tokens += [f"[unused {i}]" for i in range(size - len(tokens) - len(controls))] + controls
    return tokens[:size], [f"{a} {b}" for a, b in merges], [1] * (size - len(controls)) + [3] * len(controls)


def sensitive(layer, layers):
    """The layers whose value and down projections get more bits: first and last eighth, and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def attends(config, layer):
    """Whether a layer mixes by attention; lfm2's others are short convolutions."""
    if "layer_types" in config:
        return config["layer_types"][layer] != "conv"
    return layer in config.get("full_attn_idxs", [layer])


def hidden_size(config):
    """Of the feed-forward; lfm2 counts it as for one matrix less, in steps."""
    hidden = config["intermediate_size"]
    if config.get("model_type") != "lfm2" or not config.get("block_auto_adjust_ff_dim", True):
        return hidden
    step = config.get("block_multiple_of", 256)
    return -(-int(config.get("block_ffn_dim_multiplier", 1) * (2 * hidden // 3)) // step) * step


def describe(gguf, config, arch, layers):
    c = config
    heads = c["num_attention_heads"]
    kv_heads = c.get("num_key_value_heads", heads)
    head_dim = c.get("head_dim") or c["hidden_size"] // heads
    gguf.add("general.architecture", arch)
    gguf.add("general.name", f"random {arch}")
    for key, value in {
        "block_count": layers, "context_length": c["max_position_embeddings"], "embedding_length": c["hidden_size"],
        "feed_forward_length": hidden_size(c), "attention.head_count": heads,
        "attention.head_count_kv": [kv_heads if attends(c, layer) else 0 for layer in range(layers)] if arch == "lfm2" else kv_heads,
        "attention.key_length": head_dim, "attention.value_length": head_dim,
        "attention.layer_norm_rms_epsilon": float(c.get("rms_norm_eps") or c["norm_eps"]),
        "rope.freq_base": float(c.get("rope_theta", 10000)), "vocab_size": c["vocab_size"],
    }.items():
        gguf.add(f"{arch}.{key}", value)
    if arch == "lfm2":
        gguf.add("lfm2.shortconv.l_cache", c["conv_L_cache"])
    if arch == "qwen3moe":
        gguf.add("qwen3moe.expert_count", c["num_experts"])
        gguf.add("qwen3moe.expert_used_count", c["num_experts_per_tok"])
        gguf.add("qwen3moe.expert_feed_forward_length", c["moe_intermediate_size"])
    tokens, merges, types = vocabulary(c["vocab_size"])
    gguf.add("tokenizer.ggml.model", "gpt2")
    gguf.add("tokenizer.ggml.pre", "gpt-2")
    gguf.add("tokenizer.ggml.tokens", tokens)
    gguf.add("tokenizer.ggml.token_type", types)
    gguf.add("tokenizer.ggml.merges", merges or ["a b"])
    gguf.add("tokenizer.ggml.bos_token_id", len(tokens) - 3)
    gguf.add("tokenizer.ggml.eos_token_id", len(tokens) - 1)
    gguf.add("tokenizer.ggml.add_bos_token", False)


def mixer(config, arch, layer, main, sturdy):
    """(name, format, shape) of what mixes tokens in a layer."""
    c = config
    width, heads = c["hidden_size"], c["num_attention_heads"]
    if not attends(c, layer):
        return [("shortconv.conv", "F32", c["conv_L_cache"], width), ("shortconv.in_proj", main, width, 3 * width), ("shortconv.out_proj", main, width, width)]
    head_dim = c.get("head_dim") or width // heads
    q, kv = heads * head_dim, c.get("num_key_value_heads", heads) * head_dim
    return [("attn_q", main, width, q), ("attn_k", main, width, kv), ("attn_v", sturdy, width, kv), ("attn_output", main, q, width)]


def head_norms(config, arch, layer):
    if not attends(config, layer) or not (arch.startswith("qwen3") or arch == "lfm2"):
        return []
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return [("attn_q_norm", "F32", head_dim), ("attn_k_norm", "F32", head_dim)]


def feed_forward(config, arch, main, sturdy):
    c = config
    width, hidden = c["hidden_size"], hidden_size(c)
    if arch == "qwen3moe":
        experts, own = c["num_experts"], c["moe_intermediate_size"]
        return [("ffn_gate_inp", "F32", width, experts), ("ffn_gate_exps", main, width, own, experts), ("ffn_up_exps", main, width, own, experts),
                ("ffn_down_exps", sturdy, own, width, experts)]
    return [("ffn_gate", main, width, hidden), ("ffn_up", main, width, hidden), ("ffn_down", sturdy, hidden, width)]


def add_tensors(gguf, config, arch, layers, mix):
    main, more, head = mix
    width, tied = config["hidden_size"], config.get("tie_word_embeddings", False)
    gguf.tensor("token_embd.weight", head if tied else main, width, config["vocab_size"])
    if not tied:
        gguf.tensor("output.weight", head, width, config["vocab_size"])
    gguf.tensor("token_embd_norm.weight" if arch == "lfm2" else "output_norm.weight", "F32", width)
    for layer in range(layers):
        sturdy = more if sensitive(layer, layers) else main
        matrices = [("attn_norm", "F32", width), *mixer(config, arch, layer, main, sturdy), ("ffn_norm", "F32", width),
                    *head_norms(config, arch, layer), *feed_forward(config, arch, main, sturdy)]
        for name, kind, *shape in matrices:
            gguf.tensor(f"blk.{layer}.{name}.weight", kind, *shape)
            if arch == "qwen2" and name in ("attn_q", "attn_k", "attn_v"):
                gguf.tensor(f"blk.{layer}.{name}.bias", "F32", shape[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=f"Geometries: {', '.join(GEOMETRIES)}.")
    parser.add_argument("geometry", help="a name, or a Hugging Face config.json")
    parser.add_argument("out")
    parser.add_argument("--format", default="Q4_K_M", choices=sorted(MIXES), metavar="F", help="Q4_K_M, Q8_0, BF16, ...")
    parser.add_argument("--layers", type=int, help="so many layers instead of the model's own")
    args = parser.parse_args()
    if args.geometry in GEOMETRIES:
        config = GEOMETRIES[args.geometry]
    elif os.path.isfile(args.geometry):
        config = json.load(open(args.geometry))
    else:
        raise SystemExit(f"{args.geometry} is neither a file nor one of {', '.join(GEOMETRIES)}")
    kind = config.get("model_type")
    arch = {"qwen3_moe": "qwen3moe", "mistral": "llama"}.get(kind, kind)
    if arch not in ("llama", "qwen2", "qwen3", "qwen3moe", "lfm2"):
        raise SystemExit(f"model_type '{kind}' is not one of llama, mistral, qwen2, qwen3, qwen3_moe, lfm2")
    layers = args.layers or config["num_hidden_layers"]
    gguf = Gguf()
    describe(gguf, config, arch, layers)
    add_tensors(gguf, config, arch, layers, MIXES[args.format])
    gguf.write(args.out)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes a GGUF file of random weights with a real model's geometry, for timing and memory measurements.

    tools/random_model.py CONFIG.json OUT.gguf --format Q4_K_M [--vocab VOCAB.gguf] [--layers N]

CONFIG.json is a Hugging Face config of a llama, qwen2, qwen3 or qwen3_moe model. Blocks are random bits with scales chosen so
that weights have a standard deviation near 0.02: arithmetic takes the time that trained weights take. Without --vocab the file
carries a byte-level vocabulary of its own. Needs the Python packages gguf and numpy. The same arguments give the same file.
"""
import argparse
import json

import gguf
import numpy as np

T = gguf.GGMLQuantizationType
# Where a block keeps its half-precision scales, and the scale that gives weights a standard deviation near 0.02.
SCALES = {
    T.Q4_0: [(0, 0.0043)], T.Q4_1: [(0, 0.0043), (2, -0.033)], T.Q5_0: [(0, 0.0022)], T.Q5_1: [(0, 0.0022), (2, -0.034)],
    T.Q8_0: [(0, 0.00027)], T.Q2_K: [(80, 0.0014), (82, 0.0021)], T.Q3_K: [(108, 0.0005)], T.Q4_K: [(0, 0.000077), (2, 0.00057)],
    T.Q5_K: [(0, 0.000038), (2, 0.00057)], T.Q6_K: [(208, 0.000015)], T.IQ4_NL: [(0, 0.0003)], T.IQ4_XS: [(0, 0.00002)],
}
# A recipe gives the type of most matrices, of the more sensitive ones, and of the output head.
RECIPES = {
    "Q4_K_M": (T.Q4_K, T.Q6_K, T.Q6_K), "Q5_K_M": (T.Q5_K, T.Q6_K, T.Q6_K), "Q3_K_M": (T.Q3_K, T.Q5_K, T.Q6_K),
    "Q4_0": (T.Q4_0, T.Q4_0, T.Q6_K), "Q4_1": (T.Q4_1, T.Q4_1, T.Q6_K), "Q5_0": (T.Q5_0, T.Q5_0, T.Q6_K),
    "Q5_1": (T.Q5_1, T.Q5_1, T.Q6_K), "Q2_K": (T.Q2_K, T.Q3_K, T.Q6_K), "IQ4_NL": (T.IQ4_NL, T.IQ4_NL, T.Q6_K),
    "IQ4_XS": (T.IQ4_XS, T.Q5_K, T.Q6_K), "MXFP4": (T.MXFP4, T.MXFP4, T.Q8_0),
    **{name: (T[name],) * 3 for name in ("Q6_K", "Q8_0", "F32", "F16", "BF16")},
}


def random_rows(rng, kind, rows, columns):
    """Random blocks of `kind` for a (rows, columns) matrix, as the bytes of its rows."""
    if kind == T.F32:
        return (rng.standard_normal((rows, columns), dtype=np.float32) * 0.02)
    if kind == T.F16:
        return (rng.standard_normal((rows, columns), dtype=np.float32) * 0.02).astype(np.float16)
    values, size = gguf.GGML_QUANT_SIZES[kind]
    if kind == T.BF16:
        floats = rng.standard_normal((rows, columns), dtype=np.float32) * 0.02
        return (floats.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    if columns % values:
        raise SystemExit(f"{kind.name} needs columns in multiples of {values}, not {columns}")
    blocks = rng.integers(0, 256, (rows * (columns // values), size), dtype=np.uint8)
    if kind == T.MXFP4:
        blocks[:, 0] = 120  # 2^-7 times {0 .. 6}
    for offset, scale in SCALES.get(kind, []):
        spread = (scale * rng.uniform(0.8, 1.2, len(blocks))).astype(np.float16)
        blocks[:, offset:offset + 2] = spread.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def sensitive(layer, layers):
    """The layers whose value and down projections get more bits: first and last eighth, and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


class Model:
    def __init__(self, args):
        self.config = json.load(open(args.config))
        self.arch = {"qwen3_moe": "qwen3moe", "mistral": "llama"}.get(self.config["model_type"], self.config["model_type"])
        if self.arch not in ("llama", "qwen2", "qwen3", "qwen3moe"):
            raise SystemExit(f"model_type '{self.config['model_type']}' is not one of llama, mistral, qwen2, qwen3, qwen3_moe")
        self.layers = args.layers or self.config["num_hidden_layers"]
        self.main, self.more, self.head = RECIPES[args.format]
        self.rng = np.random.default_rng(20)
        self.writer = gguf.GGUFWriter(args.out, self.arch, use_temp_file=True)

    def metadata(self):
        c, w = self.config, self.writer
        w.add_name(f"random {self.arch}")
        w.add_block_count(self.layers)
        w.add_context_length(c["max_position_embeddings"])
        w.add_embedding_length(c["hidden_size"])
        w.add_feed_forward_length(c["intermediate_size"])
        w.add_head_count(c["num_attention_heads"])
        w.add_head_count_kv(c.get("num_key_value_heads", c["num_attention_heads"]))
        self.head_dim = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
        w.add_key_length(self.head_dim)
        w.add_value_length(self.head_dim)
        w.add_layer_norm_rms_eps(c["rms_norm_eps"])
        w.add_rope_freq_base(c.get("rope_theta", 10000.0))
        if self.arch == "qwen3moe":
            w.add_expert_count(c["num_experts"])
            w.add_expert_used_count(c["num_experts_per_tok"])
            w.add_expert_feed_forward_length(c["moe_intermediate_size"])

    def vocabulary(self, path):
        size, w = self.config["vocab_size"], self.writer
        if path:
            fields = gguf.GGUFReader(path).fields
            for name, field in fields.items():
                if name.startswith("tokenizer.") and not name.endswith(".tokens"):
                    kind = field.types[0]
                    if kind == gguf.GGUFValueType.ARRAY:
                        w.add_array(name, field.contents())
                    else:
                        w.add_key_value(name, field.contents(), kind)
            tokens = fields["tokenizer.ggml.tokens"].contents()
        else:
            letters = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
            tokens = [chr(b) for b in letters] + [chr(256 + i) for i in range(256 - len(letters))]
            w.add_tokenizer_model("gpt2")
            w.add_tokenizer_pre("gpt-2")
            w.add_token_merges(["a b"])
            tokens.append("ab")
            w.add_eos_token_id(size - 1)
        tokens = (tokens + [f"[PAD{i}]" for i in range(len(tokens), size)])[:size]
        w.add_token_list(tokens)
        if not path:
            w.add_token_types([1] * (size - 1) + [3])

    def matrix(self, name, kind, rows, columns, experts=None):
        blocks = random_rows(self.rng, kind, rows * (experts or 1), columns)
        if experts:
            blocks = blocks.reshape(experts, rows, -1)
        self.writer.add_tensor(name, blocks, raw_dtype=kind)

    def vector(self, name, count):
        self.writer.add_tensor(name, self.rng.uniform(0.9, 1.1, count).astype(np.float32))

    def tensors(self):
        c = self.config
        width, heads = c["hidden_size"], c["num_attention_heads"]
        kv = c.get("num_key_value_heads", heads) * self.head_dim
        tied = c.get("tie_word_embeddings", False)
        self.matrix("token_embd.weight", self.head if tied else self.main, c["vocab_size"], width)
        if not tied:
            self.matrix("output.weight", self.head, c["vocab_size"], width)
        self.vector("output_norm.weight", width)
        for layer in range(self.layers):
            more = self.more if sensitive(layer, self.layers) else self.main
            at = f"blk.{layer}."
            self.vector(at + "attn_norm.weight", width)
            self.vector(at + "ffn_norm.weight", width)
            self.matrix(at + "attn_q.weight", self.main, heads * self.head_dim, width)
            self.matrix(at + "attn_k.weight", self.main, kv, width)
            self.matrix(at + "attn_v.weight", more, kv, width)
            self.matrix(at + "attn_output.weight", self.main, width, heads * self.head_dim)
            if self.arch.startswith("qwen3"):
                self.vector(at + "attn_q_norm.weight", self.head_dim)
                self.vector(at + "attn_k_norm.weight", self.head_dim)
            if self.arch == "qwen2":
                for part, count in (("q", heads * self.head_dim), ("k", kv), ("v", kv)):
                    self.vector(at + f"attn_{part}.bias", count)
            if self.arch == "qwen3moe":
                experts, hidden = c["num_experts"], c["moe_intermediate_size"]
                self.matrix(at + "ffn_gate_inp.weight", T.F32, experts, width)
                self.matrix(at + "ffn_gate_exps.weight", self.main, hidden, width, experts)
                self.matrix(at + "ffn_up_exps.weight", self.main, hidden, width, experts)
                self.matrix(at + "ffn_down_exps.weight", more, width, hidden, experts)
            else:
                hidden = c["intermediate_size"]
                self.matrix(at + "ffn_gate.weight", self.main, hidden, width)
                self.matrix(at + "ffn_up.weight", self.main, hidden, width)
                self.matrix(at + "ffn_down.weight", more, width, hidden)

    def write(self):
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("out")
    parser.add_argument("--format", default="Q4_K_M", choices=sorted(RECIPES))
    parser.add_argument("--vocab", help="take the vocabulary of this GGUF file")
    parser.add_argument("--layers", type=int, help="so many layers instead of the config's")
    args = parser.parse_args()
    model = Model(args)
    model.metadata()
    model.vocabulary(args.vocab)
    model.tensors()
    model.write()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes seed inputs for the fuzz targets: seeds.py FOLDER makes FOLDER/gguf, FOLDER/safetensors and FOLDER/template.

Every seed is a small valid input, so that mutation starts behind the first checks: files made here, and the template
expressions of the goldens."""
import json
import pathlib
import struct
import sys


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


def gguf(keys=(), tensors=(), version=3, alignment=32):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys)
    offset, body = 0, b""
    for name, dims, kind, size in tensors:
        out += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)
        padded = -(-size // alignment) * alignment
        offset += padded
        body += bytes(range(256))[:size].ljust(padded, b"\0")
    return out.ljust(-(-len(out) // alignment) * alignment, b"\0") + body


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def array(name, kind, items):
    return key(name, 9, struct.pack("<IQ", kind, len(items)) + b"".join(items))


def gguf_seeds():
    scalars = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
    yield gguf()
    yield gguf([key(f"k{k}", k, struct.pack("<" + f, 1)) for k, f in scalars.items()])
    yield gguf([array(f"a{k}", k, [struct.pack("<" + f, 1)] * 3) for k, f in scalars.items()])
    yield gguf([key("general.architecture", 8, text("llama")), array("tokenizer.ggml.tokens", 8, [text("<s>"), text("a")])])
    yield gguf([], [("a.weight", (8, 2), 0, 64), ("b.weight", (32,), 2, 18), ("c.weight", (256,), 12, 144)])
    yield gguf([key("general.alignment", 4, struct.pack("<I", 64))], [("a", (2, 2, 2, 2), 0, 64)], alignment=64)
    yield gguf([], [("a", (4,), 0, 16)], version=2)
    yield gguf([key("split.no", 2, struct.pack("<H", 0)), key("split.count", 2, struct.pack("<H", 1))], [("a", (4,), 0, 16)])


def safetensors(table, size):
    header = json.dumps(table).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    names = ["model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.0.conv.conv.weight"]
    yield safetensors({}, 0)
    yield safetensors({"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 3], 0, 24)}, 24)
    layers = safetensors({n: entry("BF16", [2, 1, 3], i * 12, i * 12 + 12) for i, n in enumerate(names)}, 36)
    yield layers
    yield safetensors({d: entry(d, [], i, i + 1) for i, d in enumerate(["I8", "U8", "BOOL", "F8_E4M3"])}, 4)
    rope = {"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]}
    for kind, more in {"LlamaForCausalLM": {}, "Gemma3ForCausalLM": {"sliding_window": 4}, "Phi3ForCausalLM": {"rope_scaling": rope},
                       "Lfm2ForCausalLM": {"layer_types": ["conv"]}}.items():
        config = {"architectures": [kind], "num_hidden_layers": 1, "hidden_size": 4, "num_attention_heads": 2, **more}
        yield json.dumps(config).encode() + b"\0" + layers


def template_seeds():
    goldens = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/chat_template/expressions.json"
    yield from (template.encode() for template, _ in json.loads(goldens.read_text())["cases"])


def main():
    for name, seeds in {"gguf": gguf_seeds(), "safetensors": safetensors_seeds(), "template": template_seeds()}.items():
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds):
            (folder / f"seed{i}").write_bytes(seed)


if __name__ == "__main__":
    main()

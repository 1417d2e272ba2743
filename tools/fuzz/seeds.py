#!/usr/bin/env python3
"""Writes seed inputs for the fuzz targets: seeds.py FOLDER makes FOLDER/gguf and one folder for each other target.

Every seed is a small valid input, so that mutation starts behind the first checks: files made here, and the template
expressions of the goldens."""
import base64
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


VOCABULARIES = [
    {"type": "BPE", "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "\u0120a": 4, "<0x61>": 5}, "merges": ["a b"], "unk_token": "<unk>",
     "byte_fallback": True, "ignore_merges": True, "end_of_word_suffix": "</w>"},
    {"type": "Unigram", "vocab": [["<unk>", 0], ["a", -1], ["\u2581a", -2.5], ["ab", -3]], "unk_id": 0, "byte_fallback": False},
    {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, "##b": 2}, "unk_token": "[UNK]", "continuing_subword_prefix": "##",
     "max_input_chars_per_word": 9},
    {"type": "WordLevel", "vocab": {"a": 0, "<unk>": 1}, "unk_token": "<unk>"},
]
STEPS = {
    "normalizer": [
        {"type": "NFC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "StripAccents"},
        {"type": "Replace", "pattern": {"Regex": "[a-c]+\\s"}, "content": "b"}, {"type": "Prepend", "prepend": "\u2581"},
        {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(struct.pack("<III", 8, 0, 0) + b"a\0").decode()}, {"type": "ByteLevel"}],
    "pre_tokenizer": [
        {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True},
        {"type": "Split", "pattern": {"Regex": "\\p{L}+|\\p{N}{1,3}| ?[^\\s]+|\\s+(?!\\S)"}, "behavior": "Isolated", "invert": False},
        {"type": "Split", "pattern": {"String": "a"}, "behavior": "MergedWithPrevious", "invert": True},
        {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": True},
        {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "BertPreTokenizer"},
        {"type": "UnicodeScripts"}, {"type": "CharDelimiterSplit", "delimiter": "-"}],
    "decoder": [
        {"type": "ByteLevel"}, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"},
        {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "BPEDecoder", "suffix": "</w>"},
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}],
    "post_processor": [
        {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
         "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}, {"type": "BertProcessing", "sep": ["a", 1], "cls": ["a", 1]}],
}


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(number, value):
    """A field of a protocol buffer: bytes, a float or a whole number."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3 | 5) + struct.pack("<f", value) if isinstance(value, float) else varint(number << 3) + varint(value)


def sentencepiece(kind, pieces):
    rows = b"".join(field(1, field(1, text.encode()) + field(2, score) + field(3, what)) for text, score, what in pieces)
    return rows + field(2, field(3, kind) + field(35, 1) + field(40, 0)) + field(3, field(1, b"identity") + field(3, 1) + field(4, 1))


def vocabulary_seeds():
    for model in VOCABULARIES:
        yield json.dumps({"model": model}).encode()
    for section, steps in STEPS.items():
        many = {"pre_tokenizer": "pretokenizers", "post_processor": "processors"}.get(section, section + "s")
        yield from (json.dumps({"model": VOCABULARIES[i % 4], section: step}).encode() for i, step in enumerate(steps))
        yield json.dumps({"model": VOCABULARIES[0], section: {"type": "Sequence", many: steps[:3]}}).encode()
    added = {"content": "<s>", "special": True, "lstrip": True, "rstrip": True, "single_word": True, "normalized": False}
    both = [{"id": 6, **added}, {"id": 7, **added, "content": "Hello", "special": False}]
    yield json.dumps({"model": VOCABULARIES[0], "added_tokens": both}).encode()
    yield b"".join(base64.b64encode(bytes([b])) + b" %d\n" % b for b in range(97, 123)) + base64.b64encode(b"ll") + b" 123\n"
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("\u2581", -1.0, 1), ("a", -2.0, 1), ("\u2581a", -1.5, 1), ("<0x0A>", 0.0, 6)]
    yield from (sentencepiece(kind, pieces) for kind in (1, 2))


def request_seeds():
    post = b'POST /v1/chat/completions?a=%20b HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
    chunks = b"POST /a%2Fb HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
    get = b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    yield from (post, chunks, get, post + get + chunks, b"GET / HTTP/1.0\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
    yield b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"


SEEDS = {"gguf": gguf_seeds, "safetensors": safetensors_seeds, "template": template_seeds, "vocabulary": vocabulary_seeds, "request": request_seeds}


def main():
    for name, seeds in SEEDS.items():
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds()):
            (folder / f"seed{i}").write_bytes(seed)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes model files of a checkpoint: GGUF in any format the gguf package encodes, and a Hugging Face folder in BF16.

Run:  export.py CORPUS CHECKPOINT OUT [FORMAT...]      Needs torch, numpy, gguf and safetensors. Formats: Q8_0 (default), F32, BF16, Q4_0, ...
CHECKPOINT may name trainings that went on from each other, A/checkpoint.pt,B/checkpoint.pt: the weights are the last one's, OUT/log.csv
holds the logs of all.
Writes OUT/ember-FORMAT.gguf for each and OUT/ember/ (config.json, model.safetensors, tokenizer.json, ...).
"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

import shape

NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def gguf_name(name):
    if not name.startswith("layers."):
        return {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}[name]
    _, layer, rest = name.split(".", 2)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def read_vocabulary(path):
    """Tokens by id, their kinds and the merges."""
    model = json.loads(path.read_text())["model"]
    tokens = [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    kinds = [gguf.TokenType.CONTROL if t in shape.CONTROL else gguf.TokenType.USER_DEFINED if t in shape.MARKS else gguf.TokenType.NORMAL
             for t in tokens]
    return tokens, kinds, [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]


def write_gguf(path, weights, kind, tokenizer):
    tokens, kinds, merges = read_vocabulary(tokenizer)
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name("Ember")
    writer.add_description("The small helper inside Hearth: its commands, simple stories.")
    writer.add_license("apache-2.0")
    writer.add_size_label("4M")
    writer.add_file_type(gguf.LlamaFileType[{"F32": "ALL_F32"}.get(kind, f"MOSTLY_{kind}")])
    writer.add_block_count(shape.LAYERS)
    writer.add_context_length(shape.CONTEXT)
    writer.add_embedding_length(shape.WIDTH)
    writer.add_feed_forward_length(shape.FFN)
    writer.add_head_count(shape.HEADS)
    writer.add_head_count_kv(shape.KV_HEADS)
    writer.add_key_length(shape.HEAD_SIZE)
    writer.add_value_length(shape.HEAD_SIZE)
    writer.add_rope_freq_base(shape.ROPE_BASE)
    writer.add_layer_norm_rms_eps(shape.EPSILON)
    for key, value in shape.SAMPLING.items():
        (writer.add_uint32 if isinstance(value, int) else writer.add_float32)(f"general.sampling.{key}", value)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(shape.PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index(shape.END))
    writer.add_add_bos_token(False)
    writer.add_chat_template(shape.TEMPLATE)
    for name, weight in weights.items():
        data = weight.float().numpy()
        encoding = gguf.GGMLQuantizationType[kind if data.ndim == 2 else "F32"]
        encoded = data if encoding == gguf.GGMLQuantizationType.F32 else gguf.quants.quantize(data, encoding)
        writer.add_tensor(gguf_name(name), np.ascontiguousarray(encoded), raw_dtype=encoding)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_folder(folder, weights, tokenizer):
    """A folder as transformers saves it."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({f"model.{n}": w.to(torch.bfloat16).contiguous() for n, w in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    write = lambda name, content: (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    end = shape.SPECIAL.index(shape.END)
    write("config.json", {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": shape.VOCABULARY, "hidden_size": shape.WIDTH,
        "intermediate_size": shape.FFN, "num_hidden_layers": shape.LAYERS, "num_attention_heads": shape.HEADS,
        "num_key_value_heads": shape.KV_HEADS, "head_dim": shape.HEAD_SIZE, "max_position_embeddings": shape.CONTEXT, "hidden_act": "silu",
        "rms_norm_eps": shape.EPSILON, "rope_theta": shape.ROPE_BASE, "rope_scaling": None, "attention_bias": False,
        "tie_word_embeddings": True, "eos_token_id": end, "torch_dtype": "bfloat16"})
    write("generation_config.json", {"do_sample": True, "eos_token_id": end, "temperature": shape.SAMPLING["temp"],
                                     "top_k": shape.SAMPLING["top_k"], "top_p": shape.SAMPLING["top_p"], "min_p": shape.SAMPLING["min_p"]})
    write("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": shape.END, "add_bos_token": False,
                                    "chat_template": shape.TEMPLATE, "model_max_length": shape.CONTEXT})
    content = json.loads(tokenizer.read_text())
    for token in content["added_tokens"]:
        token["special"] = token["content"] in shape.CONTROL
    write("tokenizer.json", content)


def joined_logs(folders):
    """The trainings' logs as one, each going on where the one before ended."""
    lines, step, tokens = [], 0, 0
    for folder in folders:
        head, *rows = (folder / "log.csv").read_text().splitlines()
        for row in rows:
            of_step, of_tokens, *rest = row.split(",")
            lines.append(",".join([str(step + int(of_step)), str(tokens + int(of_tokens)), *rest]))
        step, tokens = (int(v) for v in lines[-1].split(",")[:2])
    return "\n".join([head, *lines]) + "\n"


def main():
    corpus, checkpoints, out, *formats = sys.argv[1:]
    checkpoints, out, tokenizer = [Path(c) for c in checkpoints.split(",")], Path(out), Path(corpus) / "tokenizer.json"
    state = torch.load(checkpoints[-1], weights_only=True, map_location="cpu")
    weights = {n: w.to(torch.bfloat16) for n, w in state["average"].items()}  # every container holds the same numbers
    write_folder(out / "ember", weights, tokenizer)
    (out / "log.csv").write_text(joined_logs([c.parent for c in checkpoints]))
    for kind in formats or ["Q8_0"]:
        write_gguf(out / f"ember-{kind}.gguf", weights, kind, tokenizer)
        print(f"{out / f'ember-{kind}.gguf'}: {(out / f'ember-{kind}.gguf').stat().st_size} bytes")


if __name__ == "__main__":
    main()

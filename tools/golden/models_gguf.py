"""A Hugging Face folder as GGUF, doing what the public conversion does: its names, permutations, norms and stacking."""
import json
import math
import re

import gguf
import numpy as np
import torch
from safetensors import safe_open


def read_tensors(folder):
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                tensors[name] = file.get_tensor(name)
    return tensors


def permute(weight, heads):
    """Rows of q and k so that a rotary pair lies side by side."""
    pairs = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def rope_of(config):
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    rope = dict(rope.get("full_attention", rope))
    rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    return rope


def stack_experts(tensors):
    """One tensor per expert becomes one tensor of all."""
    out, groups = {}, {}
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(.*\.experts)\.(\d+)\.(.*)", name)
        if match:
            groups.setdefault((match[1], match[3]), {})[int(match[2])] = tensor
        else:
            out[name] = tensor
    for (prefix, suffix), experts in groups.items():
        out[f"{prefix}.{suffix}"] = torch.stack([experts[i] for i in range(len(experts))])
    return out


def modify(name, tensor, config, arch):
    if arch == "llama" and re.search(r"\.q_proj\.", name):
        return permute(tensor, config["num_attention_heads"])
    if arch == "llama" and re.search(r"\.k_proj\.", name):
        return permute(tensor, config["num_key_value_heads"])
    if arch.startswith("gemma") and name.endswith("norm.weight"):
        return tensor.float() + 1
    if "conv.conv.weight" in name:
        return tensor.squeeze(1)
    return tensor


def write_sizes(writer, config, arch):
    heads, width = config["num_attention_heads"], config["hidden_size"]
    kv_heads = config["num_key_value_heads"]
    head_dim = config.get("head_dim") or width // heads
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(width)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(heads)
    writer.add_layer_norm_rms_eps(config.get("rms_norm_eps", config.get("norm_eps")))
    feed_forward = config["intermediate_size"]
    if arch == "lfm2":
        types = config["layer_types"]
        writer.add_head_count_kv([0 if kind == "conv" else kv_heads for kind in types])
        writer.add_shortconv_l_cache(config["conv_L_cache"])
        if config["block_auto_adjust_ff_dim"]:
            multiple = config["block_multiple_of"]
            scaled = int(config["block_ffn_dim_multiplier"] * int(2 * feed_forward / 3))
            feed_forward = -(-scaled // multiple) * multiple
    else:
        writer.add_head_count_kv(kv_heads)
    writer.add_feed_forward_length(feed_forward)
    if head_dim != width // heads:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    rotated = int(head_dim * rope_of(config).get("partial_rotary_factor", 1.0))
    writer.add_rope_dimension_count(rotated)


def write_experts(writer, config):
    count = config.get("num_local_experts", config.get("num_experts"))
    if not count:
        return
    writer.add_expert_count(count)
    writer.add_expert_used_count(config["num_experts_per_tok"])
    if "moe_intermediate_size" in config:
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])


def llama3_factors(rope, head_dim):
    """rope_freqs.weight: what each frequency is divided by."""
    factors, original = [], rope["original_max_position_embeddings"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (i / head_dim)
        if wavelength < original / high:
            factors.append(1.0)
        elif wavelength > original / low:
            factors.append(rope["factor"])
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, np.float32)


def write_rope(writer, config):
    rope = rope_of(config)
    kind = rope.get("rope_type", "default")
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_rope_freq_base(rope["rope_theta"])
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    if kind == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(rope, head_dim))
    if kind == "longrope":
        original = config["original_max_position_embeddings"]
        stretch = config["max_position_embeddings"] / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(stretch) / math.log(original)))
        writer.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], np.float32))
        writer.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], np.float32))


def write_extras(writer, config, case):
    if case.arch.startswith("gemma"):
        writer.add_sliding_window(config["sliding_window"])
        if config.get("final_logit_softcapping"):
            writer.add_final_logit_softcapping(config["final_logit_softcapping"])
        if case.arch == "gemma2":
            writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        local = config.get("rope_parameters", {}).get("sliding_attention")
        if local:  # only where it is not the 10000 that GGUF files leave out
            writer.add_float32(f"{case.arch}.rope.freq_base_swa", local["rope_theta"])
    if case.arch == "phi3":
        writer.add_sliding_window(config["sliding_window"] or 0)
    for key, value in case.gguf.items():
        writer.add_key_value(f"{case.arch}.{key}", value, *value_type(value))


def value_type(value):
    kinds = {bool: gguf.GGUFValueType.BOOL, int: gguf.GGUFValueType.UINT32, float: gguf.GGUFValueType.FLOAT32}
    if isinstance(value, list):
        return gguf.GGUFValueType.ARRAY, kinds[type(value[0])]
    return (kinds[type(value)],)


def add_tensor(writer, name, tensor):
    if tensor.dtype == torch.bfloat16 and tensor.dim() > 1:
        stored = tensor.contiguous().view(torch.int16).numpy().view(np.uint8)
        writer.add_tensor(name, stored, raw_dtype=gguf.GGMLQuantizationType.BF16)
    else:
        writer.add_tensor(name, tensor.float().contiguous().numpy())


def convert(folder, path, case):
    config = json.loads((folder / "config.json").read_text())
    arch = next(a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == case.arch)
    names = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    plain = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, config["num_hidden_layers"])  # a dense layer among experts
    writer = gguf.GGUFWriter(path, case.arch)
    writer.add_name(f"golden {case.name}")
    write_sizes(writer, config, case.arch)
    write_experts(writer, config)
    write_rope(writer, config)
    write_extras(writer, config, case)
    tensors = read_tensors(folder)
    for name in list(tensors):
        tensors[name] = modify(name, tensors[name], config, case.arch)
    for name, tensor in stack_experts(tensors).items():
        if name.endswith("experts.gate_up_proj"):  # the public conversion writes the halves apart
            gate, up = tensor.chunk(2, dim=1)
            for part, half in (("gate_proj.weight", gate), ("up_proj.weight", up)):
                add_tensor(writer, names.get_name(name.removesuffix("gate_up_proj") + part, (".weight",)), half)
            continue
        name = name + ".weight" if name.endswith("experts.down_proj") else name
        mapped = names.get_name(name, (".weight", ".bias")) or plain.get_name(name, (".weight", ".bias"))
        assert mapped, f"{case.name}: GGUF has no name for {name}"
        add_tensor(writer, mapped, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

"""The tiny models of models.py: each is the smallest one that shows a feature of its architecture."""
from dataclasses import dataclass, field
from typing import Callable

import torch
import transformers as hf


@dataclass
class Case:
    name: str
    arch: str  # GGUF's
    about: str
    cls: type
    config: Callable
    seed: int
    dtype: torch.dtype = torch.float32
    context: int = 0  # LoadOptions.context of the test
    prompt: int = 8  # tokens before the greedy ones
    shard: str = "1GB"
    stacked_experts: bool = False  # all experts of a layer in one tensor, as newer checkpoints have them
    old_config: bool = False  # config.json in the style of transformers 4
    gguf: dict = field(default_factory=dict)  # keys that the public conversion leaves out

    @property
    def vocab(self):
        return self.config().vocab_size

    def model(self):
        return self.cls(self.config())


def config(cls, **overrides):
    base = dict(vocab_size=96, hidden_size=40, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=None,
                tie_word_embeddings=False)
    base.update(overrides)
    return lambda: cls(**base)


def rope(kind="default", theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


LLAMA3_ROPE = rope("llama3", 100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=32)
YARN = rope("yarn", 1000.0, factor=4.0, original_max_position_embeddings=64, beta_fast=8.0, beta_slow=0.5)
GEMMA_ROPES = {"sliding_attention": rope(theta=50.0), "full_attention": rope("linear", 2000.0, factor=8.0)}


def longrope(original, dims, maximum):
    return dict(max_position_embeddings=maximum, original_max_position_embeddings=original,
                rope_parameters=rope("longrope", 1000.0, short_factor=[1.0 + 0.05 * i for i in range(dims // 2)],
                                     long_factor=[1.5 + 0.7 * i for i in range(dims // 2)],
                                     original_max_position_embeddings=original, partial_rotary_factor=dims / 10))


CASES = [
    Case("llama2", "llama", "plain: as many key as query heads, an output matrix of its own, padded vocabulary",
         hf.LlamaForCausalLM, config(hf.LlamaConfig, num_key_value_heads=4, vocab_size=101, rms_norm_eps=1e-5), 100),
    Case("llama3", "llama", "grouped queries, heads wider than width/heads, llama3 rope scaling, tied head, old config",
         hf.LlamaForCausalLM, config(hf.LlamaConfig, head_dim=16, tie_word_embeddings=True,
                                     rope_parameters=LLAMA3_ROPE), 200, old_config=True),
    Case("llama_bias", "llama", "biases in attention and feed-forward, linear rope scaling", hf.LlamaForCausalLM,
         config(hf.LlamaConfig, attention_bias=True, mlp_bias=True,
                rope_parameters=rope("linear", 500.0, factor=3.0)), 300),
    Case("llama_bf16", "llama", "bf16 weights", hf.LlamaForCausalLM, config(hf.LlamaConfig, hidden_size=64), 400,
         dtype=torch.bfloat16),
    Case("mistral", "llama", "a window of 16 tokens in every layer", hf.MistralForCausalLM,
         config(hf.MistralConfig, sliding_window=16), 500,
         gguf={"attention.sliding_window": 16}),
    Case("mixtral", "llama", "experts in a llama", hf.MixtralForCausalLM,
         config(hf.MixtralConfig, intermediate_size=20, num_local_experts=4, num_experts_per_tok=2,
                sliding_window=None), 600, gguf={"expert_weights_norm": True}),
    Case("qwen2", "qwen2", "biases on q, k and v; windows in the upper layers only", hf.Qwen2ForCausalLM,
         config(hf.Qwen2Config, use_sliding_window=True, sliding_window=12,
                max_window_layers=1, tie_word_embeddings=True), 700,
         gguf={"attention.sliding_window": 12, "attention.sliding_window_pattern": [False, True]}),
    Case("qwen3", "qwen3", "norms of query and key heads, tied head", hf.Qwen3ForCausalLM,
         config(hf.Qwen3Config, head_dim=16, tie_word_embeddings=True,
                rope_parameters=rope(theta=1e6)), 800, old_config=True),
    Case("qwen3_yarn", "qwen3", "YaRN", hf.Qwen3ForCausalLM,
         config(hf.Qwen3Config, head_dim=16, rope_parameters=YARN), 900),
    Case("qwen3moe", "qwen3moe", "6 experts, 3 active, renormalized; one dense layer; sharded", hf.Qwen3MoeForCausalLM,
         config(hf.Qwen3MoeConfig, head_dim=16, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=12,
                norm_topk_prob=True, mlp_only_layers=[1]),
         1000, shard="100KB"),
    Case("qwen3moe_raw", "qwen3moe", "router weights as they are, stacked experts", hf.Qwen3MoeForCausalLM,
         config(hf.Qwen3MoeConfig, head_dim=16, num_experts=4, num_experts_per_tok=2,
                moe_intermediate_size=12, norm_topk_prob=False), 1100, stacked_experts=True,
         gguf={"expert_weights_norm": False}),
    Case("gemma2", "gemma2", "soft caps, alternating windows, sandwich norms, a query scale of its own",
         hf.Gemma2ForCausalLM,
         config(hf.Gemma2Config, head_dim=16, query_pre_attn_scalar=24,
                sliding_window=10, attn_logit_softcapping=4.0, final_logit_softcapping=0.4, tie_word_embeddings=True,
                hidden_activation="gelu_pytorch_tanh"), 1200, gguf={"attention.scale": 24 ** -0.5}),
    Case("gemma3", "gemma3", "windows but in every sixth layer, two ropes, linear scaling of the global one",
         hf.Gemma3ForCausalLM,
         config(hf.Gemma3TextConfig, hidden_size=32, intermediate_size=32, num_hidden_layers=7, num_attention_heads=2,
                num_key_value_heads=1, head_dim=16,
                query_pre_attn_scalar=16, sliding_window=10, final_logit_softcapping=0.4, tie_word_embeddings=True,
                rope_parameters=GEMMA_ROPES), 1300),
    Case("gemma3_scale", "gemma3", "a query scale of its own, every second layer global, old config, bf16 weights",
         hf.Gemma3ForCausalLM,
         config(hf.Gemma3TextConfig, hidden_size=64, num_hidden_layers=3, head_dim=16, query_pre_attn_scalar=40,
                sliding_window=16, tie_word_embeddings=True, layer_types=["sliding_attention", "full_attention",
                                                                         "sliding_attention"]),
         1400, dtype=torch.bfloat16, old_config=True,
         gguf={"attention.scale": 40 ** -0.5, "attention.sliding_window_pattern": 2}),
    Case("phi3_short", "phi3", "fused matrices, a window, LongRoPE's short factors", hf.Phi3ForCausalLM,
         config(hf.Phi3Config, sliding_window=24, **longrope(original=128, dims=10, maximum=1024)), 1500, context=128),
    Case("phi3_long", "phi3", "LongRoPE's long factors on three fifths of a head, tied head", hf.Phi3ForCausalLM,
         config(hf.Phi3Config, sliding_window=None, tie_word_embeddings=True,
                **longrope(original=32, dims=6, maximum=256)), 1600, prompt=36, old_config=True),
    Case("lfm2", "lfm2", "short convolutions and attention, rounded feed-forward length", hf.Lfm2ForCausalLM,
         config(hf.Lfm2Config, num_hidden_layers=3, intermediate_size=60, block_multiple_of=16,
                full_attn_idxs=[1], tie_word_embeddings=True, rope_parameters=rope(theta=1e6)), 1700),
    Case("lfm2_bias", "lfm2", "four taps with biases", hf.Lfm2ForCausalLM,
         config(hf.Lfm2Config, intermediate_size=64, block_auto_adjust_ff_dim=False, conv_L_cache=4,
                conv_bias=True, full_attn_idxs=[0], tie_word_embeddings=True), 1800),
]

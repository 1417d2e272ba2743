"""Ember in torch: a Qwen3-shaped decoder with a tied head. Parameters are named as Hugging Face names them."""
import torch
from torch import nn
from torch.nn import functional as F

import shape


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), shape.EPSILON)


def rotate(x, cos, sin):
    """x: (sequences, heads, tokens, head size), halves turned against each other."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        inner, kv = shape.HEADS * shape.HEAD_SIZE, shape.KV_HEADS * shape.HEAD_SIZE
        self.q_proj = nn.Linear(shape.WIDTH, inner, bias=False)
        self.k_proj = nn.Linear(shape.WIDTH, kv, bias=False)
        self.v_proj = nn.Linear(shape.WIDTH, kv, bias=False)
        self.o_proj = nn.Linear(inner, shape.WIDTH, bias=False)
        self.q_norm, self.k_norm = Norm(shape.HEAD_SIZE), Norm(shape.HEAD_SIZE)

    def forward(self, x, cos, sin, mask):
        rows, tokens, _ = x.shape
        split = lambda y: y.view(rows, tokens, -1, shape.HEAD_SIZE)
        q = rotate(self.q_norm(split(self.q_proj(x))).transpose(1, 2), cos, sin)
        k = rotate(self.k_norm(split(self.k_proj(x))).transpose(1, 2), cos, sin)
        v = split(self.v_proj(x)).transpose(1, 2)
        k, v = (y.repeat_interleave(shape.HEADS // shape.KV_HEADS, dim=1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return self.o_proj(y.transpose(1, 2).reshape(rows, tokens, -1))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(shape.WIDTH, shape.FFN, bias=False)
        self.up_proj = nn.Linear(shape.WIDTH, shape.FFN, bias=False)
        self.down_proj = nn.Linear(shape.FFN, shape.WIDTH, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(shape.WIDTH), Norm(shape.WIDTH)
        self.self_attn, self.mlp = Attention(), Mlp()

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Ember(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.VOCABULARY, shape.WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(shape.LAYERS))
        self.norm = Norm(shape.WIDTH)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                scale = 0.02 if "embed" in name else weight.shape[1] ** -0.5
                nn.init.normal_(weight, std=scale / (2 * shape.LAYERS) ** 0.5 if "o_proj" in name or "down" in name else scale)

    def forward(self, ids, mask=None):
        """ids: (sequences, tokens); mask: what each token may look at, or None for all before it. Returns the last hidden states."""
        angles = torch.outer(torch.arange(ids.shape[1], device=ids.device).float(),
                             shape.ROPE_BASE ** (-torch.arange(0, shape.HEAD_SIZE, 2, device=ids.device).float() / shape.HEAD_SIZE))
        x = self.embed_tokens(ids)
        x = x.to(torch.bfloat16) if torch.is_autocast_enabled(ids.device.type) else x
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.embed_tokens.weight)

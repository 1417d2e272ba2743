#!/usr/bin/env python3
"""Makes tests/golden/models: tiny random models of every architecture with reference logits.

Each folder holds a Hugging Face checkpoint as transformers saves it, the same weights as GGUF (models_gguf.py, following
the public conversion), and what transformers computes from the saved folder: logits of 64 tokens and 64 greedy tokens.
Weights, norms and biases are random and large enough that a wrong window, norm or rope moves the logits.

Run:  python3 tools/golden/models.py [CASE...]        Needs the versions below; other versions are refused.
"""
import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from safetensors.torch import save_file

import models_gguf
from models_cases import CASES

VERSIONS = {"torch": "2.13.0", "transformers": "5.23.0", "gguf": "0.19.0"}
OUT = Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"
POSITIONS, GREEDY = 64, 64
MARGIN = 2e-3  # of the best greedy token over the second, so that rounding cannot decide
DISTINCT = 10  # different tokens among the greedy ones at least
MAX_FILE = 300_000


def check_versions():
    from importlib.metadata import version
    for package, wanted in VERSIONS.items():
        found = version(package).split("+")[0]
        if found != wanted:
            sys.exit(f"{package} is {found}; the goldens are made with {wanted}")


def randomize(model, seed):
    """Random values at the scale of a trained network: matrices keep the size of what passes, norms lie around 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in sorted(model.named_parameters()):
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name and weight.dim() == 1:
            neutral = 0.0 if "Gemma" in type(model).__name__ else 1.0
            weight.data = neutral + 0.25 * noise
        elif weight.dim() == 1:
            weight.data = 0.3 * noise
        elif "embed_tokens" in name:
            # Small beside what the layers add: else a tied head repeats the last token for ever.
            weight.data = 0.25 * noise / getattr(model.get_input_embeddings(), "scalar_embed_scale", 1.0)
        elif "conv.conv" in name:
            weight.data = 0.6 * noise
        else:
            gain = 1.6 if any(part in name for part in ("q_proj", "k_proj", "qkv_proj", "mlp.gate.")) else 1.1
            weight.data = gain * noise / weight.shape[-1] ** 0.5


def old_style_config(folder):
    """Rewrites config.json as transformers 4 wrote it, which is what most published models have."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    parameters = config.pop("rope_parameters")
    local = parameters.pop("sliding_attention", None)
    if local:
        parameters = parameters["full_attention"]
        config["rope_local_base_freq"] = local["rope_theta"]
    config["rope_theta"] = parameters.pop("rope_theta")
    config["rope_scaling"] = None if parameters.get("rope_type", "default") == "default" else parameters
    if "layer_types" in config and "sliding_attention" in config["layer_types"]:
        period = config.pop("layer_types").index("full_attention") + 1
        config["sliding_window_pattern"] = period
    path.write_text(json.dumps(config, indent=2) + "\n")


def stack_experts(folder):
    """Rewrites the one file of a folder with gate above up, all experts in one tensor, as models hold them in memory."""
    path = folder / "model.safetensors"
    tensors = models_gguf.stack_experts(models_gguf.read_tensors(folder))
    for name in [n for n in tensors if n.endswith("experts.gate_proj.weight")]:
        prefix = name.removesuffix("gate_proj.weight")
        up = tensors.pop(prefix + "up_proj.weight")
        tensors[prefix + "gate_up_proj"] = torch.cat([tensors.pop(name), up], dim=1)
        tensors[prefix + "down_proj"] = tensors.pop(prefix + "down_proj.weight")
    save_file(tensors, path, metadata={"format": "pt"})


def load(folder, dtype):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    return model.eval()


@torch.no_grad()
def logits_of(model, tokens):
    return model(torch.tensor([tokens]), use_cache=False).logits[0].float()


def greedy(model, prompt):
    """Without a cache, so that nothing but the model itself takes part. Returns the tokens and the smallest margin."""
    tokens, margin = list(prompt), float("inf")
    for _ in range(GREEDY):
        best = logits_of(model, tokens)[-1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        tokens.append(int(best.indices[0]))
    return tokens[len(prompt):], margin


def make(case):
    folder = OUT / case.name
    for seed in range(case.seed, case.seed + 50):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        torch.manual_seed(seed)
        model = case.model()
        randomize(model, seed)
        model.to(case.dtype).save_pretrained(folder, max_shard_size=case.shard)
        if case.stacked_experts:
            stack_experts(folder)
        if case.old_config:
            old_style_config(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        reference = load(folder, torch.float32)
        tokens = np.random.default_rng(seed).integers(0, case.vocab, POSITIONS).tolist()
        logits = logits_of(reference, tokens)
        generated, margin = greedy(reference, tokens[:case.prompt])
        if margin > MARGIN and len(set(generated)) >= DISTINCT:
            break
    else:
        sys.exit(f"{case.name}: no seed gives greedy margins above {MARGIN} and {DISTINCT} different tokens")
    logits.numpy().astype("<f4").tofile(folder / "logits.f32")
    if case.dtype == torch.bfloat16:
        logits_of(load(folder, torch.bfloat16), tokens).numpy().astype("<f4").tofile(folder / "logits_bf16.f32")
    models_gguf.convert(folder, folder / "model.gguf", case)
    facts = {"about": case.about, "made_by": "tools/golden/models.py", "versions": VERSIONS, "seed": seed,
             "arch": case.arch, "vocab": case.vocab, "context": case.context, "prompt": case.prompt, "tokens": tokens,
             "greedy": generated, "smallest_margin": round(margin, 6)}
    (folder / "case.json").write_text(json.dumps(facts) + "\n")
    sizes = {f.name: f.stat().st_size for f in folder.iterdir()}
    if max(sizes.values()) > MAX_FILE:
        sys.exit(f"{case.name}: a file is too large: {sizes}")
    spread = float(logits.std())
    print(f"{case.name:13} seed {seed} margin {margin:.4f} {len(set(generated)):2} different tokens, "
          f"logits {spread:.2f} std, {sum(sizes.values())} bytes")


def main():
    check_versions()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    names = sys.argv[1:] or [case.name for case in CASES]
    for case in CASES:
        if case.name in names:
            make(case)


if __name__ == "__main__":
    main()

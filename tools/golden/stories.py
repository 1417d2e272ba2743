#!/usr/bin/env python3
"""Makes tests/golden/stories/f32_cache.json: llama.cpp's log-probabilities for the trained tiny model with an f32 KV cache.

    tools/golden/stories.py STORIES_FOLDER

STORIES_FOLDER holds stories260K-F32.gguf and greedy-F32.json. That file's own log-probabilities come from a half-precision
cache and half-precision attention, which move them by up to 1e-2; these come from the same engine in f32 throughout.
Needs llama-cpp-python 0.3.36.
"""
import json
import sys
from pathlib import Path

import llama_cpp
import numpy as np

STEPS, TOP = 16, 5


def main():
    folder = Path(sys.argv[1])
    assert llama_cpp.__version__ == "0.3.36", llama_cpp.__version__
    prompts = json.loads((folder / "greedy-F32.json").read_text())
    model = llama_cpp.Llama(str(folder / "stories260K-F32.gguf"), n_ctx=512, logits_all=True, verbose=False, n_threads=1,
                            type_k=0, type_v=0)
    cases = []
    for prompt in prompts:
        model.reset()
        model.eval(prompt["prompt_ids"])
        ids, steps = [], []
        for _ in range(STEPS):
            logits = np.array(model.scores[model.n_tokens - 1], dtype=np.float64)
            logits -= logits.max()
            logits -= np.log(np.exp(logits).sum())
            order = np.argsort(-logits, kind="stable")[:TOP]
            ids.append(int(order[0]))
            steps.append({"id": ids[-1], "top": [[int(t), round(float(logits[t]), 6)] for t in order]})
            model.eval([ids[-1]])
        cases.append({"prompt_ids": prompt["prompt_ids"], "ids": ids, "first_steps": steps})
    out = {"made_by": "tools/golden/stories.py, llama-cpp-python 0.3.36, f32 cache, one thread", "cases": cases}
    target = Path(__file__).resolve().parents[2] / "tests" / "golden" / "stories" / "f32_cache.json"
    target.write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

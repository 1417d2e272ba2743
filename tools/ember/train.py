#!/usr/bin/env python3
"""Trains Ember on the corpus that corpus.py made, or goes on where it was stopped.

Run:  train.py CORPUS OUT [--tokens N] [--weights CHECKPOINT] [--rate R]      Needs torch 2.13.0 and numpy.

The same command resumes: OUT/checkpoint.pt is written every two minutes and on SIGTERM. Everything follows from the seed and the
step, so that a training that was interrupted sees what an uninterrupted one sees. OUT/log.csv holds the loss. With --weights a new
training begins from the weights of another one, of the same tokenizer.
"""
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin would take the processors from others
import argparse
import json
import signal
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

import shape
from model import Ember

SEED, THREADS = 2026, 2
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Without such instructions, a processor's bf16 products take a hundred times as long as f32.
HAS_BF16 = DEVICE == "cuda" or "avx512_bf16" in Path("/proc/cpuinfo").read_text()
STEP_TOKENS, ROW = 4096, 256
WARMUP, DECAY_SHARE = 100, 0.5  # steps; the last share of the training, over which the rate falls to a twentieth
RATE = 3e-3
AVERAGE = 0.995  # weights that are exported follow the trained ones by this much a step
BAG, BAG_WEIGHT = 1024, 0.5  # questions to a step of which the tokens alone, in no order, are to tell what is asked; what that counts
CHECKPOINT_SECONDS, LOG_STEPS, SCORE_STEPS = 120, 25, 250


class Rows:
    """Documents laid into rows of ROW tokens, those that are longer into rows of the whole context; another order each epoch."""

    def __init__(self, corpus):
        data = np.load(corpus / "train.npz")
        self.ids, self.weights, self.starts = data["ids"], data["weights"], data["starts"]
        self.epoch, self.steps = -1, []
        self.steps_of_epoch = len(self.lay(0))

    def lay(self, epoch):
        order = np.random.default_rng([SEED, epoch]).permutation(len(self.starts) - 1)
        open_rows = {ROW: [[], 0], shape.CONTEXT: [[], 0]}
        rows = {ROW: [], shape.CONTEXT: []}
        for document in order:
            length = min(int(self.starts[document + 1] - self.starts[document]), shape.CONTEXT + 1)
            size = ROW if length <= ROW + 1 else shape.CONTEXT
            row = open_rows[size]
            if row[1] + length > size + 1:
                rows[size].append(row[0])
                row = open_rows[size] = [[], 0]
            row[0].append(document)
            row[1] += length
        steps = [(size, rows[size][i:i + STEP_TOKENS // size]) for size in rows
                 for i in range(0, len(rows[size]) - STEP_TOKENS // size + 1, STEP_TOKENS // size)]
        return [steps[i] for i in np.random.default_rng([SEED, epoch, 1]).permutation(len(steps))]

    def step(self, number):
        """ids, weights of what is to be predicted, and which tokens see which, of one step."""
        epoch, at = divmod(number, self.steps_of_epoch)
        if epoch != self.epoch:
            self.epoch, self.steps = epoch, self.lay(epoch)
        size, rows = self.steps[min(at, len(self.steps) - 1)]
        return self.batch(size, rows)

    def batch(self, size, rows):
        ids = np.zeros((len(rows), size + 1), np.int64)
        weights = np.zeros((len(rows), size + 1), np.float32)
        owner = np.full((len(rows), size + 1), -1, np.int64)
        for i, row in enumerate(rows):
            at = 0
            for j, document in enumerate(row):
                start = self.starts[document]
                length = min(int(self.starts[document + 1] - start), size + 1)
                ids[i, at:at + length] = self.ids[start:start + length]
                weights[i, at + 1:at + length] = self.weights[start + 1:start + length]  # nothing foretells a document's first token
                owner[i, at:at + length] = j
                at += length
        owner = torch.from_numpy(owner[:, :-1])
        mask = (owner[:, :, None] == owner[:, None, :]) & torch.ones(size, size, dtype=torch.bool).tril()
        return [t.to(DEVICE) for t in (torch.from_numpy(ids), torch.from_numpy(weights[:, 1:]), mask[:, None])]


class Bags(torch.nn.Module):
    """Names the answer by the mean of a question's token embeddings, with a head that is not part of the model. It gives a token that
    is seldom asked with a meaning of its own, which what the layers see of a few whole sentences does not."""

    def __init__(self, rows):
        super().__init__()
        self.ids, self.questions, answers = rows.ids, [], {}
        for start, end in zip(rows.starts, rows.starts[1:]):
            if rows.weights[start] == 0:  # a question with the beginning of its answer
                asked = start + np.count_nonzero(rows.weights[start:end] == 0)
                self.questions.append((start + 1, asked - 2, answers.setdefault(rows.ids[asked:end].tobytes(), len(answers))))
        self.head = torch.nn.Linear(shape.WIDTH, max(1, len(answers)))

    def loss(self, embedding, step):
        drawn = [self.questions[i] for i in np.random.default_rng([SEED, step, 2]).integers(len(self.questions), size=BAG)]
        ids = np.concatenate([self.ids[start:end] for start, end, _ in drawn]).astype(np.int64)
        starts = np.cumsum([0] + [end - start for start, end, _ in drawn])[:-1]
        ids, starts, answers = (torch.from_numpy(np.asarray(x)).to(DEVICE) for x in (ids, starts, [answer for *_, answer in drawn]))
        mean = F.embedding_bag(ids, embedding, starts)
        return F.cross_entropy(self.head(F.rms_norm(mean, (shape.WIDTH,))), answers)


class Muon(torch.optim.Optimizer):
    """Momentum whose update has all singular values near one (K. Jordan and others, 2024), at the scale of AdamW's. torch's own multiplies
    in bf16 whatever the processor."""

    def __init__(self, matrices, rate, momentum=0.95, decay=0.1):
        shapes = {}
        for matrix in matrices:
            shapes.setdefault(matrix.shape, []).append(matrix)
        super().__init__([{"params": alike} for alike in shapes.values()], {"lr": rate, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            alike = group["params"]
            gradients = torch.stack([matrix.grad for matrix in alike])
            mean = self.state[alike[0]].setdefault("mean", torch.zeros_like(gradients))
            mean.lerp_(gradients, 1 - group["momentum"])
            updates = orthogonal(gradients.lerp(mean, group["momentum"])) * (-0.2 * group["lr"] * max(alike[0].shape) ** 0.5)
            torch._foreach_mul_(alike, 1 - group["lr"] * group["decay"])
            torch._foreach_add_(alike, list(updates.unbind()))


def orthogonal(matrices):
    """Nearly the nearest matrices of singular values one, by five steps of a quintic Newton-Schulz iteration."""
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = x.bfloat16() if HAS_BF16 else x
    if is_tall := x.shape[1] > x.shape[2]:
        x = x.mT
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (2.0315 * (square @ square) - 4.7750 * square) @ x
    return (x.mT if is_tall else x).float()


def weighted_loss(model, ids, weights, mask):
    counts = weights > 0
    with torch.autocast(DEVICE, torch.bfloat16, enabled=HAS_BF16):
        logits = model.logits(model(ids[:, :-1], mask)[counts])
    losses = F.cross_entropy(logits.float(), ids[:, 1:][counts], reduction="none")
    return (losses * weights[counts]).sum() / weights.sum()


def held_out_batch(corpus, count=64, size=128):
    tokenizer = Tokenizer.from_file(str(corpus / "tokenizer.json"))
    lines = [line for line in map(json.loads, open(corpus / "heldout.jsonl")) if "answer" in line]
    lines = [lines[i] for i in np.random.default_rng(SEED).permutation(len(lines))[:count]]
    ids, weights = torch.zeros(count, size + 1, dtype=torch.long), torch.zeros(count, size)
    for i, line in enumerate(lines):
        asked = tokenizer.encode(shape.USER + line["question"] + shape.END + shape.ASSISTANT).ids
        all_ids = (asked + tokenizer.encode(line["answer"] + shape.END).ids)[:size + 1]
        ids[i, :len(all_ids)] = torch.tensor(all_ids)
        weights[i, len(asked) - 1:len(all_ids) - 1] = 1
    return ids.to(DEVICE), weights.to(DEVICE), None


class Training:
    def __init__(self, corpus, out, tokens, weights=None, rate=RATE):
        self.rows, self.held_out, self.out = Rows(corpus), held_out_batch(corpus), out
        self.total = tokens // STEP_TOKENS
        torch.manual_seed(SEED)
        self.model = Ember().to(DEVICE)
        if weights:
            self.model.load_state_dict(torch.load(weights, weights_only=True, map_location=DEVICE)["average"])
        self.bags = Bags(self.rows).to(DEVICE)
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.dim() == 1 or "embed" in n] + list(self.bags.parameters())
        self.optimizers = [Muon(matrices, rate), torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)]
        self.highest_rate = rate
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.step, self.seconds, self.log = 0, 0.0, []
        self.load()

    def load(self):
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location=DEVICE)
        self.model.load_state_dict(state["model"])
        self.bags.load_state_dict(state["bags"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.average, self.step, self.seconds, self.log = state["average"], state["step"], state["seconds"], state["log"]
        print(f"going on from step {self.step} of {self.total}", flush=True)

    def save(self):
        state = {"model": self.model.state_dict(), "bags": self.bags.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers],
                 "average": self.average, "step": self.step, "seconds": self.seconds, "log": self.log}
        torch.save(state, self.out / "checkpoint.new")
        os.replace(self.out / "checkpoint.new", self.out / "checkpoint.pt")
        lines = ["step,tokens,loss,held_out_loss,processor_seconds"] + [",".join(str(v) for v in row) for row in self.log]
        (self.out / "log.csv").write_text("\n".join(lines) + "\n")

    def rate(self):
        decay_from = self.total * (1 - DECAY_SHARE)
        falling = (self.step - decay_from) / (self.total - decay_from) if self.step > decay_from else 0
        return self.highest_rate * min(1, (self.step + 1) / WARMUP) * (1 - 0.95 * falling)

    def one_step(self):
        loss = weighted_loss(self.model, *self.rows.step(self.step))
        (loss + BAG_WEIGHT * self.bags.loss(self.model.embed_tokens.weight, self.step)).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate()
            optimizer.step()
            optimizer.zero_grad()
        keep = min(AVERAGE, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.model.parameters()), 1 - keep)
        self.step += 1
        return loss.detach()

    def score(self):
        """The loss of the answers to held-out questions, with the averaged weights."""
        trained = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.model.load_state_dict(self.average)
        with torch.no_grad():
            loss = weighted_loss(self.model, *self.held_out).item()
        self.model.load_state_dict(trained)
        return loss

    def run(self):
        stopped = []
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
        saved, began, losses = time.time(), time.process_time(), []
        while self.step < self.total and not stopped:
            losses.append(self.one_step())
            if self.step % LOG_STEPS == 0:
                now = time.process_time()
                self.seconds, began = self.seconds + now - began, now
                held_out = f"{self.score():.4f}" if self.step % SCORE_STEPS == 0 else ""
                self.log.append([self.step, self.step * STEP_TOKENS, f"{sum(losses).item() / len(losses):.4f}", held_out, round(self.seconds)])
                print(*self.log[-1], time.strftime("%H:%M:%S"), flush=True)
                losses = []
            if time.time() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.time()
        self.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokens", type=int, default=12_500_000, help="to train on, all in all; the default takes 80 minutes on two cores with AVX2 alone")
    parser.add_argument("--weights", type=Path, help="checkpoint to begin from")
    parser.add_argument("--rate", type=float, default=RATE, help="at its highest; less where the weights are good already")
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    args.out.mkdir(parents=True, exist_ok=True)
    Training(args.corpus, args.out, args.tokens, args.weights, args.rate).run()


if __name__ == "__main__":
    main()

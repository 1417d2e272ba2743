#!/usr/bin/env python3
"""Makes Ember's corpus, tokenizer and held-out questions, the same from the same repository every time.

Run:  corpus.py OUT [--documents N]      Needs tokenizers and jinja2. Writes into the folder OUT:
  tokenizer.json   byte-level BPE of 4096 tokens, trained on the corpus; one that is there is kept, so that a training can go on
                   after the commands have changed
  train.npz        documents as token ids, how much each token counts, where documents begin
  heldout.jsonl    {"set", "question", "expected", ...}: questions that are never trained on
  heldout.txt      stories and questions of another seed, as running text for perplexity
"""
import argparse
import hashlib
import itertools
import json
import random
import re
import sys
from pathlib import Path

import jinja2
import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import shape
import skills
import stories
import tools
from questions import UNSEEN, Questions, bare, chance
from rewording import broken, reworded, spliced, thinned, typed

SEED, DOCUMENTS = 2026, 400_000  # about 12 million tokens: as many as two cores train on in an hour and a half
PROMPT_WEIGHT = 0.1  # of a token that the model only reads, against one that it must say
REST_WEIGHT = 0.4    # of what an answer says after the name, which follows from it
NAMED = re.compile(r"[^`]*`[^`]*`\S*")  # an answer up to the name, and to the next space: tokens end there
CUT_SHARE = 0.90  # of the documents: one question, and its answer only as far as the name that is to be found
COMBINATIONS_KEPT = 0.04  # of the trained phrasings in their frames, held out
# How often an answer is asked for, by the kind of the question; one about a fact alone counts 1.
OFTEN = {"do": 14, "command": 18, "chat": 14, "within": 4, "flag": 2.5}
# Kinds of which two may be spliced: what they ask is in their words and not in a place or number that a part could lack.
SPLICED, SPLICED_SHARE = {"do", "name", "when", "ask", "command", "chat"}, 0.3
SYSTEMS = ["You are a helpful assistant.", "You are Ember.", "Answer briefly.", "You help with Hearth.", "You are a small helper.", "Be kind.", "Be helpful and short."]
DOCUMENTATION = ["README.md", "docs/serving.md", "docs/watching.md", "docs/glossary.md", "docs/architecture.md", "docs/testing.md", "docs/formats/*.md", "docs/adding/*.md"]


def make_template():
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(shape.TEMPLATE)


TEMPLATE = make_template()


def render(messages, tools=None, **switches):
    return TEMPLATE.render(messages=messages, tools=tools, **switches)


def chat(pairs, system=None, thoughts=None):
    return ([{"role": "system", "content": system}] if system else []) + [
        m for q, a in pairs for m in ({"role": "user", "content": q}, {"role": "assistant", "content": (thoughts or "") + a})]


def kept_apart(question):
    """Whether chance holds this combination of a phrasing and a frame out of training."""
    return chance(question) > 1 - COMBINATIONS_KEPT


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.groups = {}
        self.questions = Questions()
        self.held_out = []
        for pair in self.questions.all():
            if pair.phrasing or kept_apart(pair.question):
                self.held_out.append(pair)
            else:
                self.groups.setdefault(pair.answer, []).append(pair)
        self.groups = [(pairs, list(itertools.accumulate(p.weight for p in pairs))) for pairs in self.groups.values()]
        self.weights = [OFTEN.get(pairs[0].kind, 1) for pairs, _ in self.groups]
        self.longest_apart = max(len(phrasing.split()) for phrasing in self.questions.apart)
        skills.NO_OPTION[:] = [n for n in skills.NO_OPTION if n not in self.questions.options]

    def stands_apart(self, question):
        """Whether a question is held out or has a phrasing in it that is."""
        words = bare(question).split()
        if kept_apart(question) or " ".join(words) in self.questions.whole_apart:
            return True
        return any(" ".join(words[i:j]) in self.questions.apart for i in range(len(words))
                   for j in range(i + 1, min(len(words), i + self.longest_apart) + 1))

    def question(self):
        while True:
            pairs, often = self.r.choices(self.groups, self.weights)[0]
            pair, other = self.r.choices(pairs, cum_weights=often, k=2)
            question = pair.question
            if pair.kind in SPLICED and other.kind in SPLICED and self.r.random() < SPLICED_SHARE:
                question = spliced(self.r, question, other.question)
            # Other words may make a question that is held out.
            for question in (typed(self.r, thinned(self.r, reworded(self.r, question))), pair.question):
                if not self.stands_apart(question):
                    return question, pair.answer, f"This asks for {pair.expected}." if pair.expected else "This asks for a fact of Hearth."

    def turn(self):
        kind = self.r.choices(["question", "story", "skill"], [68, 11, 21])[0]
        if kind == "question":
            return self.question()
        if kind == "story":
            return *stories.request(self.r), "A story is wanted."
        return *skills.turn(self.r), "This is not about Hearth's options."

    def document(self):
        """Messages and tools of one conversation, and whether the model thinks in it."""
        r = self.r
        system = r.choice(SYSTEMS) if r.random() < 0.12 else None
        kind = r.random()
        if kind < 0.13:
            turns, offered = tools.conversation(r)
            if r.random() < 0.08:  # a question for which no tool is needed
                turns = chat([self.turn()[:2]])
            return chat([], system) + turns, offered
        if kind < 0.15:  # a long one
            return chat([self.turn()[:2] for _ in range(r.randrange(10, 16))], system), None
        if kind < 0.19:
            q, a, thought = self.turn()
            return chat([(q, a)], system, thoughts=f"{shape.THINK}{thought}{shape.END_THINK}"), None
        return chat([self.turn()[:2] for _ in range(r.choice([1, 1, 1, 1, 2, 3]))], system), None


def cut_question(maker):
    """A question and the beginning of its answer: which option it means is the hard part, and most of an answer's tokens are not that."""
    while True:
        question, answer, _ = maker.question()
        if named := NAMED.match(answer):
            read = [shape.USER, *broken(maker.r, question), shape.END + shape.ASSISTANT]
            return [*((part, 0.0) for part in read), (named[0], 1.0)]


def segments(messages, tools):
    """The rendered conversation cut into what the model reads and what it says: [(text, weight)]."""
    whole, out = render(messages, tools), []
    while whole:
        start = whole.find(shape.ASSISTANT)
        if start < 0:
            out.append((whole, PROMPT_WEIGHT))
            break
        start += len(shape.ASSISTANT)
        end = whole.index(shape.END, start) + len(shape.END)
        named = NAMED.match(whole, start, end)
        rest = named.end() if named else end
        out += [(whole[:start], PROMPT_WEIGHT), (whole[start:rest], 1.0), (whole[rest:end], REST_WEIGHT)]
        whole = whole[end:]
    return out


def documentation():
    for pattern in DOCUMENTATION:
        for path in sorted(shape.ROOT.glob(pattern)):
            text = path.read_text()
            for part in text.split("\n## "):
                for start in range(0, len(part), 1500):
                    yield part[start:start + 1500]


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(shape.CUT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=shape.VOCABULARY, special_tokens=list(shape.SPECIAL), show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def tokenizer_of(path, documents):
    if path.exists():
        return Tokenizer.from_file(str(path))
    tokenizer = train_tokenizer("".join(t for t, _ in d) for d in documents[::4])
    if tokenizer.get_vocab_size() != shape.VOCABULARY:
        sys.exit(f"the corpus gives {tokenizer.get_vocab_size()} tokens, wanted are {shape.VOCABULARY}")
    tokenizer.save(str(path))
    return tokenizer


def held_out_text(seed):
    """Running text of the kind that is trained on, but of another seed and of held-out questions."""
    r = random.Random(seed)
    pairs = Maker(seed).held_out
    parts = []
    for _ in range(220):
        parts.append(stories.story(r))
        pair = r.choice(pairs)
        parts.append(f"{pair.question}\n{pair.answer}")
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="conversations and questions; more for a longer training")
    args = parser.parse_args()
    out, count = args.out, args.documents
    out.mkdir(parents=True, exist_ok=True)
    maker = Maker(SEED)
    documents = [cut_question(maker) if maker.r.random() < CUT_SHARE else segments(*maker.document()) for _ in range(count)]
    documents += [[(t + shape.END, 1.0)] for t in documentation() for _ in range(3)]
    # Questions and answers and stories as running text too, as the held-out text has them.
    for _ in range(count // 40):
        q, a, _ = maker.turn()
        documents.append([(f"{q}\n{a}{shape.END}" if maker.r.random() < 0.7 else stories.story(maker.r) + shape.END, 1.0)])
    maker.r.shuffle(documents)
    tokenizer = tokenizer_of(out / "tokenizer.json", documents)
    ids, weights, starts = [], [], [0]
    for document in documents:
        for encoding, (_, weight) in zip(tokenizer.encode_batch([t for t, _ in document]), document):
            ids += encoding.ids
            weights += [weight] * len(encoding.ids)
        starts.append(len(ids))
    np.savez(out / "train.npz", ids=np.array(ids, np.uint16), weights=np.array(weights, np.float16), starts=np.array(starts, np.int64))
    write_held_out(out, maker)
    (out / "heldout.txt").write_text(held_out_text(SEED + 1))
    digest = hashlib.sha256(np.array(ids, np.uint16).tobytes()).hexdigest()
    print(f"{len(documents)} documents, {len(ids)} tokens, {len(maker.held_out)} questions held out; sha256 of the tokens {digest[:16]}")


def write_held_out(out, maker):
    lines = [{"set": "phrasing" if p.phrasing else "combination", "phrasing": p.phrasing, "question": p.question, "answer": p.answer,
              "expected": [p.expected], "kind": p.kind} for p in maker.held_out if p.expected]
    lines += [{"set": of_set, "question": q, "expected": places} for of_set in UNSEEN for q, places in maker.questions.unseen(of_set)]
    (out / "heldout.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()

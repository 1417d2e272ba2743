"""One loaded model of llama.cpp, measured through llama_decode alone, in a process of its own.

    llama_cpp_peer.py MODEL.gguf OPTIONS        OPTIONS: JSON, see Peer

Answers one line of JSON per line of JSON and sleeps between them. Needs the Python package llama-cpp-python.
"""
import ctypes
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

CHUNK = 512         # tokens in a step, as hearth's --prefill-chunk
SHORT_PROMPT = 512  # a deep context is made of copies of this much
KV_TYPES = {"f16": 1, "q8_0": 8}


class Model:
    def __init__(self, path, threads, context, sequences, kv, deep):
        import llama_cpp as api
        self.api, self.deep = api, deep
        api.llama_backend_init()
        begin = time.perf_counter()
        self.model = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        options = api.llama_context_default_params()
        options.n_ctx, options.n_seq_max = context * sequences + 64, max(2 if deep else 1, sequences)
        options.n_batch = options.n_ubatch = CHUNK
        options.n_threads = options.n_threads_batch = threads
        options.type_k = options.type_v = KV_TYPES[kv]
        options.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_ENABLED
        options.kv_unified = deep  # copies of a context's cells are made between sequences of one cache
        self.context = api.llama_init_from_model(self.model, options)
        if not self.context:
            raise SystemExit(f"llama.cpp cannot make a context of {options.n_ctx} tokens")
        self.load_seconds = time.perf_counter() - begin
        self.memory = api.llama_get_memory(self.context)
        self.vocab = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.dice = random.Random(1)
        self.batch = api.llama_batch_init(max(CHUNK, sequences), 0, 1)
        self.depth = 0  # tokens of sequence 0 that stay in the cache

    def step(self, rows):
        """rows: (sequence, position, whether logits are wanted); tokens are random."""
        for i, (sequence, position, wanted) in enumerate(rows):
            self.batch.token[i] = self.dice.randrange(self.vocab)
            self.batch.pos[i] = position
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = sequence
            self.batch.logits[i] = wanted
        self.batch.n_tokens = len(rows)
        if self.api.llama_decode(self.context, self.batch) != 0:
            raise SystemExit("llama_decode failed")

    def read(self, sequence, first, count):
        rows = [(sequence, first + i, i == count - 1) for i in range(count)]
        for at in range(0, count, CHUNK):
            self.step(rows[at:at + CHUNK])

    def forget(self, sequence, first=-1):
        self.api.llama_memory_seq_rm(self.memory, sequence, first, -1)

    def settle(self, depth, batch):
        """Leaves exactly `depth` tokens in each sequence's cache."""
        if depth > 0 and depth == self.depth:
            self.forget(0, depth)
        else:
            for sequence in range(batch):
                self.forget(sequence)
                self.read(sequence, 0, min(depth, SHORT_PROMPT) if self.deep else depth)
            if self.deep and depth > SHORT_PROMPT:
                self.repeat_cells(depth)
        self.depth = depth if batch == 1 else 0
        self.api.llama_synchronize(self.context)

    def repeat_cells(self, depth):
        """Continues sequence 0 with copies of its cells, moved to the positions that follow: as many as a prompt of that depth has.
        How long attention over them takes does not depend on what they hold."""
        if depth % SHORT_PROMPT:
            raise SystemExit(f"depths of llama.cpp are multiples of {SHORT_PROMPT}")
        size = self.api.llama_state_seq_get_size(self.context, 0)
        state = (ctypes.c_uint8 * size)()
        self.api.llama_state_seq_get_data(self.context, state, size, 0)
        for first in range(SHORT_PROMPT, depth, SHORT_PROMPT):
            if self.api.llama_state_seq_set_data(self.context, state, size, 1) == 0:
                raise SystemExit(f"llama.cpp cannot take a state at depth {first}")
            self.api.llama_memory_seq_add(self.memory, 1, 0, -1, first)
            self.api.llama_memory_seq_cp(self.memory, 1, 0, -1, -1)
            self.forget(1)

    def measure(self, kind, tokens, depth, batch):
        """Tokens per second of all sequences together."""
        self.settle(depth, batch)
        begin = time.perf_counter()
        if kind == "prefill":
            for sequence in range(batch):
                self.read(sequence, depth, tokens)
        else:
            for i in range(tokens):
                self.step([(sequence, depth + i, True) for sequence in range(batch)])
        self.api.llama_synchronize(self.context)
        return tokens * batch / (time.perf_counter() - begin)

    def serve(self):
        begin = time.perf_counter()
        self.read(0, 0, 8)
        self.api.llama_get_logits(self.context)  # waits for them
        print(json.dumps({"load_seconds": self.load_seconds, "first_token_seconds": self.load_seconds + time.perf_counter() - begin}), flush=True)
        for line in sys.stdin:
            case = json.loads(line)
            warmth = min(case["tokens"], 64 if case["kind"] == "prefill" else 4)
            self.measure(case["kind"], warmth, case["depth"], case["batch"])
            rate = self.measure(**case)
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print(json.dumps({"tokens_per_s": rate, "resident_bytes": pages * os.sysconf("SC_PAGE_SIZE")}), flush=True)


class Peer:
    """Model in a process. options: threads, context (tokens of a sequence), sequences, kv ("f16", "q8_0"), deep (whether contexts
    are made of copies of a short prompt's cells)."""

    def __init__(self, path, options):
        self.process = subprocess.Popen([sys.executable, __file__, path, json.dumps(options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.start = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of llama.cpp ended with {self.process.wait()}; is llama-cpp-python installed for {sys.executable}?")
        return json.loads(line)

    def measure(self, case):
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    Model(sys.argv[1], **json.loads(sys.argv[2])).serve()

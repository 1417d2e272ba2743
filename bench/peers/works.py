"""What is measured of a model: groups of rows, each one command of hearth and one process of llama.cpp in turn with it."""
import dataclasses
import fnmatch
from pathlib import Path

# Bits of a weight by format, and what two cores do with them in a second, roughly: for the plan of a budget alone.
BITS = {"F16": 16, "BF16": 16, "Q8_0": 8.5, "Q6_K": 6.6, "Q5_K_M": 5.8, "Q4_K_M": 5.0, "Q4_0": 4.8, "IQ4_XS": 4.7, "MXFP4": 4.9}
READ_BYTES = {"hearth": 25e9, "peer": 17e9}
OPERATIONS = {"hearth": 0.45e12, "peer": 0.2e12}
WIDE_OPERATIONS = {"hearth": 0.19e12, "peer": 0.17e12}  # of 16-bit weights
START_SECONDS = 2.5  # of a process of hearth, which measures the machine twice
LOAD_BYTES = {"hearth": 1.2e9, "peer": 0.45e9}


@dataclasses.dataclass
class Group:
    """One command: all combinations of its lists."""
    name: str
    prompt: tuple = (0,)
    generate: tuple = (0,)
    depth: tuple = (0,)
    batch: tuple = (1,)
    kv: str = "f16"
    isa: str = ""          # forced; llama.cpp has no such switch, so there is no peer then
    measures_loading: bool = False

    @property
    def has_peer(self):
        return self.isa == ""

    def asked(self):
        """What a row is kept under, so that other lengths of the same group are measured too."""
        return f"prompts {self.prompt}, generate {self.generate}, depths {self.depth}, batches {self.batch}"

    def cases(self):
        return [dict(kind=kind, tokens=tokens, depth=depth, batch=batch)
                for kind, counts in (("prefill", self.prompt), ("decode", self.generate))
                for tokens in counts if tokens for depth in self.depth for batch in self.batch]

    def row_name(self, case):
        """How a table calls the work of a case."""
        words = ["read a prompt of {} tokens".format(case["tokens"]) if case["kind"] == "prefill" else "generate"]
        if case["depth"]:
            words.append(f"after {case['depth']:,} tokens, {self.kv} keys and values")
        if case["kind"] == "decode" and self.batch != (1,):
            words.append(f"{case['batch']} at once" if case["batch"] > 1 else "1 alone")
        if self.isa:
            words.append(f"forced to {self.isa}")
        return ", ".join(words)

    def options(self, threads):
        """Of a process of llama.cpp."""
        context = max(case["depth"] + case["tokens"] for case in self.cases()) + 64 if self.cases() else 512
        return dict(threads=threads, context=context, sequences=max(self.batch), kv=self.kv, deep=max(self.depth) > 0)


ORDER = ("speed", "loading", "batch", "depth", "isa", "long prompts")  # what a budget measures first


def groups_of(path, args):
    """Every file: prompts and decoding, loading. Those that --full names: batches, depths and the forced instruction set too."""
    groups = [Group("speed", prompt=tuple(args.prompt[:1]), generate=tuple(args.generate)), Group("loading", measures_loading=True)]
    if args.prompt[1:]:
        groups.append(Group("long prompts", prompt=tuple(args.prompt[1:])))
    if any(fnmatch.fnmatch(Path(path).name, pattern) for pattern in args.full):
        if tuple(args.batch) != (1,):
            groups.append(Group("batch", generate=tuple(args.generate), batch=tuple(args.batch)))
        if any(args.depth):
            groups += [Group(f"depth, {kv}", generate=tuple(min(n, 32) for n in args.generate), depth=tuple(d for d in args.depth if d), kv=kv)
                       for kv in ("f16", "q8_0")]
        groups += [Group(f"isa {isa}", prompt=tuple(args.prompt[:1]), generate=tuple(args.generate), isa=isa) for isa in args.isa]
    return [group for group in groups if group.measures_loading or group.cases()]


def estimate_seconds(path, group, turns):
    """What a group is going to take, within a factor of two: for a plan."""
    size = Path(path).stat().st_size
    bits = next((bits for name, bits in sorted(BITS.items(), key=lambda item: -len(item[0])) if name in path), 8)
    is_sparse = "moe" in Path(path).name.lower()
    weights, active = size * 8 / bits, (0.25 if is_sparse else 1)
    operations = WIDE_OPERATIONS if bits >= 16 else OPERATIONS
    seconds = 0
    for engine in ("hearth", "peer") if group.has_peer else ("hearth",):
        slower = 2.5 if group.isa else 1
        load = size / LOAD_BYTES[engine] + (START_SECONDS if engine == "hearth" else 0)
        if group.measures_loading:
            seconds += turns * 3 * load
            continue
        seconds += load * (turns if engine == "hearth" else 1)
        for case in group.cases():
            rows, steps = case["tokens"] * case["batch"], case["tokens"]
            if case["kind"] == "prefill":
                work = 2 * (rows + 256) * weights * active / operations[engine] * slower
            else:
                sparse_reads = min(1, active * case["batch"])
                reads = steps * size * sparse_reads / READ_BYTES[engine]
                work = max(reads, 2 * rows * weights * active / operations[engine] / 2) * slower
                work += case["depth"] * 100e3 * (steps + 30) / READ_BYTES[engine]  # about 100 KB of keys and values per token
            seconds += turns * work
    return seconds

"""Rows of compare.py as Markdown."""
import statistics

from works import ORDER

HEAD = """hearth beside llama.cpp (llama-cpp-python {version}) on {processor}, {threads} threads, measured {first} to {last}.

Figures are medians with the least and the most of their turns. *Ratio*: how many times better hearth is than llama.cpp, of turns that
followed each other; above 1 hearth is faster or smaller. *Of the machine*: of the matrix rate (prompts) or of the bandwidth (generating)
that the machine gave hearth in the same run, both in the next column; for memory, what was predicted by what was measured. *Load*:
the system's load average before and after. Contexts before generating are random numbers for hearth and copies of a prompt's first
512 tokens for llama.cpp. llama.cpp's start is counted from the first call of its library, hearth's from the start of its process.
"""
COLUMNS = "| Model | Work | hearth | llama.cpp | ratio | of the machine | the machine | turns | load |\n|---|---|---|---|---|---|---|---|---|"


def spread(values, digits):
    """median (least-most)"""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def digits_of(row):
    return {"tokens/s": 1, "s": 2, "MiB": 0}[row["unit"]]


def ratio(row):
    """Of each pair, how many times better hearth is."""
    pairs = [turn for turn in row["turns"] if "peer" in turn]
    if not pairs:
        return "-"
    more_is_better = row["unit"] == "tokens/s"
    return "**" + spread([turn["hearth"] / turn["peer"] if more_is_better else turn["peer"] / turn["hearth"] for turn in pairs], 2) + "**"


def engine(row, name):
    values = [turn[name] for turn in row["turns"] if name in turn]
    return f"{spread(values, digits_of(row))} {row['unit']}" if values else "-"


def reached(row):
    if "predicted" in row:
        return f"predicted {row['predicted'] / row['turns'][0]['hearth']:.3f}"
    return f"{100 * statistics.median(row['fractions']):.0f} % of {row['of']}" if row.get("fractions") else "-"


def machine(row):
    found = row.get("machine")
    return f"{found['read_gb_s']:.0f} GB/s, {found['matrix_tflop_s']:.2f} TOP/s" if found else "-"


def line(row):
    cells = [row["model"], row["work"], engine(row, "hearth"), engine(row, "peer"), ratio(row), reached(row), machine(row), str(len(row["turns"])),
             "{:.1f}, {:.1f}".format(*row["load_average"])]
    return "| " + " | ".join(cells) + " |"


def markdown(rows):
    if not rows:
        return "nothing was measured yet"
    models = list(dict.fromkeys(row["model"] for row in rows))
    processors = [row["machine"]["processor"] for row in rows if "machine" in row]
    times = sorted(row["finished"] for row in rows)
    head = HEAD.format(version=rows[0]["peer_version"], processor=processors[0] if processors else "this machine", threads=rows[0]["threads"],
                       first=times[0], last=times[-1])
    places = {name: place for place, name in enumerate(ORDER)}
    places["long prompts"] = places["speed"]  # beside the shorter ones
    ordered = sorted(rows, key=lambda row: (models.index(row["model"]), places[next(n for n in places if row["group"].startswith(n))]))
    return "\n".join([head, COLUMNS, *map(line, ordered)])

"""What Ember is: sizes, special tokens, the chat format. Everything else reads it from here."""
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

VOCABULARY = 4096
WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_SIZE, FFN = 256, 4, 4, 2, 64, 768
CONTEXT, ROPE_BASE, EPSILON = 1024, 10000.0, 1e-6

# In the order of their ids, which come before those of the bytes. The first six steer and are never made from a user's text; the
# others are ordinary words of an answer that have a token each.
END, SYSTEM, TOOLS, USER, ASSISTANT, TOOL = CONTROL = (
    "<|end|>", "<|system|>", "<|tools|>", "<|user|>", "<|assistant|>", "<|tool|>")
THINK, END_THINK, CALL, END_CALL = MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
SPECIAL = (*CONTROL, *MARKS)

# The rule by which a text is cut before merging, as the pre-tokenizer "qwen2" has it: words with their space, single digits.
PRE_TOKENIZER = "qwen2"
CUT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

TEMPLATE = (HERE / "template.jinja").read_text()
SAMPLING = {"temp": 0.3, "top_k": 20, "top_p": 0.9, "min_p": 0.05}

"""Ember, the model inside the program: it answers without a model file, about Hearth, in its own format; both containers agree."""
import array
import json
import struct
import subprocess
import sys
import unittest

from harness import Case, ROOT, main, read_logits
from serve_test import Server

EMBER = ROOT / "models" / "ember.gguf"
needs_ember = unittest.skipUnless(EMBER.is_file(), "this checkout has no model to be put inside")
GREEDY = ("--temperature", "0")


@needs_ember
class Answers(Case):
    def ask(self, question, *flags):
        return self.hearth("run", "ember", question, *GREEDY, *flags).stdout

    def test_without_a_model(self):
        run = self.hearth("run", *GREEDY, stdin="How do I change the port?\n")
        self.assertIn("`hearth serve --port`", run.stdout)
        self.assertEqual(run.stderr, "note: Ember answers, the small helper inside Hearth; 'hearth run MODEL' runs a model of yours\n")

    def test_commands_and_itself(self):
        for question, words in {"How do I measure the perplexity?": "`hearth eval perplexity",
                                "How do I make the KV cache smaller?": "`hearth run --kv-type`",
                                "How do I save the conversation?": "`/save FILE`",
                                "Hello": "small built-in helper", "Who are you?": "small built-in helper",
                                "What is the capital of France?": "I cannot know that."}.items():
            self.assertIn(words, self.ask(question), question)

    def test_a_story_ends_by_itself(self):
        answer = json.loads(self.ask("Tell me a story.", "--json"))
        self.assertEqual(answer["finish_reason"], "end")
        self.assertGreater(len(answer["text"]), 200)

    def test_thinking_is_kept_apart(self):
        answer = json.loads(self.ask("How do I change the port?", "--think", "--json"))
        self.assertTrue(answer["thinking"])
        self.assertIn("`hearth serve --port`", answer["text"])

    def test_a_tool_call_parses(self):
        tool = {"name": "get_weather", "description": "Tells the weather of a city", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
        context = self.write("context.json", json.dumps({
            "messages": [{"role": "user", "content": "What is the weather in Rome?"}], "add_generation_prompt": True,
            "tools": [{"type": "function", "function": tool}]}))
        prompt = self.hearth("render", "ember", "--context", context).stdout.rstrip("\n")
        call = self.hearth("run", "ember", prompt, "--raw", "--quiet", *GREEDY).stdout.strip()
        self.assertTrue(call.startswith("<tool_call>") and call.endswith("</tool_call>"), call)
        self.assertEqual(json.loads(call[len("<tool_call>"):-len("</tool_call>")])["name"], "get_weather")


@needs_ember
class Serves(Case):
    def test_the_same_answer_over_http(self):
        server = Server(self.home, "ember", "--port", 0)
        self.addCleanup(server.stop)
        question = {"messages": [{"role": "user", "content": "How do I change the port?"}], "temperature": 0}
        self.assertEqual(server.ask("/health")[2], {"status": "ok"})
        whole = server.ask("/v1/chat/completions", question)[2]["choices"][0]["message"]["content"]
        self.assertIn("`hearth serve --port`", whole)
        self.assertEqual(whole, self.hearth("run", "ember", "How do I change the port?", *GREEDY).stdout.rstrip("\n"))
        pieces = server.events("/v1/chat/completions", question)
        self.assertEqual("".join(p["choices"][0]["delta"].get("content") or "" for p in pieces if p["choices"]), whole)
        self.assertEqual(server.stop()[0], 0)


@needs_ember
class Format(Case):
    def test_template(self):
        call = {"function": {"name": "add", "arguments": {"a": 1}}}
        context = self.write("context.json", json.dumps({
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"},
                         {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "2"}],
            "tools": [{"function": {"name": "add"}}, {"function": {"name": "sub"}}], "add_generation_prompt": True, "enable_thinking": True}))
        self.assertEqual(self.hearth("render", "ember", "--context", context).stdout.rstrip("\n"),
                         '<|system|>Be kind.<|end|><|tools|>{"name": "add"}\n{"name": "sub"}<|end|><|user|>Hi<|end|>'
                         '<|assistant|><tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call><|end|><|tool|>2<|end|>'
                         '<|assistant|><think>')

    def test_control_tokens_are_no_users_text(self):
        ids = self.hearth("tokenize", "ember", "<|end|>", "--ids").stdout.split()
        self.assertGreater(len(ids), 1)
        self.assertEqual(self.hearth("tokenize", "ember", "<|end|>", "--ids", "--special").stdout.split(), ["0"])

    def test_text_comes_back(self):
        text = "Grüße, 12345 don't\n\n  \u65e5\u672c \U0001f525"
        ids = self.hearth("tokenize", "ember", text, "--ids").stdout.strip()
        self.assertEqual(self.hearth("tokenize", "ember", ids, "--decode").stdout.rstrip("\n"), text)


class Gguf:
    """Metadata and tensors of a GGUF file, as far as Ember's needs it."""
    PLAIN = {4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q"}

    def __init__(self, path):
        self.bytes, self.at = path.read_bytes(), 8
        tensors, pairs = self.take("<Q"), self.take("<Q")
        self.meta = {self.text(): self.value(self.take("<I")) for _ in range(pairs)}
        self.tensors = {}
        for _ in range(tensors):
            name, dims = self.text(), self.take("<I")
            shape = [self.take("<Q") for _ in range(dims)][::-1]
            self.tensors[name] = (shape, self.take("<I"), self.take("<Q"))
        self.data = -(-self.at // 32) * 32

    def take(self, code):
        (value,) = struct.unpack_from(code, self.bytes, self.at)
        self.at += struct.calcsize(code)
        return value

    def text(self):
        length = self.take("<Q")
        self.at += length
        return self.bytes[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            item, count = self.take("<I"), self.take("<Q")
            return [self.value(item) for _ in range(count)]
        return self.take(self.PLAIN[kind])

    def floats(self, name):
        """Its values as f32: exact, since a half times a byte fits."""
        shape, kind, offset = self.tensors[name]
        count, start = 1, self.data + offset
        for n in shape:
            count *= n
        if kind == 0:
            return array.array("f", self.bytes[start:start + 4 * count])
        assert kind == 8, "Ember is Q8_0"
        out = array.array("f")
        for scale, codes in struct.iter_unpack("<e32s", self.bytes[start:start + count // 32 * 34]):
            out.extend([scale * c for c in array.array("b", codes)])
        return out


HUGGING_FACE = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
                "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
                "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}


def hugging_face_name(name):
    if not name.startswith("blk."):
        return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{HUGGING_FACE[part]}.weight"


@needs_ember
class Containers(Case):
    def test_safetensors_give_the_same_logits(self):
        gguf = Gguf(EMBER)
        header, parts, at = {}, [], 0
        for name, (shape, _, _) in gguf.tensors.items():
            content = gguf.floats(name).tobytes()
            header[hugging_face_name(name)] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(content)]}
            parts.append(content)
            at += len(content)
        text = json.dumps(header).encode()
        self.write("folder/model.safetensors", struct.pack("<Q", len(text)) + text + b"".join(parts))
        meta = {key.removeprefix("qwen3."): value for key, value in gguf.meta.items()}
        self.write("folder/config.json", json.dumps({
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": len(meta["tokenizer.ggml.tokens"]),
            "hidden_size": meta["embedding_length"], "intermediate_size": meta["feed_forward_length"], "num_hidden_layers": meta["block_count"],
            "num_attention_heads": meta["attention.head_count"], "num_key_value_heads": meta["attention.head_count_kv"],
            "head_dim": meta["attention.key_length"], "max_position_embeddings": meta["context_length"], "rope_theta": meta["rope.freq_base"],
            "rms_norm_eps": meta["attention.layer_norm_rms_epsilon"], "tie_word_embeddings": True, "hidden_act": "silu"}))
        ids = self.hearth("tokenize", "ember", "Once upon a time there was a small fox.", "--ids").stdout.strip().replace(" ", ",")
        logits = []
        for model in ("ember", self.home / "folder"):
            out = self.home / "logits.safetensors"
            self.hearth("eval", "logits", model, "--ids", ids, "--out", out, "--backend", "reference", "--kv-type", "f32")
            logits.append(read_logits(out))
        self.assertEqual(*logits)

    def test_a_model_does_not_diverge_from_itself(self):
        text = self.write("text.txt", "Once upon a time there was a small fox. How do I change the port? " * 8)
        same = json.loads(self.hearth("eval", "divergence", "ember", "--base", "ember", "--text", text, "--window", "64", "--json").stdout)
        self.assertEqual((same["mean"], same["same_top"]), (0, 1))
        coarse = json.loads(self.hearth("eval", "divergence", "ember", "--base", "ember", "--text", text, "--window", "64", "--json",
                                        "--kv-type", "q4_0").stdout)
        self.assertGreater(coarse["mean"], 0)
        self.assertEqual(coarse["base_perplexity"], same["perplexity"])


class Questions(unittest.TestCase):
    """What it is trained on: every phrasing names an option that exists, and chance decides nothing."""
    DIGEST = ("import hashlib, questions; digest = hashlib.sha256()\n"
              "for pair in questions.Questions().all(): digest.update(pair.question.encode())\n"
              "print(digest.hexdigest())")

    def test_the_same_from_the_same_repository(self):
        made = [subprocess.Popen([sys.executable, "-c", self.DIGEST], env={"PYTHONPATH": str(ROOT / "tools" / "ember"), "PYTHONHASHSEED": seed},
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for seed in ("1", "2")]
        said = [run.communicate()[0] for run in made]
        self.assertRegex(said[0], r"^[0-9a-f]{64}\n$")
        self.assertEqual(*said)


class Divergence(Case):
    def test_needs_a_base(self):
        self.refused("eval", "divergence", "x.gguf", "--text", "x", code=2, sentence="eval divergence needs --base MODEL")


if __name__ == "__main__":
    raise SystemExit(main())

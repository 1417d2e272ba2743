#!/usr/bin/env python3
"""Makes tests/golden/tokenizer/*.json with Hugging Face tokenizers, sentencepiece and tiktoken.

pipelines.json        small vocabularies trained here, one per kind of step, with texts, ids and decoded texts
real_vocabularies.json  one list of texts, and per real vocabulary of the shared test data a hash of each text's ids

Usage: tokenizer.py REPOSITORY SHARED_DATA
"""
import base64, io, json, os, random, sys

import sentencepiece, tiktoken, tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VERSIONS = {"tokenizers": "0.23.3", "sentencepiece": "0.2.3", "tiktoken": "0.14.0"}
SEED = 20240607

NAUGHTY = [
    "", " ", "  ", "\n", "\t", "a", " a", "a ", "Hello, World!", "  Hello  World  ", "I'll say it's DON'T we'VE 'ſ", "1 12 123 1234 12345678",
    "x=3.14159;y[0]++", "naïve café Ω ß ﬁ ½ Ⅷ ²", "e\u0301 n\u0303o\u0308", "日本語のテキスト、漢字。", "中文字符和English混合123", "안녕하세요 세계",
    "Привет, мир!", "שלום עולם", "مرحبا بالعالم ١٢٣", "नमस्ते दुनिया", "สวัสดีชาวโลก", "😀👩\u200d👩\u200d👧🇩🇪❤️👍🏽", "tab\there\nnew\r\nlines\n\n\nend",
    "\u00a0nbsp\u3000wide\u2003em\u200bzero\u2028sep\u0085nel\u180emvs", "\x00\x01\x7f\ufeff\ufffd\ue000", "▁meta▁space▁", "<s>not a token</s> <|endoftext|>",
    "<unk><pad>[CLS] x [SEP][MASK]", "<0x0A><0xFF>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", " " * 70, "\n" * 40 + "x", "!" * 50,
    "ÀÉÎÕÜ àéîõü", "İstanbul ISTANBUL ı", "ΣΑΣ σας", "don't... can't?! 'quoted' \"double\"", "https://example.com/a_b-c?d=e&f=%20#g", "for (int i = 0; i < n; ++i) { a[i] *= 2; }",
    "The quick brown fox jumps over the lazy dog.", "x" * 300, "ab " * 60, "\u0301\u0301a\u0301", "12,345.67 €5 $3 50%", "ﷺ ㎞ ℌ ①②", "ｆｕｌｌｗｉｄｔｈ ＡＢＣ１２３",
]
ALPHABETS = ["abcdefghij ABC  ", " \t\n\r  ", "!?.,;:'\"()[]{}<>|/\\-_=+*&^%$#@~`", "0123456789²½٣", "éüßñøåıİſKΩςжא", "中文字日本語かなカナ한국어", "\u0301\u0308\u093f\u200d\ufe0f", "😀👍🇩🇪🦄", "\x00\x01\u00a0\u3000\u2028\u180e\ufeff▁"]


def random_texts(count, rng):
    words = [w for t in NAUGHTY for w in t.split(" ") if w]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            parts.append(rng.choice(words) if kind < 0.4 else rng.choice(rng.choice(ALPHABETS)) * rng.choice([1, 1, 1, 2, 3, 7]))
            if kind > 0.8:
                parts.append(" ")
        texts.append("".join(parts)[:120])
    return texts


def hash_ids(ids):  # FNV-1a over little-endian 32-bit ids
    h = 0xCBF29CE484222325
    for i in ids:
        for byte in int(i).to_bytes(4, "little"):
            h = (h ^ byte) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def real_vocabularies(data, texts):
    out = []

    def add(kind, path, special, encode):
        out.append({"kind": kind, "path": path, "special": special, "hashes": [hash_ids(encode(t)) for t in texts]})

    for path in ["tinygpt_hf/gpt2", "tinygpt_hf/Mistral-7B-v0.3", "ort_extensions/phi-2", "ort_extensions/phi-3", "ort_genai/phi3-v", "granite3.1", "minimind"]:
        path = f"tokenizers/{path}/tokenizer.json"
        hf = Tokenizer.from_file(f"{data}/{path}")
        add("tokenizer.json", path, True, lambda t: hf.encode(t).ids)
    path = "tokenizers/gpt_neox/20B_tokenizer.json"
    hf = Tokenizer.from_file(f"{data}/{path}")
    add("tokenizer.json", path, True, lambda t: hf.encode(t).ids)
    for path in ["tokenizers/sentencepiece/test_model.model", "tokenizers/sentencepiece/test_ja_model.model", "models/llama2c_tokenizer/tokenizer.model",
                 "models/tok512_spm/tok512.model", "tokenizers/mistral_common/mistral_instruct_tokenizer_240323.model.v3"]:
        spm = sentencepiece.SentencePieceProcessor(model_file=f"{data}/{path}")
        add("sentencepiece", path, False, spm.encode)
    from tiktoken_ext import openai_public
    for name in ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"]:
        path = f"tokenizers/openai_tiktoken/{name}.tiktoken"
        ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in open(f"{data}/{path}", "rb"))}
        openai_public.load_tiktoken_bpe = openai_public.data_gym_to_mergeable_bpe_ranks = lambda *a, **k: ranks
        encoding = tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[name]())
        add("tiktoken", path, False, encoding.encode_ordinary)
    return {"versions": VERSIONS, "texts": texts, "vocabularies": out}


CORPUS = [t for t in NAUGHTY if len(t) < 200 and "\x00" not in t] * 3 + ["the cat sat on the mat and the dog ran", "hello hello world worlds 12 345 n't 's"] * 4


def bpe(trainer_options=None, **model_options):
    def make(tokenizer):
        options = {"vocab_size": 340, "show_progress": False, "special_tokens": ["<unk>", "<s>", "</s>"]}
        tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(**{**options, **(trainer_options or {})}))
    return models.BPE(**model_options), make


def pieces_as_words(tokenizer, texts):
    """A word-level vocabulary of exactly the pieces that the steps before it produce: ids then name the pieces."""
    words = {"<unk>": 0}
    for t in texts:
        normal = tokenizer.normalizer.normalize_str(t) if tokenizer.normalizer else t
        pieces = [p for p, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)] if tokenizer.pre_tokenizer else [normal]
        for p in pieces:
            words.setdefault(p, len(words))
    tokenizer.model = models.WordLevel(words, unk_token="<unk>")


def field(message, wanted):
    """The first length-delimited field of that number in a protocol buffer message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        length = varint() if tag & 7 in (0, 2) else {1: 8, 5: 4}[tag & 7]
        if tag & 7 == 2 and tag >> 3 == wanted:
            return message[at:at + length]
        if tag & 7 != 0:
            at += length
    raise KeyError(wanted)


def small_charsmap():
    """SentencePiece's own compiler of character maps, with a few rules."""
    rules = "/tmp/golden_rules.tsv"
    with open(rules, "w") as f:
        for source, target in [("ﬁ", "fi"), ("½", "1/2"), ("Ａ", "A"), ("é", "e"), ("e\u0301", "e"), ("ß", "ss"), ("①", "1"), ("\u3000", " "), ("日本", "JP"), ("\u200b", "")]:
            f.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=260, normalization_rule_tsv=rules,
                                             hard_vocab_limit=False, minloglevel=2)
    os.remove(rules)
    normalizer_spec = field(model.getvalue(), 3)
    return field(normalizer_spec, 2)


def pipelines(texts):
    cases, shared = [], texts

    def add(name, tokenizer, decode=True, texts=texts):
        ids = [tokenizer.encode(t).ids for t in texts]
        # Texts that no UTF-8 decoder can restore print as bytes with us and as U+FFFD there.
        decoded = [tokenizer.decode(i) for i in ids] if decode else []
        own = {} if texts is shared else {"texts": texts} if texts != shared[:len(texts)] else {}
        cases.append({"name": name, "tokenizer": json.loads(tokenizer.to_str()), **own, "hashes": [hash_ids(i) for i in ids], "decoded": decoded})

    def trained(name, model_and_make, normalizer=None, pre=None, decoder=None, post=None, decode=True):
        model, make = model_and_make
        t = Tokenizer(model)
        if normalizer: t.normalizer = normalizer
        if pre: t.pre_tokenizer = pre
        make(t)
        if decoder: t.decoder = decoder
        if post: t.post_processor = post(t)
        add(name, t, decode)
        return t

    bytes_alphabet = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
    bos = lambda t: processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", t.token_to_id("<s>")), ("</s>", t.token_to_id("</s>"))])
    trained("byte-level with prefix space", bpe(bytes_alphabet), pre=pre_tokenizers.ByteLevel(add_prefix_space=True), decoder=decoders.ByteLevel())
    trained("byte-level behind other steps", bpe(bytes_alphabet),
            pre=pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.Digits(False),
                                         pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]), decoder=decoders.ByteLevel())
    trained("ignore merges", bpe(bytes_alphabet, ignore_merges=True), pre=pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), decoder=decoders.ByteLevel(), post=bos)
    trained("byte-level normalizer", bpe(bytes_alphabet), normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()]), decoder=decoders.ByteLevel())
    fallback = {"special_tokens": ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], "vocab_size": 600, "limit_alphabet": 60}
    spm_decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    def byte_fallback(name, normalizer, pre):
        t = trained(name, bpe(fallback, byte_fallback=True, unk_token="<unk>", fuse_unk=True), normalizer=normalizer, pre=pre, decoder=spm_decoder, post=bos, decode=False)
        data = json.loads(t.to_str())
        data["added_tokens"] = [a for a in data["added_tokens"] if not a["content"].startswith("<0x")]
        cases.pop()
        add(name, Tokenizer.from_str(json.dumps(data)), decode=False)
    byte_fallback("byte fallback with prepended mark", normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None)
    byte_fallback("byte fallback with first mark", None, pre_tokenizers.Metaspace("▁", "first", False))
    trained("metaspace with unknown characters", bpe({"limit_alphabet": 40}, unk_token="<unk>"), pre=pre_tokenizers.Metaspace(), decoder=decoders.Metaspace(), decode=False)
    trained("fused unknown characters", bpe({"limit_alphabet": 40}, unk_token="<unk>", fuse_unk=True), pre=pre_tokenizers.Metaspace("▁", "never"), decode=False)
    trained("end of word", bpe({"end_of_word_suffix": "</w>"}, unk_token="<unk>", end_of_word_suffix="</w>"), normalizer=normalizers.Lowercase(), pre=pre_tokenizers.Whitespace(), decode=False)
    trained("inside of word", bpe({"continuing_subword_prefix": "##"}, unk_token="<unk>", continuing_subword_prefix="##"), pre=pre_tokenizers.WhitespaceSplit(), decode=False)

    def unigram(**options):
        def make(t):
            t.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=300, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", **options))
        return models.Unigram(), make
    trained("unigram", unigram(), normalizer=normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
            pre=pre_tokenizers.Metaspace(), decoder=decoders.Metaspace(), post=bos, decode=False)
    trained("character map", unigram(), normalizer=normalizers.Precompiled(small_charsmap()), pre=pre_tokenizers.Metaspace(), decode=False)

    def word_piece(t):
        t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=300, show_progress=False, special_tokens=["[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    def bert(name, **options):
        trained(name, (models.WordPiece(unk_token="[UNK]"), word_piece), normalizer=normalizers.BertNormalizer(**options), pre=pre_tokenizers.BertPreTokenizer(),
                decoder=decoders.WordPiece(), post=lambda t: processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)))
    bert("word piece")
    bert("word piece, cased", lowercase=False, clean_text=False, handle_chinese_chars=False)

    for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        for invert in [False, True]:
            t = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
            t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"[\s\p{P}]"), behavior, invert), pre_tokenizers.Split("a", behavior, invert)])
            pieces_as_words(t, texts[:50])
            add(f"split {behavior}{' inverted' if invert else ''}", t, decode=False, texts=texts[:50])
    steps = {"whitespace": pre_tokenizers.Whitespace(), "whitespace split": pre_tokenizers.WhitespaceSplit(), "punctuation": pre_tokenizers.Punctuation(),
             "digits": pre_tokenizers.Digits(True), "digit runs": pre_tokenizers.Digits(False), "delimiter": pre_tokenizers.CharDelimiterSplit("e"),
             "scripts": pre_tokenizers.UnicodeScripts(), "bert": pre_tokenizers.BertPreTokenizer()}
    for name, step in steps.items():
        t = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
        t.pre_tokenizer = step
        pieces_as_words(t, texts[:70])
        add(f"pre-tokenizer {name}", t, decode=False, texts=texts[:70])
    forms = {"nfc": normalizers.NFC(), "nfd": normalizers.NFD(), "nfkc": normalizers.NFKC(), "nfkd": normalizers.NFKD(), "lowercase": normalizers.Lowercase(),
             "strip": normalizers.Strip(), "strip left": normalizers.Strip(True, False), "nmt": normalizers.Nmt(), "bert": normalizers.BertNormalizer(),
             "accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]), "replace": normalizers.Replace(Regex(r"\s+"), "_"), "prepend": normalizers.Prepend("_")}
    for name, form in forms.items():
        t = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
        t.normalizer = form
        pieces_as_words(t, texts[:70])
        add(f"normalizer {name}", t, decode=False, texts=texts[:70])

    t = Tokenizer(models.WordLevel({"<unk>": 0, "the": 1, "cat": 2, " ": 3}, unk_token="<unk>"))
    t.normalizer = normalizers.Lowercase()
    t.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    t.add_special_tokens([AddedToken("<mask>", lstrip=True), AddedToken("<|end|>", rstrip=True), AddedToken("<|end|><|end|>")])
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("LOUD", normalized=True), AddedToken("RAW", normalized=False), AddedToken("ab"), AddedToken("abc")])
    add("added tokens", t, decode=False, texts=["the <mask> cat", "the  <mask><mask>  cat", "cat<|end|>  the", "<|end|><|end|> x", "<|end|> <|end|>", "word words sword word", "a word.",
                                               "LOUD loud Loud RAW raw", "abcab abc abab", "wordword", "<mask", "the<|end|>\n\ncat", "\tab\u00a0<mask>"])
    return {"versions": VERSIONS, "texts": shared, "cases": cases}


def main():
    repository, data = sys.argv[1:]
    for module in (tokenizers, sentencepiece, tiktoken):
        assert module.__version__ == VERSIONS[module.__name__], (module.__name__, module.__version__)
    rng = random.Random(SEED)
    texts = NAUGHTY + random_texts(110, rng)
    for name, content in [("pipelines", pipelines(texts[:90])), ("real_vocabularies", real_vocabularies(data, NAUGHTY + random_texts(450, rng)))]:
        with open(f"{repository}/tests/golden/tokenizer/{name}.json", "w", encoding="utf8") as f:
            json.dump(content, f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")


main()

// tokenizer.ggml.*: every vocabulary kind that GGUF files hold.
#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "text/tokenizer/models/bpe.h"
#include "text/tokenizer/models/unigram.h"
#include "text/tokenizer/models/word_models.h"
#include "text/tokenizer/pipeline.h"
#include "text/tokenizer/split/gguf_pre.h"

namespace hearth::text {

namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // ▁
constexpr std::string_view kMerges = "tokenizer.ggml.merges";

class GgufLoader {
 public:
  explicit GgufLoader(const Metadata& meta) : meta_(meta) {}

  Result<std::shared_ptr<const Tokenizer>> load() {
    HEARTH_TRY(kind, meta_.text("tokenizer.ggml.model"));
    HEARTH_TRY(vocabulary, read_vocabulary());
    parts_.vocabulary = std::make_unique<const Vocabulary>(std::move(vocabulary));
    HEARTH_TRY_VOID(read_special_ids());
    if (kind == "gpt2") HEARTH_TRY_VOID(load_bpe(meta_.text_or("tokenizer.ggml.pre", "")));
    else if (kind == "gemma4") HEARTH_TRY_VOID(load_bpe("gemma4"));
    else if (kind == "llama") HEARTH_TRY_VOID(load_sentencepiece());
    else if (kind == "t5") HEARTH_TRY_VOID(load_unigram());
    else if (kind == "bert") HEARTH_TRY_VOID(load_bert());
    else
      return fail(ErrorCode::kUnsupported,
                  "tokenizer.ggml.model is '{}'; this build reads gpt2, gemma4, llama, t5 and bert", kind);
    HEARTH_TRY_VOID(read_bos_eos());
    add_tokens();
    complete_end_of_generation(words(), parts_.special);
    return make_tokenizer(std::move(parts_));
  }

 private:
  const Vocabulary& words() const { return *parts_.vocabulary; }

  // An array that, where present, has one value per token.
  template <class T>
  Result<std::span<const T>> per_token(std::string_view key, std::span<const T> values, size_t tokens) const {
    if (meta_.has(key) && values.size() != tokens)
      return fail(ErrorCode::kBadFile, "{} has {} values for {} tokens", key, values.size(), tokens);
    return values;
  }

  Result<std::vector<double>> read_scores(size_t tokens) const {
    constexpr std::string_view kKey = "tokenizer.ggml.scores";
    const auto whole = meta_.integers(kKey);
    const auto numbers = meta_.numbers(kKey);
    std::vector<double> scores(whole.begin(), whole.end());
    if (whole.empty()) scores.assign(numbers.begin(), numbers.end());
    HEARTH_TRY(checked, per_token<double>(kKey, scores, tokens));
    if (const auto bad = std::ranges::find_if(checked, [](double s) { return !std::isfinite(s); });
        bad != checked.end())
      return fail(ErrorCode::kBadFile, "{}: the score of token {} is not a finite number", kKey, bad - checked.begin());
    return scores;
  }

  static Result<TokenKind> kind_of(int64_t type, size_t token) {
    switch (type) {
      case 1: return TokenKind::kNormal;
      case 2: return TokenKind::kUnknown;
      case 3: return TokenKind::kControl;
      case 4: return TokenKind::kUserDefined;
      case 0:  // "undefined": written for padding by some converters
      case 5: return TokenKind::kUnused;
      case 6: return TokenKind::kByte;
      default:
        return fail(ErrorCode::kBadFile, "tokenizer.ggml.token_type: token {} has the type {}; types are 0 to 6", token,
                    type);
    }
  }

  Result<Vocabulary> read_vocabulary() const {
    const auto texts = meta_.texts("tokenizer.ggml.tokens");
    if (texts.empty())
      return fail(ErrorCode::kBadFile, "tokenizer.ggml.tokens is missing, empty or no array of strings");
    size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size();
    if (texts.size() > Vocabulary::kMaxTokens || bytes > Vocabulary::kMaxBytes)
      return fail(ErrorCode::kBadFile,
                  "tokenizer.ggml.tokens holds {} tokens of {} bytes; at most {} of {} bytes are read", texts.size(),
                  bytes, Vocabulary::kMaxTokens, Vocabulary::kMaxBytes);
    HEARTH_TRY(types, per_token<int64_t>("tokenizer.ggml.token_type", meta_.integers("tokenizer.ggml.token_type"),
                                         texts.size()));
    HEARTH_TRY(scores, read_scores(texts.size()));
    Vocabulary out;
    out.reserve(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      HEARTH_TRY(kind, types.empty() ? Result<TokenKind>(TokenKind::kNormal) : kind_of(types[i], i));
      if ((kind == TokenKind::kNormal || kind == TokenKind::kUserDefined) && is_end_marker(texts[i])) {
        log::warn("token '{}' ends a generation, yet the file has it as no control token: it is taken for one", texts[i]);
        kind = TokenKind::kControl;
      }
      out.add(texts[i], kind, scores.empty() ? 0.0f : static_cast<float>(scores[i]));
    }
    out.build();
    return out;
  }

  Result<std::optional<TokenId>> token(std::string_view name) const {
    const std::string key = "tokenizer.ggml." + std::string(name);
    if (!meta_.has(key)) return std::nullopt;
    HEARTH_TRY(id, meta_.integer(key));
    // Writers put 2^32-1 for "none".
    if (id == -1 || id == 0xFFFFFFFF) return std::nullopt;
    if (id < 0 || static_cast<size_t>(id) >= words().size())
      return fail(ErrorCode::kBadFile, "{} is {}; the vocabulary has {} tokens", key, id, words().size());
    return static_cast<TokenId>(id);
  }

  Result<void> read_special_ids() {
    Tokenizer::Special& special = parts_.special;
    HEARTH_TRY(bos, token("bos_token_id"));
    HEARTH_TRY(eos, token("eos_token_id"));
    HEARTH_TRY(pad, token("padding_token_id"));
    HEARTH_TRY(unk, token("unknown_token_id"));
    HEARTH_TRY(cls, token("cls_token_id"));
    special.bos = bos ? bos : cls;
    special.eos = eos;
    special.pad = pad;
    special.unk = unk;
    for (const std::string_view name : {"eot_token_id", "eom_token_id"}) {
      HEARTH_TRY(end, token(name));
      if (end) special.end_of_generation.push_back(*end);
    }
    return {};
  }

  Result<MergeList> read_merges() const {
    MergeList out;
    for (const std::string& merge : meta_.texts(kMerges)) {
      const size_t space = merge.find(' ', 1);
      if (space == std::string::npos || space + 1 == merge.size())
        return fail(ErrorCode::kBadFile, "{}: merge {} is '{}', not two tokens with a space between", kMerges,
                    out.size(), merge);
      out.emplace_back(std::string_view(merge).substr(0, space), std::string_view(merge).substr(space + 1));
    }
    return out;
  }

  Result<void> load_bpe(const std::string& named) {
    if (named.empty())
      log::warn(
          "the file names no pre-tokenizer (tokenizer.ggml.pre); the default may cut words differently than in "
          "training");
    HEARTH_TRY(pre, find_gguf_pre(named.empty() ? "default" : named));
    HEARTH_TRY(pre_tokenizer, make_pre_tokenizer(*pre));
    parts_.pre_tokenizer = std::move(pre_tokenizer);
    parts_.split_name = named.empty() ? "default" : named;
    parts_.special.adds_bos = pre->adds_bos;
    adds_sep_ = pre->adds_sep;

    HEARTH_TRY(merges, read_merges());
    if (merges.empty()) return fail(ErrorCode::kBadFile, "{} is missing, empty or no array of strings", kMerges);
    BpeOptions options{.byte_level = !pre->spells_text, .ignore_merges = pre->ignore_merges};
    if (pre->spells_text) {
      options.byte_fallback = options.fuse_unknown = options.words_start_at_space = true;
      options.unknown = parts_.special.unk;
      parts_.normalizer.add(ReplaceText{" ", std::string(kSpaceMark)});
      parts_.decoder.add(DecodeReplaceText{std::string(kSpaceMark), " "});
    } else {
      parts_.decoder.add(DecodeBytes{});
    }
    HEARTH_TRY(model, make_bpe(words(), std::move(options), merges, kMerges));
    parts_.model = std::move(model);
    return {};
  }

  Result<void> load_sentencepiece() {
    const bool prefix = meta_.boolean_or("tokenizer.ggml.add_space_prefix", true);
    if (prefix) parts_.normalizer.add(PrependText{" "});
    parts_.normalizer.add(ReplaceText{" ", std::string(kSpaceMark)});
    parts_.decoder.add(DecodeReplaceText{std::string(kSpaceMark), " "});
    if (prefix) parts_.decoder.add(DecodeStripText{" ", 1});
    parts_.special.adds_bos = true;
    const BpeOptions options{
        .byte_fallback = true, .fuse_unknown = true, .words_start_at_space = true, .unknown = parts_.special.unk};
    HEARTH_TRY(merges, read_merges());
    if (merges.empty() || has_scores()) {
      parts_.model = make_bpe(words(), options, MergeOrder::kByScore);
      return {};
    }
    // Converted from a file of merges: the scores are all zero, and the order of the merges is what was trained.
    HEARTH_TRY(model, make_bpe(words(), options, merges, kMerges));
    parts_.model = std::move(model);
    return {};
  }

  bool has_scores() const {
    for (TokenId id = 0; words().has(id); ++id)
      if (words().score(id) != 0) return true;
    return false;
  }

  Result<void> load_unigram() {
    HEARTH_TRY(map, PrecompiledMap::parse(charsmap()));
    SentencePieceNormalizer normalizer{
        .map = map,
        .add_dummy_prefix = meta_.boolean_or("tokenizer.ggml.add_space_prefix", true),
        .remove_extra_spaces = meta_.boolean_or("tokenizer.ggml.remove_extra_whitespaces", true)};
    parts_.decoder.add(DecodeReplaceText{std::string(kSpaceMark), " "});
    if (normalizer.add_dummy_prefix) parts_.decoder.add(DecodeStripText{" ", 1});
    parts_.normalizer.add(std::move(normalizer));
    parts_.special.adds_eos = true;
    UnigramOptions options{.unknown = parts_.special.unk.value_or(0), .favour_user_defined = true};
    for (TokenId id = 0; words().has(id); ++id) options.scores.push_back(words().score(id));
    if (!meta_.has("tokenizer.ggml.scores"))
      return fail(ErrorCode::kBadFile, "tokenizer.ggml.scores is missing; a t5 vocabulary needs it");
    parts_.model = make_unigram(words(), std::move(options), false);
    return {};
  }

  std::string charsmap() const {
    std::string bytes;
    for (const int64_t b : meta_.integers("tokenizer.ggml.precompiled_charsmap")) bytes += static_cast<char>(b);
    return bytes;
  }

  Result<void> load_bert() {
    if (!parts_.special.unk)
      return fail(ErrorCode::kBadFile, "tokenizer.ggml.unknown_token_id is missing; a bert vocabulary needs it");
    const bool lower = meta_.boolean_or("tokenizer.ggml.normalizer.lowercase", true);
    parts_.normalizer.add(BertNormalizer{
        .strip_accents = meta_.boolean_or("tokenizer.ggml.normalizer.strip_accents", lower), .lowercase = lower});
    parts_.pre_tokenizer.add(PatternSplit{&scan_space, SplitBehavior::kRemoved});
    parts_.pre_tokenizer.add(PatternSplit{&scan_punctuation, SplitBehavior::kIsolated});
    parts_.model = make_word_piece(words(), {.word_start = std::string(kSpaceMark), .unknown = *parts_.special.unk});
    parts_.decoder.add(DecodeReplaceText{std::string(kSpaceMark), " "});
    parts_.decoder.add(DecodeStripText{" ", 1});
    parts_.special.adds_bos = adds_sep_ = true;
    return {};
  }

  Result<void> read_bos_eos() {
    Tokenizer::Special& special = parts_.special;
    special.adds_bos = meta_.boolean_or("tokenizer.ggml.add_bos_token", special.adds_bos);
    special.adds_eos = meta_.boolean_or("tokenizer.ggml.add_eos_token", special.adds_eos);
    adds_sep_ = meta_.boolean_or("tokenizer.ggml.add_sep_token", adds_sep_);
    if (parts_.split_name == "gemma4" && special.bos)
      special.adds_bos = true;  // early files say false; the model was trained with it
    set_bos_eos(parts_);
    // The specification misspells the key; both are in use.
    HEARTH_TRY(separator,
               token(meta_.has("tokenizer.ggml.separator_token_id") ? "separator_token_id" : "seperator_token_id"));
    const auto closing = separator ? separator : special.eos;
    if (adds_sep_ && closing && parts_.suffix.empty()) parts_.suffix.push_back(*closing);
    return {};
  }

  // GGUF has no flags for added tokens. Phi-3's turn markers swallow the white space behind them, as its own files say.
  void add_tokens() {
    std::string name = meta_.text_or("general.name", "");
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    const bool phi3 = name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
    for (TokenId id = 0; words().has(id); ++id) {
      const TokenKind kind = words().kind(id);
      if (kind != TokenKind::kControl && kind != TokenKind::kUserDefined && kind != TokenKind::kUnknown) continue;
      const std::string_view text = words().text(id);
      const bool strips =
          phi3 && kind == TokenKind::kControl && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
      parts_.added.push_back(
          {.id = id, .text = std::string(text), .control = kind != TokenKind::kUserDefined, .strips_right = strips});
    }
  }

  const Metadata& meta_;
  TokenizerParts parts_;
  bool adds_sep_ = false;
};

}  // namespace

Result<std::shared_ptr<const Tokenizer>> load_gguf_tokenizer(const Metadata& meta) { return GgufLoader(meta).load(); }

}  // namespace hearth::text

#include "text/tokenizer/pipeline.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

class Pipeline final : public Tokenizer {
 public:
  explicit Pipeline(TokenizerParts parts) : parts_(std::move(parts)) {
    std::vector<AddedToken> raw, normal;
    for (AddedToken& token : parts_.added) {
      // Control tokens are always looked for in the text as given: what the normalizer makes of their neighbourhood
      // must not decide whether a turn ends.
      const bool late = token.normalized && !token.control && !parts_.normalizer.empty();
      if (late) token.text = parts_.normalizer.run(token.text);
      (late ? normal : raw).push_back(std::move(token));
    }
    raw_added_ = AddedTokens(std::move(raw));
    normal_added_ = AddedTokens(std::move(normal));
    summary_ = fmt::format("{}{}{}, {} tokens", parts_.model->name(),
                           parts_.split_name.empty() ? "" : ", pre-tokenizer ", parts_.split_name, size());
  }

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
    return *encode_within(SIZE_MAX, text, options);
  }

  std::optional<std::vector<TokenId>> encode_within(size_t most, std::string_view text, const EncodeOptions& options) const override {
    std::vector<TokenId> ids;
    ids.reserve(std::min(text.size() / 3, most) + 8);
    if (options.add_special) ids = parts_.prefix;
    ModelSink sink(*parts_.model, most, ids);
    if (is_valid_utf8(text)) encode_valid(text, options.parse_special, options.plain, sink);
    else encode_repaired(text, options, sink);
    if (options.add_special) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
    if (!sink.fits || ids.size() > most) return std::nullopt;
    return ids;
  }

  std::string decode(std::span<const TokenId> ids, bool with_control) const override {
    std::string out;
    const bool collapse = parts_.decoder.collapses_repeats();
    bool first = true;  // until a token prints, even one whose whole text the decoder strips at the beginning
    for (size_t i = 0; i < ids.size(); ++i) {
      if (collapse && i > 0 && ids[i] == ids[i - 1]) continue;
      out += print(ids[i], with_control, first);
      first = first && print(ids[i], with_control, false).empty();
    }
    return out;
  }

  std::string piece(TokenId id, bool with_control) const override { return print(id, with_control, false); }

  size_t size() const override { return parts_.vocabulary->size(); }
  TokenKind kind(TokenId id) const override {
    return parts_.vocabulary->has(id) ? parts_.vocabulary->kind(id) : TokenKind::kUnused;
  }
  std::string_view token_text(TokenId id) const override {
    return parts_.vocabulary->has(id) ? parts_.vocabulary->text(id) : std::string_view();
  }
  std::optional<TokenId> find(std::string_view text) const override { return parts_.vocabulary->find(text); }
  const Special& special() const override { return parts_.special; }
  std::string_view summary() const override { return summary_; }

 private:
  // Feeds the pieces of the pre-tokenizer to the model, as long as they fit.
  struct ModelSink final : PieceSink {
    ModelSink(const Model& to, size_t most_ids, std::vector<TokenId>& into) : model(to), most(most_ids), ids(into) {}
    void piece(std::string_view text) override { fits = fits && model.encode(text, most, ids); }
    bool wants_more() const override { return fits; }
    const Model& model;
    const size_t most;
    std::vector<TokenId>& ids;
    bool fits = true;
  };

  void encode_valid(std::string_view text, bool control, std::span<const TextRange> plain, ModelSink& sink) const {
    for (const TextPart& part : raw_added_.split(text, control, plain)) {
      if (!sink.fits) return;
      if (part.id >= 0) sink.ids.push_back(part.id);
      else encode_part(part.text, part.text.data() == text.data(), sink);
    }
  }

  void encode_part(std::string_view text, bool at_start, ModelSink& sink) const {
    if (parts_.normalizer.empty()) return parts_.pre_tokenizer.split(text, at_start, sink);
    const std::string normal = parts_.normalizer.run(text);
    for (const TextPart& part : normal_added_.split(normal, false, {})) {
      if (part.id >= 0) sink.ids.push_back(part.id);
      else parts_.pre_tokenizer.split(part.text, at_start && part.text.data() == normal.data(), sink);
    }
  }

  // Invalid UTF-8 becomes U+FFFD first, as every reference implementation sees it; the plain ranges move along.
  void encode_repaired(std::string_view text, const EncodeOptions& options, ModelSink& sink) const {
    std::string repaired;
    std::vector<TextRange> plain(options.plain.begin(), options.plain.end());
    size_t next_begin = 0, next_end = 0;
    for (size_t at = 0;;) {
      for (; next_begin < plain.size() && options.plain[next_begin].begin <= at; ++next_begin)
        plain[next_begin].begin = repaired.size();
      for (; next_end < plain.size() && options.plain[next_end].end <= at; ++next_end)
        plain[next_end].end = repaired.size();
      if (at == text.size()) break;
      const utf8::Decoded c = utf8::decode(text.substr(at));
      if (c.valid) repaired += text.substr(at, c.length);
      else utf8::append(utf8::kReplacement, repaired);
      at += c.length;
    }
    encode_valid(repaired, options.parse_special, plain, sink);
  }

  std::string print(TokenId id, bool with_control, bool first) const {
    const Vocabulary& vocabulary = *parts_.vocabulary;
    if (!vocabulary.has(id)) return {};
    switch (vocabulary.kind(id)) {
      case TokenKind::kControl:
      case TokenKind::kUnknown: return with_control ? std::string(vocabulary.text(id)) : std::string();
      case TokenKind::kByte:
        if (const auto byte = byte_of_token(vocabulary.text(id))) return std::string(1, static_cast<char>(*byte));
        return {};
      case TokenKind::kUserDefined:
        if (parts_.decoder.decodes_bytes())
          return std::string(vocabulary.text(id));  // added as text, not spelled in bytes
        [[fallthrough]];
      default: return parts_.decoder.piece(vocabulary.text(id), first);
    }
  }

  TokenizerParts parts_;
  AddedTokens raw_added_, normal_added_;  // looked for in the text as given, and in the normalized text
  std::string summary_;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_tokenizer(TokenizerParts parts) {
  return std::make_shared<Pipeline>(std::move(parts));
}

}  // namespace hearth::text

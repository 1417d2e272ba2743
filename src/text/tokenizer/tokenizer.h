#pragma once
// Text to token ids and back, for every vocabulary kind: byte-level BPE, SentencePiece BPE and unigram, WordPiece.
// A Tokenizer is immutable after loading and safe to use from several threads.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/metadata.h"
#include "base/result.h"

namespace hearth::text {

using TokenId = int32_t;

// A byte range [begin, end) of a text.
struct TextRange {
  size_t begin = 0, end = 0;
  bool operator==(const TextRange&) const = default;
};

// What a vocabulary entry is for. Control tokens (<|im_start|>) steer the model and print as nothing.
enum class TokenKind : uint8_t { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct EncodeOptions {
  bool add_special = true;     // BOS/EOS/CLS/SEP as the model's own configuration says
  bool parse_special = false;  // recognise the text of control tokens; false: user text never becomes a control token
  // With parse_special: ranges in which control tokens are not recognised (the parts of a rendered prompt that came
  // from users), ascending and disjoint. Everything else about tokenization ignores the borders of ranges.
  std::span<const TextRange> plain = {};
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const = 0;
  // Nothing if there would be more than `most` tokens. Of a longer text little more than the beginning is then encoded.
  virtual std::optional<std::vector<TokenId>> encode_within(size_t most, std::string_view text, const EncodeOptions& options = {}) const {
    auto ids = encode(text, options);
    return ids.size() <= most ? std::optional(std::move(ids)) : std::nullopt;
  }

  // The bytes of the tokens, as the model's decoder joins them. Control tokens print as nothing unless `with_control`.
  // Ids outside the vocabulary print as nothing.
  virtual std::string decode(std::span<const TokenId> ids, bool with_control = false) const = 0;

  // The bytes one token adds in the middle of a text (for streams, grammars, logit displays). "" for control tokens
  // unless `with_control`.
  virtual std::string piece(TokenId id, bool with_control = false) const = 0;

  virtual size_t size() const = 0;  // ids are [0, size)
  virtual TokenKind kind(TokenId id) const = 0;
  virtual std::string_view token_text(TokenId id) const = 0;  // as the vocabulary spells it ("Ġthe")
  virtual std::optional<TokenId> find(std::string_view token_text) const = 0;

  struct Special {
    std::optional<TokenId> bos, eos, pad, unk;
    bool adds_bos = false, adds_eos = false;
    std::vector<TokenId>
        end_of_generation;  // every token after which a generation ends (eos, <|im_end|>, <|eot_id|>, ...)
  };
  virtual const Special& special() const = 0;
  virtual std::string_view summary() const = 0;  // "byte-level BPE, pre-tokenizer llama-bpe, 128256 tokens"
};

// From the tokenizer.* keys of a GGUF file. Errors: kUnsupported names an unknown model or pre-tokenizer, kBadFile the
// key.
Result<std::shared_ptr<const Tokenizer>> load_gguf_tokenizer(const Metadata& meta);

// From the files of a Hugging Face folder: tokenizer.json, else tokenizer.model, else vocab.json + merges.txt, else
// tiktoken / tekken ranks; tokenizer_config.json, special_tokens_map.json, added_tokens.json and generation_config.json
// complete it.
Result<std::shared_ptr<const Tokenizer>> load_tokenizer_folder(const std::string& folder);

// Turns a stream of tokens into text without ever splitting a character: bytes of an incomplete character wait for the
// rest. Joining all pieces and finish() equals Tokenizer::decode of the whole, with invalid bytes as U+FFFD. With
// `continues`, the tokens go on from a text before them: the space that some vocabularies put in front of a text is
// then a space of theirs.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool with_control = false, bool continues = false);
  std::string next(TokenId id);  // the text that became complete, possibly empty
  std::string finish();          // what waits; invalid bytes as U+FFFD

 private:
  const Tokenizer& tokenizer_;
  bool with_control_;
  bool at_start_;
  std::string waiting_;
};

}  // namespace hearth::text

// tokenizer.model: SentencePiece's ModelProto, read field by field with bounds (sentencepiece_model.proto).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <unordered_set>

#include "base/utf8.h"
#include "text/tokenizer/load/files.h"
#include "text/tokenizer/models/bpe.h"
#include "text/tokenizer/models/unigram.h"

namespace hearth::text {

namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // ▁

// One protocol buffer message: its fields in file order.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  struct Field {
    uint64_t number = 0;
    uint64_t value = 0;      // varint, or the bits of a fixed field
    std::string_view bytes;  // of a length-delimited field
  };
  // The next field, nothing at the end. Errors: kBadFile for a truncated or unknown wire type.
  Result<std::optional<Field>> next() {
    if (rest_.empty()) return std::nullopt;
    HEARTH_TRY(tag, varint());
    Field field;
    field.number = tag >> 3;
    switch (tag & 7) {
      case 0: {
        HEARTH_TRY(value, varint());
        field.value = value;
        return field;
      }
      case 1: return fixed(field, 8);
      case 2: {
        HEARTH_TRY(length, varint());
        if (length > rest_.size()) return truncated();
        field.bytes = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return field;
      }
      case 5: return fixed(field, 4);
      default:
        return fail(ErrorCode::kBadFile, "the SentencePiece model has a field of the unknown wire type {}", tag & 7);
    }
  }

 private:
  static Failure truncated() { return fail(ErrorCode::kBadFile, "the SentencePiece model ends inside a field"); }
  Result<uint64_t> varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    return truncated();
  }
  Result<std::optional<Field>> fixed(Field field, size_t size) {
    if (rest_.size() < size) return truncated();
    std::memcpy(&field.value, rest_.data(), size);
    rest_.remove_prefix(size);
    return field;
  }
  std::string_view rest_;
};

float float_of(uint64_t bits) {
  const auto low = static_cast<uint32_t>(bits);
  float value;
  std::memcpy(&value, &low, sizeof value);
  return value;
}

struct Spec {
  int64_t model_type = 1;  // 1 unigram, 2 BPE, 3 word, 4 character
  bool space_is_suffix = false, byte_fallback = false;
  int64_t unk = 0, bos = 1, eos = 2, pad = -1;
  std::string_view charsmap;
  bool add_dummy_prefix = true, remove_extra_spaces = true, escape_spaces = true;
  VocabularyBuilder rows;
  int64_t pieces = 0;
};

Result<void> read_piece(std::string_view bytes, Spec& out) {
  Message message(bytes);
  std::string_view text;
  float score = 0;
  uint64_t type = 1;
  while (true) {
    HEARTH_TRY(field, message.next());
    if (!field) break;
    if (field->number == 1) text = field->bytes;
    if (field->number == 2) score = float_of(field->value);
    if (field->number == 3) type = field->value;
  }
  static constexpr TokenKind kKinds[] = {TokenKind::kNormal,      TokenKind::kUnknown, TokenKind::kControl,
                                         TokenKind::kUserDefined, TokenKind::kUnused,  TokenKind::kByte};
  if (type < 1 || type > std::size(kKinds))
    return fail(ErrorCode::kBadFile, "piece {} has the type {}; types are 1 to 6", out.pieces, type);
  if (!std::isfinite(score))
    return fail(ErrorCode::kBadFile, "the score of piece {} is not a finite number", out.pieces);
  return out.rows.set(out.pieces++, text, kKinds[type - 1], score, "tokenizer.model");
}

Result<void> read_trainer(std::string_view bytes, Spec& out) {
  Message message(bytes);
  while (true) {
    HEARTH_TRY(field, message.next());
    if (!field) return {};
    const auto value = static_cast<int64_t>(field->value);
    switch (field->number) {
      case 3: out.model_type = value; break;
      case 24: out.space_is_suffix = value != 0; break;
      case 35: out.byte_fallback = value != 0; break;
      case 40: out.unk = static_cast<int32_t>(value); break;
      case 41: out.bos = static_cast<int32_t>(value); break;
      case 42: out.eos = static_cast<int32_t>(value); break;
      case 43: out.pad = static_cast<int32_t>(value); break;
      default: break;
    }
  }
}

Result<void> read_normalizer_spec(std::string_view bytes, Spec& out) {
  Message message(bytes);
  while (true) {
    HEARTH_TRY(field, message.next());
    if (!field) return {};
    if (field->number == 2) out.charsmap = field->bytes;
    if (field->number == 3) out.add_dummy_prefix = field->value != 0;
    if (field->number == 4) out.remove_extra_spaces = field->value != 0;
    if (field->number == 5) out.escape_spaces = field->value != 0;
  }
}

Result<Spec> read_spec(std::string_view bytes) {
  Spec out;
  Message message(bytes);
  while (true) {
    HEARTH_TRY(field, message.next());
    if (!field) break;
    if (field->number == 1) HEARTH_TRY_VOID(read_piece(field->bytes, out));
    if (field->number == 2) HEARTH_TRY_VOID(read_trainer(field->bytes, out));
    if (field->number == 3) HEARTH_TRY_VOID(read_normalizer_spec(field->bytes, out));
  }
  if (out.pieces == 0) return fail(ErrorCode::kBadFile, "the SentencePiece model has no pieces");
  return out;
}

Result<std::unique_ptr<Model>> make_model(const Spec& spec, const Vocabulary& vocabulary,
                                          std::optional<TokenId> unknown) {
  if (spec.model_type == 2)
    return make_bpe(vocabulary,
                    {.byte_fallback = spec.byte_fallback,
                     .fuse_unknown = true,
                     .words_start_at_space = true,
                     .keep_user_defined = true,
                     .unknown = unknown},
                    MergeOrder::kByScore);
  if (spec.model_type != 1)
    return fail(ErrorCode::kUnsupported,
                "the SentencePiece model has the type {}; this build reads 1 (unigram) and 2 (BPE)", spec.model_type);
  UnigramOptions options{
      .unknown = unknown.value_or(0), .byte_fallback = spec.byte_fallback, .favour_user_defined = true};
  for (TokenId id = 0; vocabulary.has(id); ++id) options.scores.push_back(vocabulary.score(id));
  return make_unigram(vocabulary, std::move(options), false);
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> load_sentencepiece(std::string_view bytes, const FolderConfig& config) {
  HEARTH_TRY(spec, read_spec(bytes));
  TokenizerParts parts;
  parts.added = config.added;
  HEARTH_TRY_VOID(place_added_tokens(parts.added, config, spec.rows));
  HEARTH_TRY(built, spec.rows.build());
  parts.vocabulary = std::make_unique<const Vocabulary>(std::move(built));
  const Vocabulary& vocabulary = *parts.vocabulary;
  const auto known = [&](int64_t id) {
    return id >= 0 && id < spec.pieces ? std::optional(static_cast<TokenId>(id)) : std::nullopt;
  };
  parts.special.bos = known(spec.bos);
  parts.special.eos = known(spec.eos);
  parts.special.pad = known(spec.pad);
  parts.special.unk = known(spec.unk);

  HEARTH_TRY(map, PrecompiledMap::parse(spec.charsmap));
  SentencePieceNormalizer normalizer{.map = map,
                                     .add_dummy_prefix = spec.add_dummy_prefix,
                                     .remove_extra_spaces = spec.remove_extra_spaces,
                                     .escape_spaces = spec.escape_spaces,
                                     .space_is_suffix = spec.space_is_suffix};
  std::unordered_set<std::string> listed;
  for (const AddedToken& token : parts.added) listed.insert(token.text);
  std::vector<std::pair<std::string_view, int32_t>> user_defined;
  for (TokenId id = 0; vocabulary.has(id); ++id) {
    const std::string_view text = vocabulary.text(id);
    if (vocabulary.kind(id) == TokenKind::kUserDefined && !text.empty() && utf8::is_valid(text) && vocabulary.find(text) == id)
      user_defined.emplace_back(text, id);
    if (vocabulary.kind(id) == TokenKind::kControl && !listed.contains(std::string(text)))
      parts.added.push_back({.id = id, .text = std::string(text), .control = true});
  }
  normalizer.user_defined = ByteTrie(std::move(user_defined));
  parts.normalizer.add(std::move(normalizer));

  parts.decoder.add(DecodeReplaceText{std::string(kSpaceMark), " "});
  if (spec.add_dummy_prefix && !spec.space_is_suffix) parts.decoder.add(DecodeStripText{" ", 1});
  HEARTH_TRY(model, make_model(spec, vocabulary, parts.special.unk));
  parts.model = std::move(model);
  // Llama-like vocabularies (BPE) begin texts, T5-like ones (unigram) end them, unless the configuration says
  // otherwise.
  parts.special.adds_bos = spec.model_type == 2;
  parts.special.adds_eos = spec.model_type == 1;
  set_bos_eos(parts);
  return finish_tokenizer(std::move(parts), config);
}

}  // namespace hearth::text

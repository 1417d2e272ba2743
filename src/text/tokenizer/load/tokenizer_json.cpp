// tokenizer.json, and the older pair vocab.json + merges.txt.
#include <algorithm>

#include "text/tokenizer/load/files.h"
#include "text/tokenizer/load/json_parts.h"
#include "text/tokenizer/models/bpe.h"

namespace hearth::text {

namespace {

const Json kNull;

const Json& section(const Json& file, std::string_view key) {
  const Json* found = file.find(key);
  return found == nullptr ? kNull : *found;
}

// The vocabulary of the model plus the added tokens, which get their final ids here.
Result<std::unique_ptr<const Vocabulary>> complete_vocabulary(VocabularyBuilder rows, std::vector<AddedToken>& added,
                                                              const FolderConfig& config, const Json& model) {
  HEARTH_TRY_VOID(place_added_tokens(added, config, rows));
  HEARTH_TRY(built, rows.build());
  auto out = std::make_unique<Vocabulary>(std::move(built));
  if (const auto unknown = out->find(model.text_or("unk_token", ""));
      unknown && out->kind(*unknown) != TokenKind::kUserDefined)
    out->set_kind(*unknown, TokenKind::kUnknown);
  if (model.boolean_or("byte_fallback", false))
    for (int b = 0; b < 256; ++b)
      if (const TokenId id = out->byte_token(static_cast<uint8_t>(b)); id >= 0) out->set_kind(id, TokenKind::kByte);
  return out;
}

Result<MergeList> read_merges_txt(std::string_view text) {
  MergeList out;
  for (size_t line = 1; !text.empty(); ++line) {
    std::string_view row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), row.size() + 1));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty() || (line == 1 && row.starts_with("#version"))) continue;
    const size_t space = row.find(' ');
    if (space == 0 || space == row.npos || space + 1 == row.size())
      return fail(ErrorCode::kBadFile, "merges.txt:{}: '{}' is no pair of tokens", line, row);
    out.emplace_back(row.substr(0, space), row.substr(space + 1));
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> load_tokenizer_json(std::string_view text, const FolderConfig& config) {
  HEARTH_TRY(file, Json::parse(text));
  const Json& model = section(file, "model");
  if (!model.is_object()) return fail(ErrorCode::kBadFile, "'model' is {}; it must be an object", model.type_name());
  TokenizerParts parts;
  JsonFacts facts;
  VocabularyBuilder rows;
  HEARTH_TRY_VOID(read_model_vocabulary(model, rows));
  if (file.has("added_tokens")) {
    HEARTH_TRY(added, read_added_tokens(section(file, "added_tokens")));
    parts.added = std::move(added);
  }
  HEARTH_TRY(vocabulary, complete_vocabulary(std::move(rows), parts.added, config, model));
  parts.vocabulary = std::move(vocabulary);
  HEARTH_TRY_VOID(read_normalizer(section(file, "normalizer"), parts.normalizer));
  HEARTH_TRY_VOID(read_pre_tokenizer(section(file, "pre_tokenizer"), parts.pre_tokenizer, facts));
  HEARTH_TRY_VOID(read_decoder(section(file, "decoder"), parts.decoder));
  HEARTH_TRY_VOID(read_post_processor(section(file, "post_processor"), *parts.vocabulary, parts.prefix, parts.suffix));
  if (facts.byte_level && model.text_or("type", "BPE") != "BPE") parts.pre_tokenizer.add(SpellInBytes{});  // BPE alone takes bytes
  HEARTH_TRY(made, read_model(model, *parts.vocabulary, facts));
  parts.model = std::move(made);
  parts.split_name = facts.split_name;
  return finish_tokenizer(std::move(parts), config);
}

Result<std::shared_ptr<const Tokenizer>> load_vocab_merges(std::string_view vocab_json, std::string_view merges_txt,
                                                           const FolderConfig& config) {
  // The pair does not say how words are cut; the class of the tokenizer does.
  const bool is_qwen = config.tokenizer_class.starts_with("Qwen");
  static constexpr std::string_view kLikeGpt2[] = {"", "GPT2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer"};
  if (!is_qwen && std::ranges::find(kLikeGpt2, config.tokenizer_class) == std::end(kLikeGpt2))
    return fail(ErrorCode::kUnsupported,
                "vocab.json and merges.txt of a {} cannot be read; the folder needs a tokenizer.json",
                config.tokenizer_class);
  HEARTH_TRY(vocab, Json::parse(vocab_json));
  VocabularyBuilder rows;
  HEARTH_TRY_VOID(read_model_vocabulary(Json::object({{"vocab", std::move(vocab)}}), rows));
  TokenizerParts parts;
  parts.added = config.added;
  HEARTH_TRY(vocabulary, complete_vocabulary(std::move(rows), parts.added, config, kNull));
  parts.vocabulary = std::move(vocabulary);
  if (is_qwen) parts.normalizer.add(NormalForm::kNfc);
  HEARTH_TRY(words, split_by(is_qwen ? pattern::kQwen2 : pattern::kGpt2));
  parts.pre_tokenizer.add(std::move(words));
  parts.split_name = is_qwen ? "qwen2" : "gpt-2";
  parts.decoder.add(DecodeBytes{});
  HEARTH_TRY(merges, read_merges_txt(merges_txt));
  HEARTH_TRY(model, make_bpe(*parts.vocabulary, {.byte_level = true}, merges, "merges.txt"));
  parts.model = std::move(model);
  return finish_tokenizer(std::move(parts), config);
}

}  // namespace hearth::text

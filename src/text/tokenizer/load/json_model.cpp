// The model and post_processor sections of a tokenizer.json.
#include <cmath>

#include "text/tokenizer/load/json_parts.h"
#include "text/tokenizer/models/bpe.h"
#include "text/tokenizer/models/unigram.h"
#include "text/tokenizer/models/word_models.h"

namespace hearth::text {

namespace {

// Old files do not say; the members tell.
std::string model_type(const Json& model) {
  const Json* vocab = model.find("vocab");
  if (model.has("type")) return model.text_or("type", "");
  if (model.has("merges")) return "BPE";
  if (vocab != nullptr && vocab->is_array()) return "Unigram";
  return model.has("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

Result<MergeList> read_merges(const Json& model) {
  const Json* list = model.find("merges");
  if (list == nullptr || !list->is_array()) return fail(ErrorCode::kBadFile, "model.merges is missing or no array");
  MergeList out;
  out.reserve(list->as_array().size());
  for (const Json& merge : list->as_array()) {
    if (merge.is_string()) {
      const std::string_view text = merge.as_string();
      const size_t space = text.find(' ');
      if (space == 0 || space == text.npos || space + 1 == text.size() || text.find(' ', space + 1) != text.npos)
        return fail(ErrorCode::kBadFile, "model.merges: merge {} is '{}', not two tokens with a space between",
                    out.size(), text);
      out.emplace_back(text.substr(0, space), text.substr(space + 1));
    } else if (merge.is_array() && merge.as_array().size() == 2 && merge.as_array()[0].is_string() &&
               merge.as_array()[1].is_string()) {
      out.emplace_back(merge.as_array()[0].as_string(), merge.as_array()[1].as_string());
    } else {
      return fail(ErrorCode::kBadFile, "model.merges: merge {} is no pair of tokens", out.size());
    }
  }
  return out;
}

Result<std::optional<TokenId>> unknown_token(const Json& model, const Vocabulary& vocabulary) {
  const std::string text = model.text_or("unk_token", "");
  if (text.empty()) return std::nullopt;
  const auto id = vocabulary.find(text);
  if (!id) return fail(ErrorCode::kBadFile, "model.unk_token '{}' is not in the vocabulary", text);
  return id;
}

Result<std::unique_ptr<Model>> read_bpe(const Json& model, const Vocabulary& vocabulary, const JsonFacts& facts) {
  HEARTH_TRY(merges, read_merges(model));
  HEARTH_TRY(unknown, unknown_token(model, vocabulary));
  BpeOptions options{.byte_level = facts.byte_level,
                     .ignore_merges = model.boolean_or("ignore_merges", false),
                     .byte_fallback = model.boolean_or("byte_fallback", false),
                     .fuse_unknown = model.boolean_or("fuse_unk", false),
                     .drops_unknown = !unknown && !model.boolean_or("byte_fallback", false),
                     .words_start_at_space = !facts.byte_level,
                     .word_end = model.text_or("end_of_word_suffix", ""),
                     .word_inside = model.text_or("continuing_subword_prefix", ""),
                     .unknown = unknown};
  return make_bpe(vocabulary, std::move(options), merges, "model.merges");
}

Result<std::unique_ptr<Model>> read_unigram(const Json& model, const Vocabulary& vocabulary) {
  UnigramOptions options{.byte_fallback = model.boolean_or("byte_fallback", false)};
  options.scores.resize(vocabulary.size());
  size_t id = 0;
  for (const Json& row : model.find("vocab")->as_array()) options.scores[id++] = row.as_array()[1].as_number();
  const int64_t unknown = model.integer_or("unk_id", -1);
  if (unknown < 0 || static_cast<size_t>(unknown) >= id)
    return fail(ErrorCode::kBadFile, "model.unk_id is {}; the vocabulary has {} pieces", unknown, id);
  options.unknown = static_cast<TokenId>(unknown);
  return make_unigram(vocabulary, std::move(options), true);
}

// Appends the ids of one special token of a template.
Result<void> append_special(const Json& template_section, const std::string& name, const Vocabulary& vocabulary,
                            std::vector<TokenId>& ids) {
  const Json* specials = template_section.find("special_tokens");
  const Json* special = specials == nullptr ? nullptr : specials->find(name);
  const Json* list = special == nullptr ? nullptr : special->find("ids");
  if (list == nullptr || !list->is_array())
    return fail(ErrorCode::kBadFile, "post_processor: the template names '{}' but gives no ids for it", name);
  for (const Json& id : list->as_array()) {
    if (!id.is_integer() || id.as_integer() < 0 || id.as_integer() >= static_cast<int64_t>(vocabulary.size()))
      return fail(ErrorCode::kBadFile, "post_processor: an id of '{}' lies outside of the vocabulary of {} tokens",
                  name, vocabulary.size());
    ids.push_back(static_cast<TokenId>(id.as_integer()));
  }
  return {};
}

Result<void> read_template(const Json& section, const Vocabulary& vocabulary, std::vector<TokenId>& prefix,
                           std::vector<TokenId>& suffix) {
  const Json* single = section.find("single");
  if (single == nullptr || !single->is_array())
    return fail(ErrorCode::kBadFile, "post_processor.single is missing or no array");
  std::vector<TokenId> front, back;
  bool behind_text = false;
  for (const Json& item : single->as_array()) {
    if (item.has("Sequence")) {
      behind_text = true;
    } else if (const Json* special = item.find("SpecialToken")) {
      HEARTH_TRY(name, special->text("id"));
      HEARTH_TRY_VOID(append_special(section, name, vocabulary, behind_text ? back : front));
    } else {
      return fail(ErrorCode::kBadFile, "post_processor.single: an item is neither Sequence nor SpecialToken");
    }
  }
  prefix.insert(prefix.begin(), front.begin(), front.end());
  suffix.insert(suffix.end(), back.begin(), back.end());
  return {};
}

// BertProcessing and RobertaProcessing: "cls" text "sep", each as [text, id].
Result<void> read_cls_sep(const Json& section, const Vocabulary& vocabulary, std::vector<TokenId>& prefix,
                          std::vector<TokenId>& suffix) {
  const auto id_of = [&](std::string_view key) -> Result<TokenId> {
    const Json* pair = section.find(key);
    if (pair != nullptr && pair->is_array() && pair->as_array().size() == 2 && pair->as_array()[1].is_integer()) {
      const int64_t id = pair->as_array()[1].as_integer();
      if (id >= 0 && id < static_cast<int64_t>(vocabulary.size())) return static_cast<TokenId>(id);
    }
    return fail(ErrorCode::kBadFile, "post_processor.{} must be [text, id] with an id of the vocabulary", key);
  };
  HEARTH_TRY(cls, id_of("cls"));
  HEARTH_TRY(sep, id_of("sep"));
  prefix.insert(prefix.begin(), cls);
  suffix.push_back(sep);
  return {};
}

Result<void> set_row(VocabularyBuilder& rows, const Json& id, const std::string& text) {
  if (!id.is_integer()) return fail(ErrorCode::kBadFile, "model.vocab: the id of '{}' is {}", text, id.type_name());
  return rows.set(id.as_integer(), text, TokenKind::kNormal, 0, "model.vocab");
}

}  // namespace

Result<void> read_model_vocabulary(const Json& model, VocabularyBuilder& rows) {
  const Json* vocab = model.find("vocab");
  if (vocab != nullptr && vocab->is_object()) {
    for (const auto& [text, id] : vocab->as_object()) HEARTH_TRY_VOID(set_row(rows, id, text));
    return {};
  }
  if (vocab == nullptr || !vocab->is_array())
    return fail(ErrorCode::kBadFile, "model.vocab is missing, or neither an object nor an array");
  int64_t id = 0;
  for (const Json& row : vocab->as_array()) {
    const bool is_pair =
        row.is_array() && row.as_array().size() == 2 && row.as_array()[0].is_string() && row.as_array()[1].is_number();
    if (!is_pair || !std::isfinite(row.as_array()[1].as_number()))
      return fail(ErrorCode::kBadFile, "model.vocab: row {} is no [text, score]", id);
    HEARTH_TRY_VOID(rows.set(id++, row.as_array()[0].as_string(), TokenKind::kNormal, 0, "model.vocab"));
  }
  return {};
}

Result<std::unique_ptr<Model>> read_model(const Json& model, const Vocabulary& vocabulary, const JsonFacts& facts) {
  const std::string type = model_type(model);
  if (type == "BPE") return read_bpe(model, vocabulary, facts);
  if (type == "Unigram") {
    if (!model.find("vocab")->is_array())
      return fail(ErrorCode::kBadFile, "model.vocab of a Unigram model must be an array");
    return read_unigram(model, vocabulary);
  }
  HEARTH_TRY(unknown, unknown_token(model, vocabulary));
  if (type == "WordLevel") return make_word_level(vocabulary, unknown);
  if (type != "WordPiece") return fail(ErrorCode::kUnsupported, "this build does not know the model type '{}'", type);
  if (!unknown) return fail(ErrorCode::kBadFile, "model.unk_token is missing; WordPiece needs it");
  const int64_t most = model.integer_or("max_input_chars_per_word", 100);
  return make_word_piece(vocabulary, {.word_inside = model.text_or("continuing_subword_prefix", "##"),
                                      .max_characters = static_cast<size_t>(std::max<int64_t>(most, 0)),
                                      .unknown = *unknown});
}

Result<void> read_post_processor(const Json& section, const Vocabulary& vocabulary, std::vector<TokenId>& prefix,
                                 std::vector<TokenId>& suffix) {
  if (section.is_null()) return {};
  HEARTH_TRY(type, section.text("type"));
  if (type == "ByteLevel") return {};  // moves offsets only
  if (type == "TemplateProcessing") return read_template(section, vocabulary, prefix, suffix);
  if (type == "BertProcessing" || type == "RobertaProcessing") return read_cls_sep(section, vocabulary, prefix, suffix);
  if (type != "Sequence")
    return fail(ErrorCode::kUnsupported, "this build does not know the post_processor '{}'", type);
  const Json* steps = section.find("processors");
  if (steps == nullptr || !steps->is_array())
    return fail(ErrorCode::kBadFile, "post_processor: a Sequence lacks its list 'processors'");
  for (const Json& step : steps->as_array()) HEARTH_TRY_VOID(read_post_processor(step, vocabulary, prefix, suffix));
  return {};
}

}  // namespace hearth::text

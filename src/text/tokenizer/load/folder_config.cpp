#include "text/tokenizer/load/folder_config.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "base/file.h"
#include "base/log.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

Result<Json> read_json(const std::string& path) {
  if (!file_exists(path)) return Json();
  HEARTH_TRY(text, read_text_file(path));
  auto json = Json::parse(text);
  if (!json) return at(path, json.error());
  return json;
}

// A token is its text, or an object with "content".
std::optional<std::string> token_text(const Json& token) {
  if (token.is_string()) return token.as_string();
  if (const Json* content = token.find("content"); content != nullptr && content->is_string())
    return content->as_string();
  return {};
}

void take_text(const Json& file, std::string_view key, std::optional<std::string>& out) {
  if (const Json* token = file.find(key))
    if (auto text = token_text(*token)) out = std::move(text);
}

void take_bool(const Json& file, std::string_view key, std::optional<bool>& out) {
  if (const Json* flag = file.find(key); flag != nullptr && flag->is_bool()) out = flag->as_bool();
}

Result<AddedToken> added_token(const Json& row, int64_t id) {
  HEARTH_TRY(text, row.text("content"));
  if (id < 0 || id >= static_cast<int64_t>(Vocabulary::kMaxTokens))
    return fail(ErrorCode::kBadFile, "the added token '{}' has the id {}; ids are 0 to {}", text, id,
                Vocabulary::kMaxTokens - 1);
  const bool special = row.boolean_or("special", false);
  return AddedToken{.id = static_cast<TokenId>(id),
                    .text = std::move(text),
                    .control = special,
                    .strips_left = row.boolean_or("lstrip", false),
                    .strips_right = row.boolean_or("rstrip", false),
                    .single_word = row.boolean_or("single_word", false),
                    .normalized = row.boolean_or("normalized", !special)};
}

// tokenizer_config.json: {"added_tokens_decoder": {"128000": {"content": ..., "special": true}}}
Result<void> take_added_decoder(const Json& file, std::vector<AddedToken>& out) {
  const Json* rows = file.find("added_tokens_decoder");
  if (rows == nullptr || !rows->is_object()) return {};
  for (const auto& [key, row] : rows->as_object()) {
    int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size())
      return fail(ErrorCode::kBadFile, "added_tokens_decoder: '{}' is no id", key);
    HEARTH_TRY(token, added_token(row, id));
    out.push_back(std::move(token));
  }
  return {};
}

// added_tokens.json: {"<|im_start|>": 151644}. It knows no flags: everything in it steers the model.
Result<void> take_added_map(const Json& file, std::vector<AddedToken>& out) {
  if (!file.is_object()) return {};
  std::unordered_set<std::string> known;
  for (const AddedToken& token : out) known.insert(token.text);
  for (const auto& [text, id] : file.as_object()) {
    if (!id.is_integer())
      return fail(ErrorCode::kBadFile, "added_tokens.json: the id of '{}' is {}", text, id.type_name());
    if (known.contains(text)) continue;
    Json row = Json::object({{"content", Json(text)}, {"special", Json(true)}});
    HEARTH_TRY(token, added_token(row, id.as_integer()));
    out.push_back(std::move(token));
  }
  return {};
}

void take_end_ids(const Json& file, std::vector<int64_t>& out) {
  const Json* ids = file.find("eos_token_id");
  if (ids == nullptr) return;
  if (ids->is_integer()) out.push_back(ids->as_integer());
  if (!ids->is_array()) return;
  for (const Json& id : ids->as_array())
    if (id.is_integer()) out.push_back(id.as_integer());
}

// A list of tokens, or an object that gives each a name: {"image_token": "<image>"}.
void take_additional(const Json& file, std::string_view key, std::vector<std::string>& out) {
  const auto take = [&](const Json& token) {
    if (auto text = token_text(token)) out.push_back(std::move(*text));
  };
  const Json* tokens = file.find(key);
  if (tokens != nullptr && tokens->is_array()) std::ranges::for_each(tokens->as_array(), take);
  if (tokens != nullptr && tokens->is_object()) std::ranges::for_each(tokens->as_object(), take, &Json::Member::second);
}

void take_special_texts(const Json& file, FolderConfig& out) {
  take_text(file, "bos_token", out.bos);
  take_text(file, "eos_token", out.eos);
  take_text(file, "pad_token", out.pad);
  take_text(file, "unk_token", out.unk);
  take_text(file, "cls_token", out.cls);
  take_text(file, "sep_token", out.sep);
  take_additional(file, "additional_special_tokens", out.additional);
  take_additional(file, "extra_special_tokens", out.additional);
}

// A token of one character is left out: some files name "!" for padding.
void collect_special(FolderConfig& out) {
  for (const AddedToken& token : out.added)
    if (token.control) out.special.insert(token.text);
  const auto name = [&](const std::string& text) {
    if (!text.empty() && text.size() > char_length(text.front())) out.special.insert(text);
  };
  for (const auto* named : {&out.bos, &out.eos, &out.pad, &out.unk, &out.cls, &out.sep})
    if (*named) name(**named);
  std::ranges::for_each(out.additional, name);
}

// transformers would give such a token an id behind the vocabulary, where the model has no row for it.
void tell_of_absent(const FolderConfig& config, const Vocabulary& known, const std::unordered_set<std::string>& held) {
  std::set<std::string> absent;
  for (const std::string& text : config.additional)
    if (!known.find(text) && !held.contains(text)) absent.insert(text);
  if (absent.empty()) return;
  log::warn("special tokens that the vocabulary lacks are read as any other text: '{}'{}", *absent.begin(),
            absent.size() == 1 ? "" : fmt::format(" and {} more", absent.size() - 1));
}

// Tells the BOS at the front apart from other tokens of a template.
void set_front(std::vector<TokenId>& prefix, std::optional<TokenId> bos, bool wanted) {
  if (!bos) return;
  const bool there = !prefix.empty() && prefix.front() == *bos;
  if (wanted && !there) prefix.insert(prefix.begin(), *bos);
  if (!wanted && there) prefix.erase(prefix.begin());
}

void set_back(std::vector<TokenId>& suffix, std::optional<TokenId> eos, bool wanted) {
  if (!eos) return;
  const bool there = !suffix.empty() && suffix.back() == *eos;
  if (wanted && !there) suffix.push_back(*eos);
  if (!wanted && there) suffix.pop_back();
}

}  // namespace

Result<FolderConfig> read_folder_config(const std::string& folder) {
  FolderConfig out;
  HEARTH_TRY(map, read_json(folder + "/special_tokens_map.json"));
  take_special_texts(map, out);
  HEARTH_TRY(config, read_json(folder + "/tokenizer_config.json"));
  take_special_texts(config, out);
  take_bool(config, "add_bos_token", out.adds_bos);
  take_bool(config, "add_eos_token", out.adds_eos);
  out.tokenizer_class = config.text_or("tokenizer_class", "");
  if (out.tokenizer_class.ends_with("Fast")) out.tokenizer_class.resize(out.tokenizer_class.size() - 4);
  if (auto taken = take_added_decoder(config, out.added); !taken)
    return at(folder + "/tokenizer_config.json", taken.error());
  collect_special(out);
  HEARTH_TRY(added, read_json(folder + "/added_tokens.json"));
  HEARTH_TRY_VOID(take_added_map(added, out.added));
  HEARTH_TRY(generation, read_json(folder + "/generation_config.json"));
  take_end_ids(generation, out.end_ids);
  HEARTH_TRY(model, read_json(folder + "/config.json"));
  if (out.end_ids.empty()) take_end_ids(model, out.end_ids);
  if (const Json* id = model.find("bos_token_id"); id != nullptr && id->is_integer()) out.bos_id = id->as_integer();
  return out;
}

Result<std::vector<AddedToken>> read_added_tokens(const Json& list) {
  std::vector<AddedToken> out;
  if (!list.is_array()) return fail(ErrorCode::kBadFile, "added_tokens is {}; it must be an array", list.type_name());
  for (const Json& row : list.as_array()) {
    HEARTH_TRY(id, row.integer("id"));
    HEARTH_TRY(token, added_token(row, id));
    out.push_back(std::move(token));
  }
  return out;
}

Result<void> place_added_tokens(std::vector<AddedToken>& added, const FolderConfig& config, VocabularyBuilder& rows) {
  HEARTH_TRY(known, rows.build());
  std::unordered_set<std::string> held;
  std::unordered_set<TokenId> taken;
  for (const AddedToken& token : added) held.insert(token.text), taken.insert(token.id);
  for (const AddedToken& token : config.added) {
    if (!held.insert(token.text).second) continue;
    if (known.find(token.text) || (!rows.has(token.id) && taken.insert(token.id).second)) added.push_back(token);
    else log::warn("the added token '{}' claims the id {} of another token: it is left out", token.text, token.id);
  }
  for (TokenId id = 0; known.has(id); ++id) {
    const std::string_view text = known.text(id);
    const bool is_added = known.kind(id) == TokenKind::kUserDefined && is_end_marker(text);
    if ((is_added || config.special.contains(text)) && held.emplace(text).second)
      added.push_back({.id = id, .text = std::string(text)});
  }
  tell_of_absent(config, known, held);
  for (AddedToken& token : added) {
    token.control = token.control || config.steers(token.text);
    const auto id = known.find(token.text);
    if (id) token.id = *id;
    HEARTH_TRY_VOID(rows.set(token.id, token.text, token.control ? TokenKind::kControl : TokenKind::kUserDefined,
                             id ? known.score(*id) : 0, "added tokens"));
  }
  return {};
}

Result<std::shared_ptr<const Tokenizer>> finish_tokenizer(TokenizerParts parts, const FolderConfig& config) {
  const Vocabulary& vocabulary = *parts.vocabulary;
  Tokenizer::Special& special = parts.special;
  const auto take = [&](const std::optional<std::string>& text, std::optional<TokenId>& id) {
    if (text)
      if (const auto found = vocabulary.find(*text)) id = found;
  };
  take(config.cls, special.bos);
  take(config.sep, special.eos);
  take(config.bos, special.bos);
  take(config.eos, special.eos);
  take(config.pad, special.pad);
  take(config.unk, special.unk);
  for (const int64_t id : config.end_ids) {
    if (id < 0 || static_cast<size_t>(id) >= vocabulary.size())
      continue;  // config.json may speak of another vocabulary's padding
    special.end_of_generation.push_back(static_cast<TokenId>(id));
    if (!special.eos) special.eos = static_cast<TokenId>(id);
  }
  if (!special.bos && config.bos_id && *config.bos_id >= 0 && static_cast<size_t>(*config.bos_id) < vocabulary.size())
    special.bos = static_cast<TokenId>(*config.bos_id);
  if (config.adds_bos) set_front(parts.prefix, special.bos, *config.adds_bos);
  if (config.adds_eos) set_back(parts.suffix, special.eos, *config.adds_eos);
  special.adds_bos = special.bos && !parts.prefix.empty() && parts.prefix.front() == *special.bos;
  special.adds_eos = special.eos && !parts.suffix.empty() && parts.suffix.back() == *special.eos;
  complete_end_of_generation(vocabulary, special);
  return make_tokenizer(std::move(parts));
}

}  // namespace hearth::text

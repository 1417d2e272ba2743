#include "checkpoint/huggingface/metadata.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "checkpoint/conventions.h"
#include "checkpoint/extents.h"
#include "checkpoint/huggingface/config.h"

namespace hearth::checkpoint {

namespace {

constexpr std::string_view kGemma3Defaults = R"({
  "vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
  "max_position_embeddings": 131072, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 256, "sliding_window": 4096,
  "sliding_window_pattern": 6, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
  "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true})";

struct Family {
  std::string_view class_name;
  std::string_view model_type;
  std::string_view arch;
  bool rope_interleaved;
  double norm_offset;
  std::string_view defaults;
};
constexpr Family kFamilies[] = {
#define HEARTH_FAMILY(...) {__VA_ARGS__},
#include "checkpoint/huggingface/families.def"
#undef HEARTH_FAMILY
};

enum class Kind : uint8_t { kInteger, kNumber, kNumberOrNone, kBoolean, kText };  // none: null, which is 0

struct Rule {
  std::string_view from;
  std::string_view to;
  Kind kind;
};
constexpr Rule kRules[] = {
#define HEARTH_RULE(from, to, kind) {from, to, Kind::kind},
#include "checkpoint/huggingface/rules.def"
#undef HEARTH_RULE
};

constexpr Rule kGenerationRules[] = {
    {"temperature", "general.sampling.temp", Kind::kNumber},
    {"top_k", "general.sampling.top_k", Kind::kInteger},
    {"top_p", "general.sampling.top_p", Kind::kNumber},
    {"min_p", "general.sampling.min_p", Kind::kNumber},
    {"typical_p", "general.sampling.typical_p", Kind::kNumber},
    {"repetition_penalty", "general.sampling.penalty_repeat", Kind::kNumber},
    {"do_sample", "hearth.sampling.do_sample", Kind::kBoolean},
};

constexpr Rule kTokenizerRules[] = {
    {"add_bos_token", "tokenizer.ggml.add_bos_token", Kind::kBoolean},
    {"add_eos_token", "tokenizer.ggml.add_eos_token", Kind::kBoolean},
};

Result<Metadata::Value> convert(const Json& value, Kind kind, std::string_view key) {
  static constexpr std::string_view kWanted[] = {"an integer", "a number", "a number or null", "true or false", "a string"};
  switch (kind) {
    case Kind::kInteger:  // 1e6 is one too; beyond 2^53 nothing a model counts
      if (value.is_number() && value.as_number() == std::floor(value.as_number()) &&
          std::abs(value.as_number()) <= 0x1p53)
        return value.is_integer() ? value.as_integer() : static_cast<int64_t>(value.as_number());
      break;
    case Kind::kNumberOrNone:
      if (value.is_null()) return 0.0;
      [[fallthrough]];
    case Kind::kNumber:
      if (value.is_number()) return value.as_number();
      break;
    case Kind::kBoolean:
      if (value.is_bool()) return value.as_bool();
      break;
    case Kind::kText:
      if (value.is_string()) return value.as_string();
      break;
  }
  return fail(ErrorCode::kBadFile, "{} is {}; it must be {}", key, value.type_name(),
              kWanted[static_cast<size_t>(kind)]);
}

Result<void> apply(std::span<const Rule> rules, const Json& json, const std::string& prefix, Metadata& meta) {
  for (const Rule& rule : rules) {
    const Json* value = rule.kind == Kind::kNumberOrNone ? json.find(rule.from) : present(json, rule.from);
    const std::string key = rule.to.starts_with("hearth.") ? std::string(rule.to) : prefix + std::string(rule.to);
    if (value == nullptr || meta.has(key)) continue;
    HEARTH_TRY(converted, convert(*value, rule.kind, rule.from));
    meta.set(key, std::move(converted));
  }
  return {};
}

const Family* find_family(std::string_view class_name, std::string_view model_type) {
  for (const Family& family : kFamilies)
    if (family.class_name == class_name) return &family;
  for (const Family& family : kFamilies)
    if (family.model_type == model_type) return &family;
  return nullptr;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string class_name_of(const Json& config) {
  const Json* names = config.find("architectures");
  if (names == nullptr || !names->is_array() || names->as_array().empty() || !names->as_array()[0].is_string())
    return "";
  return names->as_array()[0].as_string();
}

// Members of `more` that `json` lacks; null is a value ("no window").
void fill_missing(Json& json, const Json& more) {
  for (const auto& [key, value] : more.as_object())
    if (!json.has(key)) json.set(key, value);
}

// The language model's part, completed by the top level (token ids stand there) and by the family's defaults.
Json language_config(const Json& config, const Family* family) {
  const Json* nested = config.find("text_config");
  Json out = config;
  if (nested != nullptr && nested->is_object()) {
    out = *nested;
    fill_missing(out, config);
  }
  if (family != nullptr) fill_missing(out, *Json::parse(family->defaults));
  return out;
}

// bos, eos and padding ids; a list of end tokens keeps its first under GGUF's key and all of them under ours.
Result<void> add_token_ids(const Json& json, std::string_view file, Metadata& meta) {
  constexpr Rule kIds[] = {{"bos_token_id", "tokenizer.ggml.bos_token_id", Kind::kInteger},
                           {"pad_token_id", "tokenizer.ggml.padding_token_id", Kind::kInteger}};
  if (auto added = apply(kIds, json, "", meta); !added) return at(file, added.error());
  const Json* end = present(json, "eos_token_id");
  if (end == nullptr || meta.has("hearth.eos_token_ids")) return {};
  std::vector<int64_t> ids;
  for (const Json& id : end->is_array() ? end->as_array() : Json::Array{*end}) {
    if (!id.is_integer())
      return fail(ErrorCode::kBadFile, "{}: eos_token_id must be an integer or a list of them", file);
    ids.push_back(id.as_integer());
  }
  if (ids.empty()) return {};
  meta.set("tokenizer.ggml.eos_token_id", ids.front());
  meta.set("hearth.eos_token_ids", std::move(ids));
  return {};
}

// How the weights are quantized, as each maker's tools write it; nothing where they are not.
std::optional<std::string> quantization_method(const HuggingfaceConfig& files, const Json& config) {
  for (const char* key : {"quantization_config", "compression_config"})  // the latter: compressed-tensors before 2024-08
    if (const Json* stated = present(config, key)) return stated->text_or("quant_method", "unknown");
  if (const Json* mlx = present(config, "quantization")) return mlx->text_or("quant_method", "mlx");
  const Json* model_opt = present(files.quantization, "quantization");  // whose algorithm is null where only the cache is quantized
  if (model_opt == nullptr || present(*model_opt, "quant_algo") == nullptr) return std::nullopt;
  return "modelopt " + model_opt->text_or("quant_algo", "");
}

constexpr size_t kMostEntries = 4096;  // of a list or an object: looking keys up is linear

// One template, or a list of named ones of which "default" is the plain one.
Result<void> add_chat_template(const HuggingfaceConfig& files, Metadata& meta) {
  constexpr const char* kKey = "tokenizer.chat_template";
  if (const Json* value = present(files.tokenizer, "chat_template")) {
    if (value->is_string()) meta.set(kKey, value->as_string());
    if (value->is_array() && value->as_array().size() > kMostEntries)
      return fail(ErrorCode::kBadFile, "tokenizer_config.json: chat_template has {} entries, at most {} are allowed",
                  value->as_array().size(), kMostEntries);
    if (value->is_array())
      for (const Json& entry : value->as_array()) {
        const std::string name = entry.text_or("name", "default");
        meta.set(name == "default" ? kKey : kKey + ("." + name), entry.text_or("template", ""));
      }
  }
  if (files.chat_template) meta.set(kKey, *files.chat_template);
  return {};
}

}  // namespace

Result<Metadata> huggingface_metadata(const HuggingfaceConfig& files) {
  for (const Json* object : {&files.config, files.config.find("text_config")})
    if (object != nullptr && object->is_object() && object->as_object().size() > kMostEntries)
      return fail(ErrorCode::kBadFile, "config.json has {} keys in one object, at most {} are allowed", object->as_object().size(), kMostEntries);
  const std::string class_name = class_name_of(files.config);
  const std::string model_type = files.config.text_or("model_type", "");
  if (class_name.empty() && model_type.empty())
    return fail(ErrorCode::kBadFile,
                "config.json names neither architectures nor model_type; this is no model's config");
  const Family* family = find_family(class_name, model_type);
  const std::string arch =
      family != nullptr ? std::string(family->arch) : lower(class_name.empty() ? model_type : class_name);
  const Json config = language_config(files.config, family);

  Metadata meta;
  meta.set("general.architecture", arch);
  if (family != nullptr) {
    meta.set(std::string(kRopeInterleavedKey), family->rope_interleaved);
    meta.set(std::string(kNormOffsetKey), family->norm_offset);
  }
  if (auto applied = apply(kRules, config, arch + ".", meta); !applied) return at("config.json", applied.error());
  if (auto added = add_layers(config, arch, meta); !added) return at("config.json", added.error());
  if (auto added = add_rope(config, arch, meta); !added) return at("config.json", added.error());
  if (auto method = quantization_method(files, config)) meta.set("hearth.quantization", *std::move(method));

  HEARTH_TRY_VOID(add_token_ids(files.generation, "generation_config.json", meta));
  HEARTH_TRY_VOID(add_token_ids(config, "config.json", meta));
  if (auto applied = apply(kGenerationRules, files.generation, "", meta); !applied)
    return at("generation_config.json", applied.error());
  if (meta.has("general.sampling.penalty_repeat")) meta.set("general.sampling.penalty_last_n", int64_t{-1});  // all tokens are meant
  if (auto applied = apply(kTokenizerRules, files.tokenizer, "", meta); !applied)
    return at("tokenizer_config.json", applied.error());
  HEARTH_TRY_VOID(add_chat_template(files, meta));
  return meta;
}

}  // namespace hearth::checkpoint

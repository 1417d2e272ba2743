// What the makers of a model recommend for sampling, read from the two places where they write it.
#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "service/model_files.h"

namespace hearth::service {

namespace {

struct DefaultKey {
  std::string_view option, gguf, hugging_face;  // empty: not known there
};
constexpr DefaultKey kKeys[] = {
    {"temperature", "temp", "temperature"},
    {"top-k", "top_k", "top_k"},
    {"top-p", "top_p", "top_p"},
    {"min-p", "min_p", "min_p"},
    {"typical-p", "typical_p", "typical_p"},
    {"repeat-penalty", "penalty_repeat", "repetition_penalty"},
    {"repeat-last-n", "penalty_last_n", ""},
    {"xtc-probability", "xtc_probability", ""},
    {"xtc-threshold", "xtc_threshold", ""},
    {"mirostat-tau", "mirostat_tau", ""},
    {"mirostat-eta", "mirostat_eta", ""},
    {"samplers", "sequence", ""},
};

std::string number_text(double value) { return fmt::format("{:.7g}", value); }  // floats of the file print as written

// Whatever temperature stands beside it.
void make_greedy(std::vector<ModelDefault>& defaults) {
  std::erase_if(defaults, [](const ModelDefault& d) { return d.option == "temperature"; });
  defaults.push_back({"temperature", "0"});
}

}  // namespace

std::vector<ModelDefault> metadata_defaults(const Metadata& meta) {
  std::vector<ModelDefault> out;
  for (const auto& key : kKeys) {
    const std::string name = "general.sampling." + std::string(key.gguf);
    if (key.gguf.empty() || !meta.has(name)) continue;
    if (const auto number = meta.number(name)) out.push_back({std::string(key.option), number_text(*number)});
    else out.push_back({std::string(key.option), meta.text_or(name, "")});
  }
  if (meta.integer_or("general.sampling.mirostat", 0) == 2) out.push_back({"mirostat", "on"});
  if (!meta.boolean_or("hearth.sampling.do_sample", true)) make_greedy(out);
  return out;
}

std::vector<ModelDefault> generation_config_defaults(const Json& config) {
  std::vector<ModelDefault> out;
  for (const auto& key : kKeys) {
    const Json* value = key.hugging_face.empty() ? nullptr : config.find(key.hugging_face);
    if (value != nullptr && value->is_number()) out.push_back({std::string(key.option), number_text(value->as_number())});
  }
  if (config.find("repetition_penalty") != nullptr) out.push_back({"repeat-last-n", "-1"});  // its makers mean all tokens
  if (!config.boolean_or("do_sample", true)) make_greedy(out);
  return out;
}

std::vector<std::string> apply_model_defaults(options::OptionList& list, const std::vector<ModelDefault>& defaults) {
  std::vector<std::string> refused;
  for (const auto& wanted : defaults)
    if (const auto set = list.set(wanted.option, wanted.text, options::Source::kModel); !set)
      refused.push_back(fmt::format("a sampling default of the model is not usable and is left out: {}", set.error().text()));
  return refused;
}

static Result<Json> read_json(const std::string& path) {
  HEARTH_TRY(text, read_text_file(path));
  auto json = Json::parse(text);
  if (!json) return at(path, std::move(json).error());
  return json;
}

// "chat_template" is one text, or a list of named ones of which "default" is meant for chats.
static std::string template_member(const Json& config) {
  const Json* member = config.find("chat_template");
  if (member == nullptr) return "";
  if (member->is_string()) return member->as_string();
  if (!member->is_array()) return "";
  for (const auto& named : member->as_array())
    if (named.text_or("name", "") == "default") return named.text_or("template", "");
  return "";
}

Result<std::string> find_folder_template(const std::string& folder) {
  if (const std::string path = folder + "/chat_template.jinja"; file_exists(path)) return read_text_file(path);
  for (const char* name : {"/chat_template.json", "/tokenizer_config.json"}) {
    if (!file_exists(folder + name)) continue;
    HEARTH_TRY(config, read_json(folder + name));
    if (std::string found = template_member(config); !found.empty()) return found;
  }
  return std::string();
}

}  // namespace hearth::service

#include "api/openai_fields.h"

#include <algorithm>
#include <cmath>

#include "api/http/limits.h"
#include "base/options/options.h"

namespace hearth::api {

namespace {

constexpr Limits kLimits;

// What other servers call our options.
struct Synonym {
  std::string_view field, option;
};
constexpr Synonym kSynonyms[] = {
    {"repetition_penalty", "repeat-penalty"},
    {"ignore_eos", "ignore-end"},
};

// What the answer would have to obey and cannot yet, as this and other servers call it.
constexpr std::string_view kConstraints[] = {"grammar",        "json_schema",        "guided_json", "guided_regex", "guided_choice",
                                             "guided_grammar", "structured_outputs", "functions",   "min_tokens",   "stop_token_ids", "bad_words"};

bool asks_for_nothing(const Json& value) {
  return value.is_null() || value == Json(false) || value == Json(0) || value == Json("") || value == Json::array() || value == Json::object();
}

// Options whose fields have forms of their own.
constexpr std::string_view kSpecial[] = {"max-tokens", "stop", "seed", "dry-breaker", "samplers", "logit-bias"};

std::string number_text(const Json& number) {
  const double value = number.as_number();
  if (number.is_integer()) return fmt::format("{}", number.as_integer());
  return value == std::floor(value) && std::abs(value) < 1e15 ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

// The text that the option's own parser is given; JSON's types must be right first.
std::optional<std::string> option_text(const options::Option& option, const Json& value) {
  if (option.name == "mirostat" && value.is_integer())  // llama.cpp's number of a version; there is no version 1 here
    return value.as_integer() == 0 ? "off" : value.as_integer() == 2 ? "on" : "version 1";
  const bool turns_off = value.is_number() && value.as_number() < 0 && (option.name == "top-k" || option.name == "top-n-sigma");
  if (turns_off) return "0";  // other servers' word for it
  if (option.name == "min-keep" && value == Json(0)) return "1";
  if (!option.takes_value()) return value.is_bool() ? std::optional<std::string>(value.as_bool() ? "on" : "off") : std::nullopt;
  if (option.is_textual()) return value.is_string() ? std::optional(value.as_string()) : std::nullopt;
  return value.is_number() ? std::optional(number_text(value)) : std::nullopt;
}

void read_option(Fields& fields, options::OptionList& list, options::Option& option, std::string_view field) {
  const Json* value = fields.find(field);
  if (value == nullptr) return;
  const auto text = option_text(option, *value);
  if (!text) return fields.fail_at(field, fmt::format("is {}; it must be {}", value->type_name(), option.accepts()));
  if (const auto set = list.assign(option, field, *text, options::Source::kSession); !set)
    fields.take(Failure(Error{ErrorCode::kInvalidArgument, set.error().message, std::string(field)}));
}

void read_max_tokens(Fields& fields, service::GenerationOptions& generation) {
  for (std::string_view name : {"n_predict", "max_tokens", "max_completion_tokens"}) {  // the last one counts
    const auto most = fields.integer(name, -1, kLimits.max_tokens);
    if (!most) continue;
    if (*most == 0) fields.fail_at(name, "is 0; it must be at least 1, or -1 for as many as the context holds");
    generation.max_tokens = *most < 0 ? 0 : static_cast<uint32_t>(*most);
  }
}

// {"15": -1.5}, or llama.cpp's [[15, -1.5], [16, false]].
void read_logit_bias(Fields& fields, service::GenerationOptions& generation) {
  const Json* found = fields.find("logit_bias");
  if (found == nullptr) return;
  std::vector<std::pair<std::string, Json>> biases;
  if (found->is_object()) biases = found->as_object();
  else if (!found->is_array()) return fields.fail_at("logit_bias", "must be an object from token ids to biases");
  else
    for (const Json& item : found->as_array()) {
      const bool is_pair = item.is_array() && item.as_array().size() == 2 && item.as_array()[0].is_integer();
      if (!is_pair) return fields.fail_at("logit_bias", "must hold pairs of a token id and a bias");
      biases.emplace_back(number_text(item.as_array()[0]), item.as_array()[1]);
    }
  if (biases.size() > kLimits.logit_biases)
    return fields.fail_at("logit_bias", fmt::format("has {} biases; at most {} are allowed", biases.size(), kLimits.logit_biases));
  generation.logit_bias.clear();
  for (const auto& [id, bias] : biases) {
    const bool forbids = bias.is_bool() && !bias.as_bool();
    if (!bias.is_number() && !forbids) return fields.fail_at("logit_bias", "must give each token a number");
    generation.logit_bias.push_back(id + "=" + (forbids ? "-inf" : number_text(bias)));
  }
}

void read_samplers(Fields& fields, service::GenerationOptions& generation) {
  const auto names = fields.texts("samplers", 32);
  if (!names) return;
  generation.samplers.clear();
  for (const auto& name : *names) generation.samplers += (generation.samplers.empty() ? "" : ",") + name;
}

}  // namespace

void read_generation(Fields& fields, service::GenerationOptions& generation) {
  options::OptionList list;
  visit(list, generation);
  for (options::Option& option : list.all())
    if (std::ranges::find(kSpecial, option.name) == std::end(kSpecial)) read_option(fields, list, option, option.key());
  for (const auto& [field, option] : kSynonyms) read_option(fields, list, *list.find(option), field);
  if (fields.find("repetition_penalty") != nullptr && fields.find("repeat_last_n") == nullptr) generation.sampling.repeat_last_n = -1;
  read_max_tokens(fields, generation);
  if (const auto seed = fields.integer("seed", INT64_MIN, INT64_MAX)) {
    if (*seed == -1) generation.seed.reset();  // llama.cpp's word for "random"
    else generation.seed = static_cast<uint64_t>(*seed);
  }
  if (auto stop = fields.texts("stop", service::kMaxStopStrings)) generation.stop = std::move(*stop);
  if (auto breakers = fields.texts("dry_sequence_breakers", service::kMaxStopStrings)) generation.dry_breakers = std::move(*breakers);
  for (const auto& text : generation.stop)
    if (text.empty() || text.size() > service::kMaxStopBytes)
      fields.fail_at("stop", fmt::format("has a text of {} bytes; 1 to {} are allowed", text.size(), service::kMaxStopBytes));
  if (const auto priority = fields.integer("priority", -1000, 1000)) generation.priority = static_cast<int32_t>(-*priority);  // vLLM's: lower is sooner
  read_samplers(fields, generation);
  read_logit_bias(fields, generation);
}

void read_delivery(Fields& fields, Call& call) {
  call.choices = static_cast<uint32_t>(fields.integer("n", 1, kLimits.choices).value_or(1));
  call.is_stream = fields.boolean("stream").value_or(false);
  call.explains_miss = fields.boolean("explain_prefix_miss").value_or(false);
  if (const Json* options = fields.find("stream_options")) {
    Fields inner(*options, fields.path("stream_options"));
    call.wants_usage = inner.boolean("include_usage").value_or(false);
    fields.take(inner.done());
  }
  if (const Json* format = fields.find("response_format")) {
    const std::string type = format->text_or("type", "");
    if (type != "text")
      fields.fail_at("response_format", fmt::format("asks for '{}', which this server cannot promise yet; 'text' it can", type), ErrorCode::kUnsupported);
  }
  for (std::string_view name : kConstraints)
    if (const Json* value = fields.find(name); value != nullptr && !asks_for_nothing(*value))
      fields.fail_at(name, "is something that this server cannot promise yet", ErrorCode::kUnsupported);
  for (std::string_view name : {"model", "user", "store", "metadata", "cache_prompt", "service_tier", "prompt_cache_key"}) fields.find(name);
}

std::string_view openai_finish_reason(service::FinishReason reason) {
  switch (reason) {
    case service::FinishReason::kEnd:
    case service::FinishReason::kStopString: return "stop";
    case service::FinishReason::kLength:
    case service::FinishReason::kContext: return "length";
    case service::FinishReason::kCancelled: return "cancelled";
    case service::FinishReason::kDeadline: return "length";
  }
  return "stop";
}

static Json timings_json(const service::Outcome& outcome) {
  const uint32_t prompt = outcome.prompt_tokens - outcome.cached_tokens;
  const auto predicted = static_cast<uint32_t>(outcome.tokens.size());
  const double prompt_ms = outcome.prompt_seconds * 1000, predicted_ms = outcome.generate_seconds * 1000;
  return Json::object({{"cache_n", outcome.cached_tokens},
                       {"prompt_n", prompt},
                       {"prompt_ms", prompt_ms},
                       {"prompt_per_token_ms", prompt > 0 ? prompt_ms / prompt : 0.0},
                       {"prompt_per_second", outcome.prompt_rate()},
                       {"predicted_n", predicted},
                       {"predicted_ms", predicted_ms},
                       {"predicted_per_token_ms", predicted > 1 ? predicted_ms / (predicted - 1) : 0.0},
                       {"predicted_per_second", outcome.generate_rate()}});
}

void set_figures(Json& out, const AnswerFacts& facts, std::span<const service::Outcome> outcomes) {
  if (outcomes.empty()) return;
  out.set("timings", timings_json(outcomes.back()));
  if (!facts.explains_miss) return;
  for (const auto& outcome : outcomes) {
    if (!outcome.miss) continue;
    const auto& [position, before, last, now] = *outcome.miss;
    out.set("prefix_miss", Json::object({{"position", position}, {"before", before}, {"last_prompt", last}, {"this_prompt", now}}));
  }
}

Json truncation_json(const AnswerFacts& facts) {
  return Json::object({{"policy", "truncate-oldest-turns"}, {"dropped_turns", facts.dropped_turns}, {"dropped_messages", facts.dropped_messages}});
}

TextChunks::TextChunks(const Json& head, std::string_view before, std::string_view after, bool has_usage)
    : start_("data: " + head.dump()), before_("," + std::string(before)),
      end_(fmt::format(R"({},"logprobs":null,"finish_reason":null}}]{}}}{})", after, has_usage ? R"(,"usage":null)" : "", "\n\n")) {
  start_.pop_back();  // the brace
  start_ += R"(,"choices":[{"index":)";
}

std::string TextChunks::chunk(uint32_t choice, std::string_view text) const {
  return start_ + fmt::format("{}", choice) + before_ + Json(text).dump() + end_;
}

void UsageCount::add(uint32_t choice, uint32_t choices_per_ask, const service::Outcome& outcome) {
  if (choice % choices_per_ask == 0) {
    prompt_ += outcome.prompt_tokens;
    cached_ += outcome.cached_tokens;
  }
  generated_ += outcome.tokens.size();
  thinking_ += outcome.thinking_tokens;
}

Json UsageCount::json() const {
  return Json::object({{"prompt_tokens", prompt_},
                       {"completion_tokens", generated_},
                       {"total_tokens", prompt_ + generated_},
                       {"prompt_tokens_details", Json::object({{"cached_tokens", cached_}})},
                       {"completion_tokens_details", Json::object({{"reasoning_tokens", thinking_}})}});
}

}  // namespace hearth::api

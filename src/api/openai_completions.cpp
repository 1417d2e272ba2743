// OpenAI completions (POST /v1/completions): texts or tokens to be continued.
#include <algorithm>

#include "api/http/errors.h"
#include "api/http/limits.h"
#include "api/http/sse.h"
#include "api/openai_fields.h"
#include "base/utf8.h"

namespace hearth::api {

namespace {

constexpr Limits kLimits;

// Tokens of one prompt; their range is the engine's to check.
std::vector<int32_t> read_tokens(Fields& fields, const std::string& name, const Json::Array& items) {
  std::vector<int32_t> out;
  for (const Json& item : items) {
    if (!item.is_integer() || item.as_integer() < 0 || item.as_integer() > INT32_MAX) {
      fields.fail_at(name, "must hold nothing but token ids");
      break;
    }
    out.push_back(static_cast<int32_t>(item.as_integer()));
  }
  if (out.empty()) fields.fail_at(name, "has no token; a prompt needs at least one");
  return out;
}

void read_prompts(Fields& fields, std::vector<service::CompletionRequest>& out) {
  const Json* prompt = fields.find("prompt");
  if (prompt == nullptr) return fields.fail_at("prompt", "is missing; it must be a text, an array of texts, or token ids");
  if (prompt->is_string()) return out.push_back({.prompt = prompt->as_string(), .generation = {}});
  if (!prompt->is_array() || prompt->as_array().empty())
    return fields.fail_at("prompt", fmt::format("is {}; it must be a text, an array of texts, or token ids", prompt->type_name()));
  const Json::Array& items = prompt->as_array();
  if (items.front().is_integer()) return out.push_back({.prompt = "", .tokens = read_tokens(fields, "prompt", items), .generation = {}});
  if (items.size() > kLimits.prompts)
    return fields.fail_at("prompt", fmt::format("has {} texts; at most {} are allowed", items.size(), kLimits.prompts));
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string name = fmt::format("prompt[{}]", i);
    if (items[i].is_string()) out.push_back({.prompt = items[i].as_string(), .generation = {}});
    else if (items[i].is_array()) out.push_back({.prompt = "", .tokens = read_tokens(fields, name, items[i].as_array()), .generation = {}});
    else return fields.fail_at(name, fmt::format("is {}; it must be a text or token ids", items[i].type_name()));
  }
}

void refuse_unsupported(Fields& fields) {
  if (fields.boolean("echo").value_or(false)) fields.fail_at("echo", "is not supported", ErrorCode::kUnsupported);
  if (!fields.text("suffix").value_or("").empty()) fields.fail_at("suffix", "is not supported", ErrorCode::kUnsupported);
}

Result<Call> parse(const Json& body, const service::GenerationOptions& defaults) {
  Fields fields(body);
  Call call;
  std::vector<service::CompletionRequest> prompts;
  service::GenerationOptions generation = defaults;
  read_prompts(fields, prompts);
  read_generation(fields, generation);
  for (std::string_view name : {"logprobs", "n_probs"})
    if (const auto likeliest = fields.integer(name, 0, kLimits.top_logprobs)) generation.logprobs = static_cast<uint32_t>(*likeliest);
  read_delivery(fields, call);
  if (const auto best = fields.integer("best_of", 1, kLimits.choices); best && *best != call.choices)
    fields.fail_at("best_of", "must equal n: every choice is returned");
  refuse_unsupported(fields);
  if (prompts.size() * call.choices > kLimits.choices)
    fields.fail_at("n", fmt::format("times {} prompts gives more than {} choices", prompts.size(), kLimits.choices));
  HEARTH_TRY_VOID(fields.done());
  for (auto& prompt : prompts) {
    prompt.generation = generation;
    call.asks.emplace_back(std::move(prompt));
  }
  call.unknown = fields.unknown();
  return call;
}

// A token as JSON can hold it: one that is a part of a character is spelled by its bytes, as OpenAI spells it.
std::string spelled(const std::string& token) {
  if (utf8::is_valid(token)) return token;
  std::string out = "bytes:";
  for (const unsigned char byte : token) out += fmt::format("\\x{:02x}", byte);
  return out;
}

// The old form: parallel arrays, and offsets into the text, in characters.
class Logprobs {
 public:
  void add(const service::TokenReport& token) {
    tokens_.push(spelled(token.chosen.text));
    values_.push(static_cast<double>(token.chosen.logprob));
    Json likeliest = Json::object();
    for (const auto& choice : token.likeliest) likeliest.set(spelled(choice.text), static_cast<double>(choice.logprob));
    likeliest_.push(std::move(likeliest));
    offsets_.push(offset_);
    offset_ += static_cast<size_t>(std::ranges::count_if(token.chosen.text, [](char c) { return !utf8::is_continuation(c); }));
  }
  bool is_empty() const { return tokens_.is_null(); }
  Json take() {
    if (is_empty()) return Json();
    return Json::object({{"tokens", std::exchange(tokens_, Json())}, {"token_logprobs", std::exchange(values_, Json())},
                         {"top_logprobs", std::exchange(likeliest_, Json())}, {"text_offset", std::exchange(offsets_, Json())}});
  }

 private:
  Json tokens_, values_, likeliest_, offsets_;
  size_t offset_ = 0;
};

class CompletionEncoder final : public Encoder {
 public:
  explicit CompletionEncoder(const AnswerFacts& facts)
      : facts_(facts), logprobs_(facts.asks * facts.choices), outcomes_(logprobs_.size()),
        text_chunks_(head(), R"("text":)", "", facts.wants_usage) {}

  void token(uint32_t choice, const service::TokenReport& token) override { logprobs_[choice].add(token); }
  std::string delta(uint32_t choice, const service::Delta& delta) override {
    if (logprobs_[choice].is_empty()) return text_chunks_.chunk(choice, delta.text);
    return sse(chunk(choice, delta.text, Json()).dump());
  }
  std::string finish(uint32_t choice, const service::Outcome& outcome) override {
    usage_.add(choice, facts_.choices, outcome);
    outcomes_[choice] = outcome;
    if (!facts_.is_stream) return "";
    Json chunk = this->chunk(choice, "", openai_finish_reason(outcome.reason));
    set_figures(chunk, facts_, {&outcome, 1});
    return sse(chunk.dump());
  }
  std::string end() override {
    Json chunk = head();
    chunk.set("choices", Json::array());
    chunk.set("usage", usage_.json());
    return (facts_.wants_usage ? sse(chunk.dump()) : "") + sse("[DONE]");
  }
  std::string error(const Error& error) override { return sse(error_json(error).dump()); }

  Json whole() override {
    Json out = head(), choices = Json::array();
    for (uint32_t i = 0; i < outcomes_.size(); ++i) choices.push(choice_json(i, outcomes_[i].text, openai_finish_reason(outcomes_[i].reason)));
    out.set("choices", std::move(choices));
    out.set("usage", usage_.json());
    set_figures(out, facts_, outcomes_);
    return out;
  }

 private:
  Json head() const {
    return Json::object({{"id", "cmpl-" + facts_.id}, {"object", "text_completion"}, {"created", facts_.created}, {"model", facts_.model}});
  }
  Json choice_json(uint32_t choice, std::string_view text, Json reason) {
    return Json::object({{"index", choice}, {"text", text}, {"logprobs", logprobs_[choice].take()}, {"finish_reason", std::move(reason)}});
  }
  Json chunk(uint32_t choice, std::string_view text, Json reason) {
    Json out = head(), choices = Json::array();
    choices.push(choice_json(choice, text, std::move(reason)));
    out.set("choices", std::move(choices));
    if (facts_.wants_usage) out.set("usage", Json());
    return out;
  }

  const AnswerFacts facts_;
  std::vector<Logprobs> logprobs_;
  std::vector<service::Outcome> outcomes_;
  const TextChunks text_chunks_;
  UsageCount usage_;
};

std::unique_ptr<Encoder> encoder(const AnswerFacts& facts) { return std::make_unique<CompletionEncoder>(facts); }

}  // namespace

extern const Protocol kOpenaiCompletions{.name = "openai_completions", .method = "POST", .path = "/v1/completions", .parse = &parse, .encoder = &encoder};

}  // namespace hearth::api

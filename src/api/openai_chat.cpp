// OpenAI chat completions (POST /v1/chat/completions).
#include "api/http/errors.h"
#include "api/http/limits.h"
#include "api/http/sse.h"
#include "api/openai_fields.h"
#include "api/openai_messages.h"

namespace hearth::api {

namespace {

void read_logprobs(Fields& fields, service::GenerationOptions& generation) {
  const bool wanted = fields.boolean("logprobs").value_or(false);
  const auto likeliest = fields.integer("top_logprobs", 0, Limits().top_logprobs);
  if (likeliest.value_or(0) > 0 && !wanted) fields.fail_at("top_logprobs", "needs logprobs to be true");
  if (wanted) generation.logprobs = static_cast<uint32_t>(likeliest.value_or(0));
}

Result<Call> parse(const Json& body, const service::GenerationOptions& defaults) {
  Fields fields(body);
  Call call;
  service::ChatRequest request;
  request.generation = defaults;
  read_conversation(fields, request);
  read_template_variables(fields, request);
  read_generation(fields, request.generation);
  read_logprobs(fields, request.generation);
  read_delivery(fields, call);
  HEARTH_TRY_VOID(fields.done());
  call.asks.emplace_back(std::move(request));
  call.unknown = fields.unknown();
  return call;
}

Json choice_json(const service::TokenReport::Choice& choice) {
  Json bytes = Json::array();
  for (const char c : choice.text) bytes.push(static_cast<int>(static_cast<unsigned char>(c)));
  return Json::object({{"token", choice.text}, {"logprob", static_cast<double>(choice.logprob)}, {"bytes", std::move(bytes)}});
}

Json token_json(const service::TokenReport& token) {
  Json out = choice_json(token.chosen);
  Json likeliest = Json::array();
  for (const auto& choice : token.likeliest) likeliest.push(choice_json(choice));
  out.set("top_logprobs", std::move(likeliest));
  return out;
}

class ChatEncoder final : public Encoder {
 public:
  explicit ChatEncoder(const AnswerFacts& facts)
      : facts_(facts), id_("chatcmpl-" + facts.id), tokens_(facts.choices * facts.asks), outcomes_(tokens_.size()),
        text_chunks_(head("chat.completion.chunk"), R"("delta":{"content":)", "}", facts.wants_usage) {}

  std::string begin() override {
    std::string out;
    for (uint32_t i = 0; i < tokens_.size(); ++i) {
      Json chunk = this->chunk(i, Json::object({{"role", "assistant"}, {"content", ""}}), Json());
      if (i == 0 && facts_.dropped_turns > 0) chunk.set("truncation", truncation_json(facts_));
      out += sse(chunk.dump());
    }
    return out;
  }

  void token(uint32_t choice, const service::TokenReport& token) override { tokens_[choice].push(token_json(token)); }

  std::string delta(uint32_t choice, const service::Delta& delta) override {
    if (delta.kind == service::Delta::Kind::kText && tokens_[choice].is_null()) return text_chunks_.chunk(choice, delta.text);
    if (delta.kind == service::Delta::Kind::kText) return sse(chunk(choice, Json::object({{"content", delta.text}}), Json()).dump());
    return sse(chunk(choice, Json::object({{"reasoning_content", delta.text}, {"reasoning", delta.text}}), Json()).dump());
  }

  std::string finish(uint32_t choice, const service::Outcome& outcome) override {
    usage_.add(choice, facts_.choices, outcome);
    outcomes_[choice] = outcome;
    if (!facts_.is_stream) return "";
    Json chunk = this->chunk(choice, Json::object(), openai_finish_reason(outcome.reason));
    set_figures(chunk, facts_, {&outcome, 1});
    return sse(chunk.dump());
  }

  std::string end() override {
    std::string out;
    if (facts_.wants_usage) {
      Json chunk = head("chat.completion.chunk");
      chunk.set("choices", Json::array());
      chunk.set("usage", usage_.json());
      out = sse(chunk.dump());
    }
    return out + sse("[DONE]");
  }

  std::string error(const Error& error) override { return sse(error_json(error).dump()); }

  Json whole() override {
    Json out = head("chat.completion"), choices = Json::array();
    for (uint32_t i = 0; i < outcomes_.size(); ++i) choices.push(whole_choice(i));
    out.set("choices", std::move(choices));
    out.set("usage", usage_.json());
    set_figures(out, facts_, outcomes_);
    if (facts_.dropped_turns > 0) out.set("truncation", truncation_json(facts_));
    return out;
  }

 private:
  Json head(std::string_view object) const {
    return Json::object({{"id", id_}, {"object", object}, {"created", facts_.created}, {"model", facts_.model}});
  }

  // Tokens reported since the last chunk of a choice go with this one.
  Json logprobs(uint32_t choice) {
    Json& tokens = tokens_[choice];
    if (tokens.is_null()) return Json();
    return Json::object({{"content", std::exchange(tokens, Json())}});
  }

  Json chunk(uint32_t choice, Json delta, Json reason) {
    Json out = head("chat.completion.chunk"), choices = Json::array();
    choices.push(Json::object({{"index", choice}, {"delta", std::move(delta)}, {"logprobs", logprobs(choice)}, {"finish_reason", std::move(reason)}}));
    out.set("choices", std::move(choices));
    if (facts_.wants_usage) out.set("usage", Json());
    return out;
  }

  Json whole_choice(uint32_t i) {
    const service::Outcome& outcome = outcomes_[i];
    Json message = Json::object({{"role", "assistant"}, {"content", outcome.text}});
    if (!outcome.thinking.empty()) {
      message.set("reasoning_content", outcome.thinking);
      message.set("reasoning", outcome.thinking);
    }
    return Json::object({{"index", i}, {"message", std::move(message)}, {"logprobs", logprobs(i)},
                         {"finish_reason", openai_finish_reason(outcome.reason)}});
  }

  const AnswerFacts facts_;
  const std::string id_;
  std::vector<Json> tokens_;                // of each choice, not delivered yet
  std::vector<service::Outcome> outcomes_;
  const TextChunks text_chunks_;
  UsageCount usage_;
};

std::unique_ptr<Encoder> encoder(const AnswerFacts& facts) { return std::make_unique<ChatEncoder>(facts); }

}  // namespace

extern const Protocol kOpenaiChat{.name = "openai_chat", .method = "POST", .path = "/v1/chat/completions", .parse = &parse, .encoder = &encoder};

}  // namespace hearth::api

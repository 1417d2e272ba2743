#include "api/generate.h"

#include <chrono>
#include <mutex>

#include "api/http/access.h"
#include "api/http/errors.h"
#include "api/http/limits.h"
#include "api/http/sse.h"
#include "api/traces/request_trace.h"
#include "base/log.h"
#include "service/overflow.h"
#include "service/volatile_prefix.h"

namespace hearth::api {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// One HTTP request's answer, shared by the receivers of its choices. Events come from the engine's thread; the lock keeps
// them waiting until all choices were submitted.
class Answer : public std::enable_shared_from_this<Answer> {
 public:
  Answer(Services& services, service::ModelLease model, std::unique_ptr<Encoder> encoder, std::shared_ptr<ResponseWriter> writer,
         std::shared_ptr<RequestTrace> trace, const AnswerFacts& facts, Clock::time_point begin)
      : services_(services), model_(std::move(model)), encoder_(std::move(encoder)), writer_(std::move(writer)),
        trace_(std::move(trace)), id_(facts.id), is_stream_(facts.is_stream), open_(facts.asks * facts.choices), begin_(begin) {}

  // A prompt to be continued `choices` times.
  struct Ask {
    service::Prompt prompt;
    bool is_chat;
    service::GenerationOptions options;
  };
  void submit(const std::vector<Ask>& asks, uint32_t choices);

  void on_token(uint32_t choice, const service::TokenReport& token);
  void on_delta(uint32_t choice, const service::Delta& delta) {
    const std::lock_guard lock(mutex_);
    if (is_stream_ && !is_over_) writer_->write(encoder_->delta(choice, delta));
  }
  void on_end(uint32_t choice, const Result<service::Outcome>& outcome);

  Services& services() { return services_; }
  const std::string& model() const { return model_->name(); }
  Clock::time_point begin() const { return begin_; }
  double seconds_before_submission() const { return std::chrono::duration<double>(submitted_ - begin_).count(); }
  uint32_t choices() const { return choices_; }  // of a prompt

 private:
  void fail(const Error& error);
  void cancel_all();
  void explain(const service::PrefixMiss& miss) const;

  Services& services_;
  const service::ModelLease model_;
  std::mutex mutex_;  // guards what follows
  const std::unique_ptr<Encoder> encoder_;
  const std::shared_ptr<ResponseWriter> writer_;
  const std::shared_ptr<RequestTrace> trace_;
  const std::string id_;
  const bool is_stream_;
  bool is_over_ = false;  // nothing more is said to the client
  uint32_t open_;         // choices without an end
  size_t logprobs_ = 0;
  const Clock::time_point begin_;
  Clock::time_point submitted_;  // like choices_ set before any choice has begun
  uint32_t choices_ = 1;
  std::vector<std::weak_ptr<service::Generation>> generations_;
};

// One choice's events.
class Receiver final : public service::EventReceiver {
 public:
  Receiver(std::shared_ptr<Answer> answer, uint32_t choice) : answer_(std::move(answer)), choice_(choice) {}

  void on_generated(uint32_t tokens) override {
    const auto now = Clock::now();
    if (tokens > 1) answer_->services().metrics.gap(answer_->model(), std::chrono::duration<double>(now - last_token_).count());
    last_token_ = now;
  }
  void on_token(const service::TokenReport& token) override { answer_->on_token(choice_, token); }
  void on_delta(const service::Delta& delta) override { answer_->on_delta(choice_, delta); }
  void on_end(const Result<service::Outcome>& outcome) override {
    answer_->services().metrics.finish(answer_->model(), outcome, {answer_->seconds_before_submission(), seconds_since(answer_->begin())},
                                       choice_ % answer_->choices() == 0);
    answer_->on_end(choice_, outcome);
  }

 private:
  const std::shared_ptr<Answer> answer_;
  const uint32_t choice_;
  Clock::time_point last_token_;
};

void Answer::submit(const std::vector<Ask>& asks, uint32_t choices) {
  const std::lock_guard lock(mutex_);
  trace_->submitted(choices);
  submitted_ = Clock::now();
  choices_ = choices;
  uint32_t next = 0;
  for (const Ask& ask : asks) {
    std::vector<std::shared_ptr<service::EventReceiver>> receivers;
    for (uint32_t i = 0; i < choices; ++i) receivers.push_back(std::make_shared<Receiver>(shared_from_this(), next++));
    const auto generations = model_->submit(ask.prompt, ask.is_chat, ask.options, receivers);
    if (!generations) return fail(generations.error());
    generations_.insert(generations_.end(), generations->begin(), generations->end());
  }
  if (is_stream_) {
    writer_->begin({.body = encoder_->begin(),
                    .content_type = std::string(kEventStream),
                    .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}});
  }
  writer_->when_gone([generations = generations_] {
    for (const auto& generation : generations)
      if (const auto running = generation.lock()) running->cancel();
  });
}

// Under the lock, before anything was sent; the answer is then over.
void Answer::fail(const Error& error) {
  is_over_ = true;
  cancel_all();
  trace_->failed(error);
  writer_->send(error_response(error));
}

// A stream passes logprobs on, a whole answer keeps them.
void Answer::on_token(uint32_t choice, const service::TokenReport& token) {
  const std::lock_guard lock(mutex_);
  if (is_over_) return;
  encoder_->token(choice, token);
  logprobs_ += 1 + token.likeliest.size();
  if (is_stream_ || logprobs_ <= Limits().logprobs) return;
  fail({ErrorCode::kInvalidArgument,
        fmt::format("logprobs of this answer are more than {}; stream it, or ask for fewer tokens, choices or likeliest tokens",
                    Limits().logprobs),
        "logprobs"});
}

void Answer::cancel_all() {
  for (const auto& generation : generations_)
    if (const auto running = generation.lock()) running->cancel();
}

void Answer::explain(const service::PrefixMiss& miss) const {
  log::warn("request {}: its prompt leaves the last one of its key at token {}: after {} came {}, now {}", id_, miss.position,
            Json(miss.before).dump(), Json(miss.last).dump(), Json(miss.now).dump());
}

void Answer::on_end(uint32_t choice, const Result<service::Outcome>& outcome) {
  const std::lock_guard lock(mutex_);
  trace_->ended(choice, outcome);
  if (services_.explains_misses && outcome && outcome->miss) explain(*outcome->miss);
  --open_;
  if (is_over_) return;
  if (!outcome) {
    is_over_ = true;
    cancel_all();
    log::warn("model '{}': {}", model(), outcome.error().text());
    if (!is_stream_) return writer_->send(error_response(outcome.error()));
    writer_->write(encoder_->error(outcome.error()));
    return writer_->end();
  }
  const std::string bytes = encoder_->finish(choice, *outcome);
  if (is_stream_) writer_->write(bytes);
  if (open_ > 0) return;
  is_over_ = true;
  if (!is_stream_) return writer_->send({.body = encoder_->whole().dump()});
  writer_->write(encoder_->end());
  writer_->end();
}

// Renders and tokenizes; a conversation that is too long loses its oldest turns where the server allows it.
Result<service::Prompt> prepare(Services& services, const service::ServedModel& model, const Call::Ask& ask, AnswerFacts& facts) {
  const auto* chat = std::get_if<service::ChatRequest>(&ask);
  if (chat == nullptr) return model.prepare(std::get<service::CompletionRequest>(ask));
  auto prompt = model.prepare(*chat);
  if (prompt || prompt.error().code != ErrorCode::kContextExceeded || services.overflow == Overflow::kRefuse) return prompt;
  const auto prepare_shorter = [&](const service::ChatRequest& shorter) { return model.prepare(shorter); };
  HEARTH_TRY(shortened, service::truncate_oldest_turns(*chat, model.context(), prepare_shorter));
  facts.dropped_turns = shortened.dropped_turns;
  facts.dropped_messages = shortened.dropped_messages;
  return shortened.prompt;
}

Result<void> start(const Protocol& protocol, Services& services, Call call, const service::ModelLease& model,
                   const Request& request, std::shared_ptr<ResponseWriter> writer, std::shared_ptr<RequestTrace> trace,
                   Clock::time_point begin) {
  AnswerFacts facts{.id = request.id, .model = model->name(), .created = static_cast<int64_t>(std::time(nullptr)),
                    .asks = static_cast<uint32_t>(call.asks.size()), .choices = call.choices, .is_stream = call.is_stream,
                    .wants_usage = call.wants_usage, .explains_miss = call.explains_miss && (services.has_keys || services.explains_misses)};
  std::vector<Answer::Ask> asks;
  for (const Call::Ask& ask : call.asks) {
    HEARTH_TRY(prompt, prepare(services, *model, ask, facts));
    asks.push_back({std::move(prompt), std::holds_alternative<service::ChatRequest>(ask),
                    std::visit([](const auto& asked) { return asked.generation; }, ask)});
    asks.back().options.key = client_key(request);
  }
  const auto answer = std::make_shared<Answer>(services, model, protocol.encoder(facts), std::move(writer), std::move(trace), facts, begin);
  answer->submit(asks, call.choices);
  return {};
}

bool is_chat(const Call& call) {
  return !call.asks.empty() && std::holds_alternative<service::ChatRequest>(call.asks[0]);
}

Result<std::pair<std::string, Call>> parse(const Protocol& protocol, Services& services, const Request& request,
                                           RequestTrace& trace) {
  auto body = Json::parse(request.body, Limits().json_values);
  if (!body && body.error().code == ErrorCode::kTooLarge) return Failure(body.error());
  if (!body) return fail(ErrorCode::kInvalidArgument, "the body is no JSON: {}", body.error().text());
  if (body->has("model") && !body->find("model")->is_string() && !body->find("model")->is_null())
    return Failure(Error{ErrorCode::kInvalidArgument, fmt::format("model is {}; it must be a string", body->find("model")->type_name()), "model"});
  trace.asks_for(body->text_or("model", ""));
  HEARTH_TRY(name, services.library.resolve(body->text_or("model", "")));
  HEARTH_TRY(defaults, services.library.defaults(name));
  HEARTH_TRY(call, protocol.parse(*body, defaults));
  if (services.normalizes_prompts)
    for (Call::Ask& ask : call.asks)
      if (auto* chat = std::get_if<service::ChatRequest>(&ask)) service::drop_volatile_prefixes(chat->messages);
  trace.runs(is_chat(call) ? "chat" : "text_completion", name);
  for (const auto& field : call.unknown) log::debug("request {}: the field {} is unknown and without effect", request.id, field);
  return std::pair(std::move(name), std::move(call));
}

}  // namespace

// Read on a worker; the model comes there or on the thread that loads models, which has no time for prompts; so they are
// prepared on a worker again. Nothing is done for a client that has gone.
void generate(const Protocol& protocol, Services& services, std::shared_ptr<const Request> request,
              std::shared_ptr<ResponseWriter> writer) {
  const auto begin = Clock::now();
  const auto trace = std::make_shared<RequestTrace>(services.traces, *request);
  const auto refuse = [writer, trace](const Error& error) {
    trace->failed(error);
    writer->send(error_response(error));
  };
  const Error is_gone{ErrorCode::kCancelled, "the client has gone", {}};
  const auto read = [=, &protocol, &services] {
    if (writer->is_gone()) return refuse(is_gone);
    auto parsed = parse(protocol, services, *request, *trace);
    if (!parsed) return refuse(parsed.error());
    const auto call = std::make_shared<Call>(std::move(parsed->second));
    services.library.acquire(parsed->first, [=, &protocol, &services](const Result<service::ModelLease>& model) {
      if (!model) return refuse(model.error());
      const auto begun = services.server.work(request->body.size(), [=, &protocol, &services, model = *model] {
        if (writer->is_gone()) return refuse(is_gone);
        const auto started = start(protocol, services, std::move(*call), model, *request, writer, trace, begin);
        if (!started) refuse(started.error());
      });
      if (!begun) refuse(begun.error());
    });
  };
  if (const auto begun = services.server.work(request->body.size(), read); !begun) refuse(begun.error());
}

}  // namespace hearth::api

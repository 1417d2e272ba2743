// hearth eval logits: what a model predicts after each of the given tokens, as numbers for other programs to compare.
#include <algorithm>
#include <charconv>

#include "apps/model_loading.h"
#include "apps/command.h"
#include "checkpoint/safetensors_writer.h"

namespace hearth::apps {

namespace {

// Collects every prompt position's logits; the one generated token that a request needs is not looked at.
class LogitRows final : public engine::EventSink {
 public:
  LogitRows(size_t rows, size_t vocab) : values(rows * vocab), vocab_(vocab) {}

  void on_prompt_logits(uint32_t position, std::span<const float> logits) override {
    std::ranges::copy(logits, values.begin() + static_cast<ptrdiff_t>(position * vocab_));
  }
  void on_token(int32_t, float, std::span<const engine::TokenLogprob>) override {}
  void on_finish(const engine::Finish& finish) override {
    finished = true;
    if (finish.reason == engine::FinishReason::kError) failure = finish.error;
  }

  std::vector<float> values;
  std::optional<Error> failure;
  bool finished = false;

 private:
  size_t vocab_;
};

Result<std::vector<int32_t>> parse_ids(const std::string& text, size_t vocab) {
  std::vector<int32_t> ids;
  const char *at = text.data(), *end = at + text.size();
  while (at != end) {
    int32_t id = -1;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || (next != end && *next != ',') || next + 1 == end)
      return fail(ErrorCode::kUsage, "--ids takes token ids joined by commas, such as 1,403,407; it was given '{}'", text);
    if (id < 0 || static_cast<size_t>(id) >= vocab)
      return fail(ErrorCode::kInvalidArgument, "token {} is not in the vocabulary, which has 0 to {}", id, vocab - 1);
    ids.push_back(id);
    at = next == end ? end : next + 1;
  }
  if (ids.empty()) return fail(ErrorCode::kUsage, "--ids names no token");
  return ids;
}

class EvalLogits final : public Command {
 public:
  void visit(options::OptionList& v) override {
    v.section("Input and output");
    v("ids", ids_, "the tokens, joined by commas", options::any().named("IDS").flag_only());
    v("out", out_, "the file to write", options::any().named("FILE").flag_only());
    service::visit(v, model_);
  }

  Result<void> run(const Invocation& call) override {
    if (ids_.empty() || out_.empty()) return fail(ErrorCode::kUsage, "eval logits needs --ids and --out");
    HEARTH_TRY(files, service::ModelFiles::open(call.arguments[0]));
    HEARTH_TRY(loaded, load_model(call.console, std::move(files), model_, {.prefix_cache = false}));
    const size_t vocab = loaded->model().plan().vocab;
    HEARTH_TRY(ids, parse_ids(ids_, vocab));
    auto rows = std::make_shared<LogitRows>(ids.size(), vocab);
    engine::Request request;
    request.prompt = ids;
    request.max_tokens = 1;
    request.sampling.temperature = 0;
    request.want_prompt_logits = true;
    HEARTH_TRY_VOID(loaded->engine().submit(std::move(request), rows));
    while (!rows->finished) loaded->engine().step();
    if (rows->failure) return Failure(*rows->failure);
    const checkpoint::F32Tensor tensor{"logits", {ids.size(), vocab}, rows->values};
    HEARTH_TRY_VOID(checkpoint::write_safetensors(out_, std::span(&tensor, 1)));
    if (call.console.json())
      call.console.print_json(Json::object({{"file", out_}, {"tokens", ids.size()}, {"vocabulary", vocab}}));
    else call.console.status(fmt::format("{}: logits ({}, {})\n", out_, ids.size(), vocab));
    loaded->finish_keeping();
    return {};
  }

 private:
  std::string ids_, out_;
  service::ModelOptions model_;
};

}  // namespace

extern const CommandFacts kEvalLogits{
    .name = "eval logits",
    .arguments = "MODEL --ids IDS --out FILE",
    .summary = "write the logits after each token as a safetensors file",
    .notes = "The file holds `logits`, f32, of shape (tokens, vocabulary): row i is the prediction after token i.",
    .min_arguments = 1,
    .max_arguments = 1,
    .make = &make_command<EvalLogits>};

}  // namespace hearth::apps

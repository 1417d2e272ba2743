// hearth eval perplexity: how well a model predicts a text.
#include "apps/model_loading.h"
#include "apps/command.h"
#include "base/file.h"
#include "service/perplexity.h"

namespace hearth::apps {

namespace {

class EvalPerplexity final : public Command {
 public:
  EvalPerplexity() { model_.kv_type = "f32"; }  // a measurement asks for the model, not for its cache

  void visit(options::OptionList& v) override {
    v.section("Input");
    v("text", text_, "the text file to predict", options::any().named("FILE").flag_only());
    v("window", window_, "tokens in one window; the second half of each is scored", options::in_range(4, 1 << 24).flag_only());
    v.section("Model");
    v("threads", model_.threads, "processors to use; 0 is all that this process may use", options::in_range(0, 4096));
    v("kv-type", model_.kv_type, "how the cache of keys and values is stored", service::kv_type_choice().flag_only());
    v("k-type", model_.k_type, "how keys are stored, where it differs from values",
      service::kv_type_choice().or_else("as kv-type").flag_only());
    v("v-type", model_.v_type, "how values are stored, where it differs from keys",
      service::kv_type_choice().or_else("as kv-type").flag_only());
    v("backend", model_.backend, "what computes", options::one_of({"cpu", "reference"}));
    v("isa", model_.isa, "force an instruction set of the cpu backend", options::any().named("NAME").or_else("best available"));
    v("prefill-chunk", model_.prefill_chunk, "prompt tokens computed in one step", options::in_range(1, 1 << 20));
  }

  Result<void> run(const Invocation& call) override {
    if (text_.empty()) return fail(ErrorCode::kUsage, "eval perplexity needs --text FILE");
    HEARTH_TRY(text, read_text_file(text_));
    HEARTH_TRY(files, service::ModelFiles::open(call.arguments[0]));
    HEARTH_TRY(tokenizer, files.tokenizer());
    model_.context = window_;
    HEARTH_TRY(loaded, load_model(call.console, std::move(files), model_, {.prefix_cache = false}));
    HEARTH_TRY(result, measure(call, *loaded, *tokenizer, text));
    print(call, result);
    return {};
  }

 private:
  Result<service::Perplexity> measure(const Invocation& call, service::LoadedModel& loaded, const text::Tokenizer& tokenizer,
                                      const std::string& text) const {
    ProgressLine line(call.console, "scoring");
    return service::measure_perplexity(loaded.engine(), tokenizer, text, window_,
                                       [&](const service::Perplexity& so_far, uint32_t windows) {
                                         line.update(so_far.windows, windows);
                                         return true;
                                       });
  }

  void print(const Invocation& call, const service::Perplexity& p) const {
    const double rate = p.seconds > 0 ? static_cast<double>(p.windows) * window_ / p.seconds : 0;
    if (call.console.json()) {
      call.console.print_json(Json::object({{"perplexity", p.value}, {"error", p.error}, {"window", window_},
                                            {"windows", p.windows}, {"scored_tokens", p.scored}, {"dropped_tokens", p.dropped},
                                            {"seconds", p.seconds}, {"tokens_per_second", rate}}));
      return;
    }
    call.console.status(fmt::format("{} windows of {} tokens, {} scored, {} of the tail dropped, {:.2f} s, {:.0f} tokens/s\n",
                                    p.windows, window_, number_text(p.scored), p.dropped, p.seconds, rate));
    if (!call.console.quiet()) call.console.print(fmt::format("error {:.4f}\n", p.error));
    call.console.print(fmt::format("perplexity {:.4f}\n", p.value));
  }

  std::string text_;
  uint32_t window_ = 512;
  service::ModelOptions model_;
};

}  // namespace

extern const CommandFacts kEvalPerplexity{
    .name = "eval perplexity",
    .arguments = "MODEL --text FILE",
    .summary = "measure how well a model predicts a text",
    .notes = "Windows do not overlap and start with an empty cache; numbers compare with llama.cpp's of the same window.",
    .min_arguments = 1,
    .max_arguments = 1,
    .make = &make_command<EvalPerplexity>};

}  // namespace hearth::apps

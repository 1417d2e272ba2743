// hearth eval perplexity: how well a model predicts a text.
#include "apps/command.h"
#include "apps/model_loading.h"
#include "apps/quality_options.h"
#include "service/quality/perplexity.h"

namespace hearth::apps {

namespace {

class EvalPerplexity final : public Command {
 public:
  void visit(options::OptionList& v) override {
    v.section("Input");
    visit_text(v, options_);
    visit_model(v, options_);
  }

  Result<void> run(const Invocation& call) override {
    HEARTH_TRY(text, options_.prepare("eval perplexity"));
    HEARTH_TRY(files, service::ModelFiles::open(call.arguments[0]));
    HEARTH_TRY(tokenizer, files.tokenizer());
    HEARTH_TRY(loaded, load_model(call.console, std::move(files), options_.model, {.prefix_cache = false}));
    HEARTH_TRY(result, measure(call, *loaded, *tokenizer, text));
    print(call, result);
    return {};
  }

 private:
  Result<service::Perplexity> measure(const Invocation& call, service::LoadedModel& loaded, const text::Tokenizer& tokenizer,
                                      const std::string& text) const {
    ProgressLine line(call.console, "scoring");
    return service::measure_perplexity(loaded.engine(), tokenizer, text, options_.window,
                                       [&](const service::Perplexity& so_far, uint32_t windows) {
                                         line.update(so_far.windows, windows);
                                         return true;
                                       });
  }

  void print(const Invocation& call, const service::Perplexity& p) const {
    const double rate = p.seconds > 0 ? static_cast<double>(p.windows) * options_.window / p.seconds : 0;
    if (call.console.json()) {
      call.console.print_json(Json::object({{"perplexity", p.value}, {"error", p.error}, {"window", options_.window},
                                            {"windows", p.windows}, {"scored_tokens", p.scored}, {"dropped_tokens", p.dropped},
                                            {"seconds", p.seconds}, {"tokens_per_second", rate}}));
      return;
    }
    call.console.status(fmt::format("{} windows of {} tokens, {} scored, {} of the tail dropped, {:.2f} s, {:.0f} tokens/s\n",
                                    p.windows, options_.window, number_text(p.scored), p.dropped, p.seconds, rate));
    if (!call.console.quiet()) call.console.print(fmt::format("error {:.4f}\n", p.error));
    call.console.print(fmt::format("perplexity {:.4f}\n", p.value));
  }

  QualityOptions options_;
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

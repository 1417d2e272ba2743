// hearth eval divergence: how far a model's predictions are from another's, on a text.
#include "apps/command.h"
#include "apps/model_loading.h"
#include "apps/quality_options.h"
#include "service/quality/divergence.h"

namespace hearth::apps {

namespace {

class EvalDivergence final : public Command {
 public:
  void visit(options::OptionList& v) override {
    v.section("Input");
    v("base", base_, "the model to compare with", options::any().named("MODEL").flag_only());
    visit_text(v, options_);
    visit_model(v, options_);
  }

  Result<void> run(const Invocation& call) override {
    if (base_.empty()) return fail(ErrorCode::kUsage, "eval divergence needs --base MODEL");
    HEARTH_TRY(text, options_.prepare("eval divergence"));
    service::ModelOptions base_options = options_.model;
    base_options.kv_type = "f32";
    base_options.k_type = base_options.v_type = "";
    HEARTH_TRY(base_files, service::ModelFiles::open(base_));
    HEARTH_TRY(files, service::ModelFiles::open(call.arguments[0]));
    HEARTH_TRY(base_tokenizer, base_files.tokenizer());
    HEARTH_TRY(tokenizer, files.tokenizer());
    HEARTH_TRY(base, load_model(call.console, std::move(base_files), base_options, {.prefix_cache = false}));
    HEARTH_TRY(model, load_model(call.console, std::move(files), options_.model, {.prefix_cache = false}));
    HEARTH_TRY_VOID(check_same_tokens(*base, *base_tokenizer, *model, *tokenizer, text));
    HEARTH_TRY(result, measure(call, *base, *model, *tokenizer, text));
    print(call.console, result);
    return {};
  }

 private:
  static Result<void> check_same_tokens(const service::LoadedModel& base, const text::Tokenizer& base_tokenizer,
                                        const service::LoadedModel& model, const text::Tokenizer& tokenizer, const std::string& text) {
    const uint32_t base_vocab = base.model().plan().vocab, vocab = model.model().plan().vocab;
    if (base_vocab != vocab)
      return fail(ErrorCode::kInvalidArgument, "the base has {} tokens, the model {}; only models of one vocabulary compare", base_vocab, vocab);
    if (base_tokenizer.encode(text) != tokenizer.encode(text))
      return fail(ErrorCode::kInvalidArgument, "the base and the model cut the text differently; only models of one tokenizer compare");
    return {};
  }

  Result<service::Divergences> measure(const Invocation& call, service::LoadedModel& base, service::LoadedModel& model,
                                       const text::Tokenizer& tokenizer, const std::string& text) const {
    ProgressLine line(call.console, "scoring");
    return service::measure_divergence(base.engine(), model.engine(), tokenizer, text, options_.window,
                                       [&](uint32_t done, uint32_t windows) {
                                         line.update(done, windows);
                                         return true;
                                       });
  }

  static void print(const Console& console, const service::Divergences& d) {
    if (console.json()) {
      console.print_json(Json::object({{"mean", d.mean()}, {"error", d.error()}, {"median", d.quantile(0.5)}, {"p90", d.quantile(0.9)},
                                       {"p95", d.quantile(0.95)}, {"p99", d.quantile(0.99)}, {"p99_9", d.quantile(0.999)},
                                       {"maximum", d.quantile(1)}, {"same_top", d.same_top()}, {"probability_rms", d.probability_rms()},
                                       {"perplexity", d.perplexity()}, {"base_perplexity", d.base_perplexity()},
                                       {"scored_tokens", d.scored()}}));
      return;
    }
    if (!console.quiet()) {
      console.print(fmt::format("scored tokens    {}\n", number_text(d.scored())));
      console.print(fmt::format("perplexity       {:.4f}, of the base {:.4f}\n", d.perplexity(), d.base_perplexity()));
      console.print(fmt::format("same top token   {:.3f} %\n", 100 * d.same_top()));
      console.print(fmt::format("true token       {:.3f} % RMS change of its probability\n", 100 * d.probability_rms()));
      console.print(fmt::format("quantiles        50 % {:.6f}, 90 % {:.6f}, 95 % {:.6f}, 99 % {:.6f}, 99.9 % {:.6f}, maximum {:.6f}\n",
                                d.quantile(0.5), d.quantile(0.9), d.quantile(0.95), d.quantile(0.99), d.quantile(0.999), d.quantile(1)));
      console.print(fmt::format("error            {:.6f}\n", d.error()));
    }
    console.print(fmt::format("divergence       {:.6f}\n", d.mean()));
  }

  std::string base_;
  QualityOptions options_;
};

}  // namespace

extern const CommandFacts kEvalDivergence{
    .name = "eval divergence",
    .arguments = "MODEL --base MODEL --text FILE",
    .summary = "measure how far a model's predictions are from another's",
    .notes = "Kullback-Leibler divergence of MODEL from the base at each scored token, in nats; windows as in eval perplexity. Both have the\n"
             "same tokenizer; the base keeps its cache in f32, so that a model beside itself measures the cache formats.",
    .min_arguments = 1,
    .max_arguments = 1,
    .make = &make_command<EvalDivergence>};

}  // namespace hearth::apps

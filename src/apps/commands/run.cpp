// hearth run: one answer to a prompt, or a chat on a terminal.
#include <unistd.h>

#include "apps/answers.h"
#include "apps/chat/session.h"
#include "apps/command.h"
#include "apps/interrupt.h"
#include "apps/run_options.h"
#include "service/chat_service.h"
#include "service/completion_service.h"
#include "service/ember.h"

namespace hearth::apps {

namespace {

class Run final : public Command {
 public:
  void visit(options::OptionList& v) override { apps::visit(v, options_); }

  Result<void> run(const Invocation& call) override {
    const bool has_prompt = call.arguments.size() > 1 && call.arguments[1] != "-";
    const bool is_chat = call.arguments.size() < 2 && ::isatty(STDIN_FILENO) == 1;
    if (is_chat && (options_.raw || call.console.json() || options_.stream_json))
      return fail(ErrorCode::kUsage, "--raw, --json and --stream-json need a prompt, as an argument or on standard input");
    for (const char* of_chats : {"system", "chat-template", "think"})
      if (options_.raw && call.options.find(of_chats)->source == options::Source::kFlag)
        return fail(ErrorCode::kUsage, "--raw continues the prompt as it stands: --{} has no place there", of_chats);
    const bool is_ours = call.arguments.empty();
    HEARTH_TRY(files, service::ModelFiles::open(is_ours ? std::string(service::kEmberName) : call.arguments[0], options_.template_file));
    if (is_ours) call.console.note("Ember answers, the small helper inside Hearth; 'hearth run MODEL' runs a model of yours");
    for (const auto& refused : service::apply_model_defaults(call.options, files.defaults())) call.console.note(refused);
    HEARTH_TRY(tokenizer, files.tokenizer());
    options_.model.trace = options_.tracing.recorder();
    HEARTH_TRY(loaded, load_model(call.console, std::move(files), options_.model));
    std::string prompt;
    if (!is_chat) HEARTH_TRY_VOID(read_prompt(call, has_prompt, prompt));
    if (prompt.empty() && !is_chat && !options_.raw)
      return fail(ErrorCode::kUsage, "the prompt is empty: give one as an argument or on standard input, or begin with nothing by --raw");
    const Result<void> answered = is_chat ? run_chat(call.console, *loaded, tokenizer, options_, call.options)
                                          : answer(call, *loaded, *tokenizer, prompt);
    if (answered) loaded->finish_keeping();
    const Result<void> told = options_.tracing.finish(call.console);  // of an interrupted run as well
    return answered ? told : answered;
  }

 private:
  // What is piped in stands before the words of the command line, as the text that they are about; so it is with Ollama.
  static Result<void> read_prompt(const Invocation& call, bool has_words, std::string& prompt) {
    HEARTH_TRY(text, has_words ? read_piped_input(call.console) : read_standard_input());
    if (text.ends_with('\n')) text.pop_back();  // the shell's, not the user's
    prompt = std::move(text);
    if (!has_words) return {};
    const std::string& words = call.arguments[1];
    if (!prompt.empty() && !words.empty()) prompt += "\n\n";
    prompt += words;
    return {};
  }

  Result<service::Outcome> generate(const Invocation& call, service::LoadedModel& loaded, const text::Tokenizer& tokenizer,
                                    const std::string& prompt, service::EventReceiver& receiver) {
    const InterruptFlag interrupt(InterruptFlag::Second::kEndsTheProgram);
    if (options_.raw) {
      service::CompletionService completion(tokenizer, loaded.engine());
      return completion.complete({.prompt = prompt, .generation = options_.settings.generation}, receiver, interrupt.flag());
    }
    HEARTH_TRY(chat_template, loaded.files().chat_template());
    if (!loaded.files().has_own_template() && options_.template_file.empty())
      call.console.note(fmt::format("{} has no chat template; using the {} (--raw continues the text instead)",
                                    loaded.files().name(), loaded.files().template_origin()));
    service::ChatRequest request;
    if (!options_.system.empty()) request.messages.push_back(text::Message::of("system", options_.system));
    request.messages.push_back(text::Message::of("user", prompt));
    request.think = options_.settings.think;
    request.generation = options_.settings.generation;
    service::ChatService chat(tokenizer, *chat_template, loaded.engine());
    return chat.answer(request, receiver, interrupt.flag());
  }

  Result<void> answer(const Invocation& call, service::LoadedModel& loaded, const text::Tokenizer& tokenizer,
                      const std::string& prompt) {
    Console& console = call.console;
    if (console.json() || options_.stream_json) {
      SilentReceiver silent(console);
      JsonLinePrinter lines(console);
      service::EventReceiver& receiver = options_.stream_json ? static_cast<service::EventReceiver&>(lines) : silent;
      HEARTH_TRY(outcome, generate(call, loaded, tokenizer, prompt, receiver));
      const Json json = outcome_json(outcome, loaded.files().name(), loaded.load_seconds());
      if (options_.stream_json) console.print(json.dump() + "\n");
      else console.print_json(json);
      return interrupted(outcome);
    }
    AnswerPrinter printer(console);
    HEARTH_TRY(outcome, generate(call, loaded, tokenizer, prompt, printer));
    if (!console.quiet() || console.output_is_terminal()) printer.end_line();
    const std::string ending = ending_text(outcome, loaded.engine().context());
    if (!ending.empty() && outcome.reason != service::FinishReason::kCancelled) console.note(ending);
    if (options_.settings.stats) console.status(stats_text(outcome) + "\n");
    return interrupted(outcome);
  }

  static Result<void> interrupted(const service::Outcome& outcome) {
    if (outcome.reason == service::FinishReason::kCancelled) return fail(ErrorCode::kCancelled, "interrupted");
    return {};
  }

  RunOptions options_;
};

}  // namespace

extern const CommandFacts kRun{
    .name = "run",
    .arguments = "[MODEL [PROMPT]]",
    .summary = "chat with a model, or answer one prompt",
    .notes = "Without MODEL, Ember answers: a small helper inside the program, also called 'ember'. Without PROMPT, standard input is the\n"
             "prompt; on a terminal a chat begins (/help there tells more). With PROMPT, text that is piped in or redirected goes before\n"
             "it: cat notes.txt | hearth run MODEL \"Summarize this\". A pipe on which nothing comes for 5 seconds is then left alone,\n"
             "with a note; '-' as PROMPT waits for all of it, and < /dev/null keeps standard input for other programs.\n"
             "With --raw the prompt is continued as it stands, and the text of control tokens means control tokens.",
    .min_arguments = 0,
    .max_arguments = 2,
    .make = &make_command<Run>};

}  // namespace hearth::apps

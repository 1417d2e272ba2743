#include "apps/chat/session.h"

#include "apps/answers.h"
#include "apps/chat/commands.h"
#include "apps/chat/line_editor.h"
#include "apps/interrupt.h"
#include "base/options/sources.h"
#include "service/chat_service.h"

namespace hearth::apps {

Session::Session(Console& console, service::LoadedModel& loaded, const text::Tokenizer& tokenizer,
                 const text::ChatTemplate& chat_template, RunOptions& options, options::OptionList& given)
    : console_(console), loaded_(loaded), tokenizer_(tokenizer), template_(chat_template), options_(options) {
  apps::visit(settings_, options_.settings);
  for (auto& setting : settings_.all()) setting.source = given.find(setting.name)->source;
  if (!options_.system.empty()) messages_.push_back(text::Message::of("system", options_.system));
}

bool Session::handle(const std::string& input) {
  if (input.find_first_not_of(" \t\n") == std::string::npos) return true;
  // Pasted lines may begin with a slash and be no command: paths do, and comments.
  const bool is_one_line = input.find('\n') == std::string::npos;
  if (input.starts_with('/') && (is_one_line || is_chat_command(input))) return run_chat_command(*this, input);
  say(input);
  return true;
}

void Session::say(const std::string& text) {
  messages_.push_back(text::Message::of("user", text));
  if (answer()) return;
  messages_.pop_back();
  console_.note("your message was taken back; the conversation stands as before it");
}

bool Session::answer() {
  const service::ChatRequest request{.messages = messages_, .tools = {}, .think = options_.settings.think,
                                     .template_variables = {}, .generation = options_.settings.generation};
  AnswerPrinter printer(console_);
  const InterruptFlag interrupt(InterruptFlag::Second::kIsIgnored);
  service::ChatService chat(tokenizer_, template_, loaded_.engine());
  auto outcome = chat.answer(request, printer, interrupt.flag());
  printer.end_line();
  if (!outcome) {
    tell(outcome.error());
    return false;
  }
  auto message = text::Message::of("assistant", outcome->text);
  message.thinking = outcome->thinking;
  messages_.push_back(std::move(message));
  context_used_ = outcome->prompt_tokens + static_cast<uint32_t>(outcome->tokens.size());
  if (const std::string ending = ending_text(*outcome, loaded_.engine().context()); !ending.empty()) console_.note(ending);
  if (options_.settings.stats) console_.print(console_.dim(stats_text(*outcome)) + "\n");
  console_.print("\n");
  return true;
}

static std::string history_file() {
  const std::string folder = options::state_folder();
  return folder.empty() ? "" : folder + "/history";
}

Result<void> run_chat(Console& console, service::LoadedModel& loaded, std::shared_ptr<const text::Tokenizer> tokenizer,
                      RunOptions& options, options::OptionList& given) {
  HEARTH_TRY(chat_template, loaded.files().chat_template());
  console.print(fmt::format("{}  {}\n", console.bold(loaded.files().name()),
                            console.dim(fmt::format("context {} tokens, {}. /help lists the commands.",
                                                    number_text(loaded.engine().context()), loaded.backend().summary()))));
  if (!loaded.files().has_own_template() && options.template_file.empty())
    console.note(fmt::format("{} has no chat template; using the {}", loaded.files().name(), loaded.files().template_origin()));
  Session session(console, loaded, *tokenizer, *chat_template, options, given);
  // \1 brackets what takes no room; without colours there is nothing to bracket.
  const std::string arrow = console.accent(">>>");
  const std::string prompt = arrow == ">>>" ? ">>> " : "\1\x1b[36m\1>>>\1\x1b[0m\1 ";
  // Between an answer and the next prompt the terminal is not the editor's yet; a Ctrl-C then must not end the chat.
  const InterruptFlag interrupt(InterruptFlag::Second::kIsIgnored);
  LineEditor editor(prompt, "... ", history_file());
  while (true) {
    const LineEditor::Input input = editor.read_message();
    if (input.kind == LineEditor::Input::Kind::kEnd) break;
    if (input.kind == LineEditor::Input::Kind::kInterrupted) {
      console.print(console.dim("Ctrl-D or /exit leaves") + "\n");
      continue;
    }
    if (!session.handle(input.text)) return {};
  }
  console.print("\n");
  return {};
}

}  // namespace hearth::apps

#include "apps/chat/commands.h"

#include <algorithm>
#include <array>

#include "base/options/describe.h"
#include "service/conversation.h"

namespace hearth::apps {

// The functions of the list below. `rest` is what follows the command's name, trimmed. False leaves the chat.
struct ChatCommands {
  struct Entry {
    std::string_view name, arguments, help;
    bool (*run)(Session& s, const std::string& rest);
  };
  static const std::array<Entry, 11> kList;

  static bool help(Session& s, const std::string& rest) {
    if (rest.starts_with("me ")) {
      if (const auto answered = s.ember_.answer(s.console_, rest.substr(3)); !answered) s.tell(answered.error());
      return true;
    }
    for (const Entry& entry : kList) {
      if (entry.help.empty()) continue;  // another name of one listed
      const std::string usage = fmt::format("{} {}", entry.name, entry.arguments);
      s.console_.print(fmt::format("  {:24}{}\n", usage, entry.help));
    }
    s.console_.print(
        "  A backslash at the end of a line, or \"\"\" before and after, makes a message of several lines; so does pasting them.\n"
        "  Ctrl-C stops an answer, Ctrl-D leaves.\n");
    return true;
  }

  static bool clear(Session& s, const std::string&) {
    std::erase_if(s.messages_, [](const text::Message& m) { return m.role != "system"; });
    s.context_used_ = 0;
    s.console_.print(s.console_.dim("a new conversation") + "\n");
    return true;
  }

  static bool system(Session& s, const std::string& rest) {
    const bool present = !s.messages_.empty() && s.messages_[0].role == "system";
    if (rest.empty()) {
      s.console_.print((present ? s.messages_[0].text() : s.console_.dim("no system message")) + "\n");
      return true;
    }
    if (present) s.messages_.erase(s.messages_.begin());
    s.messages_.insert(s.messages_.begin(), text::Message::of("system", rest));
    return true;
  }

  static bool save(Session& s, const std::string& rest) {
    if (rest.empty()) return usage(s, "/save FILE");
    const auto saved = service::save_conversation(rest, {s.loaded_.files().name(), s.messages_});
    if (!saved) s.tell(saved.error());
    else s.console_.print(s.console_.dim(fmt::format("{} messages saved to {}", s.messages_.size(), rest)) + "\n");
    return true;
  }

  static bool load(Session& s, const std::string& rest) {
    if (rest.empty()) return usage(s, "/load FILE");
    auto loaded = service::load_conversation(rest);
    if (!loaded) {
      s.tell(loaded.error());
      return true;
    }
    s.messages_ = std::move(loaded->messages);
    s.context_used_ = 0;
    s.console_.print(s.console_.dim(fmt::format("{} messages loaded", s.messages_.size())) + "\n");
    for (const auto& message : s.messages_)
      s.console_.print(fmt::format("{} {}\n", s.console_.accent(message.role + ":"), message.text()));
    return true;
  }

  static bool set(Session& s, const std::string& rest) {
    const size_t space = rest.find(' ');
    const std::string name = rest.substr(0, space);
    if (space != std::string::npos) {
      std::string value = rest.substr(rest.find_first_not_of(' ', space));
      if (value == "\"\"") value.clear();  // clears a list or an optional value
      if (const auto done = s.settings_.set(name, value, options::Source::kSession); !done) {
        s.tell(done.error());
      } else {
        const options::Option& option = *s.settings_.find(name);
        s.console_.print(s.console_.dim(fmt::format("{} is {}", option.name, shown_value(option))) + "\n");
      }
      return true;
    }
    const options::Option* named = s.settings_.find(name);
    if (!rest.empty() && named == nullptr) s.tell(s.settings_.set(name, "", options::Source::kSession).error());
    for (const auto& option : s.settings_.all())
      if (rest.empty() || &option == named) s.console_.print(setting_line(s.console_, option));
    return true;
  }

  static std::string shown_value(const options::Option& option) {
    const std::string value = option.value_text();
    if (!value.empty()) return value;
    return option.traits.unset.empty() ? "empty" : std::string(option.traits.unset);
  }

  static std::string setting_line(const Console& console, const options::Option& option) {
    constexpr size_t kHelpColumn = 40;
    const std::string line = fmt::format("  {:20}{:18}", option.name, shown_value(option));
    return line + console.dim(options::wrap(option.help, console.columns(), kHelpColumn)) + "\n";
  }

  static bool show(Session& s, const std::string&) {
    s.console_.print(fmt::format("  model      {} ({})\n", s.loaded_.files().name(), s.loaded_.files().path()));
    s.console_.print(fmt::format("  backend    {}\n", s.loaded_.backend().summary()));
    s.console_.print(fmt::format("  memory     weights {}, {}\n", size_text(s.loaded_.model().weight_bytes()),
                                 s.loaded_.engine().summary()));
    s.console_.print(fmt::format("  template   {}\n", s.loaded_.files().template_origin()));
    s.console_.print(fmt::format("  messages   {}, {} of {} tokens used\n", s.messages_.size(), s.context_used_,
                                 s.loaded_.engine().context()));
    for (const auto& option : s.settings_.all())
      if (option.source != options::Source::kDefault)
        s.console_.print(fmt::format("  {} = {} ({})\n", option.name, option.value_text(), options::source_name(option.source)));
    return true;
  }

  static bool regen(Session& s, const std::string&) {
    const std::vector<text::Message> before = s.messages_;
    if (!s.messages_.empty() && s.messages_.back().role == "assistant") s.messages_.pop_back();
    if (s.messages_.empty() || s.messages_.back().role != "user") {
      s.messages_ = before;
      s.console_.print(s.console_.dim("there is no message to answer again") + "\n");
      return true;
    }
    if (s.answer()) return true;
    s.messages_ = before;
    s.console_.note("the conversation stands as before");
    return true;
  }

  static bool leave(Session&, const std::string&) { return false; }

  static bool usage(Session& s, std::string_view words) {
    s.console_.print(fmt::format("usage: {}\n", words));
    return true;
  }
};

const std::array<ChatCommands::Entry, 11> ChatCommands::kList{{
    {"/help", "[me QUESTION]", "this list; /help me asks Ember, the helper inside Hearth", &help},
    {"/clear", "", "begin a new conversation; the system message stays", &clear},
    {"/system", "[TEXT]", "show or set the system message", &system},
    {"/save", "FILE", "write the conversation to a file", &save},
    {"/load", "FILE", "go on with a saved conversation", &load},
    {"/set", "[NAME [VALUE]]", "change a setting, or show it, or all; \"\" clears one", &set},
    {"/show", "", "the model, its memory, changed settings, counts", &show},
    {"/regen", "", "answer the last message again", &regen},
    {"/exit", "", "leave; also /bye, /quit and Ctrl-D", &leave},
    {"/bye", "", "", &leave},
    {"/quit", "", "", &leave},
}};

bool is_chat_command(std::string_view input) {
  const std::string_view name = input.substr(0, input.find_first_of(" \n"));
  return std::ranges::find(ChatCommands::kList, name, &ChatCommands::Entry::name) != ChatCommands::kList.end();
}

bool run_chat_command(Session& session, const std::string& input) {
  const size_t end = input.find_first_of(" \n");
  const std::string name = input.substr(0, end);
  const size_t first = end == std::string::npos ? end : input.find_first_not_of(" \n", end);
  std::string rest = first == std::string::npos ? "" : input.substr(first);
  rest.erase(rest.find_last_not_of(" \n") + 1);
  std::vector<std::string> names;
  for (const auto& entry : ChatCommands::kList) {
    if (entry.name == name) return entry.run(session, rest);
    names.emplace_back(entry.name);
  }
  report({ErrorCode::kUsage, fmt::format("there is no command {}{}; /help lists them", name, options::suggestion("", name, names)), {}},
         false);
  return true;
}

}  // namespace hearth::apps

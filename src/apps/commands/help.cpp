// hearth help [COMMAND]: the overview, or what `hearth COMMAND --help` prints.
#include "apps/help.h"

namespace hearth::apps {

namespace {

class Help final : public Command {
 public:
  void visit(options::OptionList& v) override {
    v("markdown", markdown_, "print docs/options.md", options::any().flag_only());
  }

  Result<void> run(const Invocation& call) override {
    const size_t columns = call.console.columns();
    if (markdown_) return call.console.print(options_markdown()), Result<void>();
    std::string name;
    for (const auto& word : call.arguments) name += (name.empty() ? "" : " ") + word;
    if (name.empty()) return call.console.print(overview(columns)), Result<void>();
    std::vector<std::string> names;
    for (const CommandFacts* facts : commands()) {
      if (facts->name == name) return call.console.print(command_help(*facts, columns)), Result<void>();
      names.emplace_back(facts->name);
    }
    return no_command(name, "", names);
  }

 private:
  bool markdown_ = false;
};

}  // namespace

extern const CommandFacts kHelp{.name = "help", .arguments = "[COMMAND]", .summary = "explain a command and its options",
                                .notes = "", .max_arguments = 2, .has_settings = false, .make = &make_command<Help>};

}  // namespace hearth::apps

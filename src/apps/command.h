#pragma once
// What a command of the program is: facts for help, options to visit, and something to run. One file per command in
// commands/, one line in commands.def; help, flags, variables, config keys and docs/options.md follow from these.
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "apps/console.h"
#include "base/options/options.h"
#include "base/result.h"

namespace hearth::apps {

// A command called: its positional arguments, as many as its facts allow.
struct Invocation {
  std::span<const std::string> arguments;
  options::OptionList& options;  // as visited, with the sources applied; model defaults go here
  Console& console;
};

class Command {
 public:
  virtual ~Command() = default;
  virtual void visit(options::OptionList& v) {}
  virtual Result<void> run(const Invocation& call) = 0;
};

struct CommandFacts {
  std::string_view name;       // "run", "eval logits"
  std::string_view arguments;  // "MODEL [PROMPT]"
  std::string_view summary;    // one line of the overview
  std::string_view notes;      // after the options of --help; may be empty
  size_t min_arguments = 0, max_arguments = 0;
  bool has_settings = true;    // reads variables and the config file, and so fails where there is a mistake in them
  std::unique_ptr<Command> (*make)();
};

template <class T>
std::unique_ptr<Command> make_command() {
  return std::make_unique<T>();
}

std::span<const CommandFacts* const> commands();  // as commands.def lists them

}  // namespace hearth::apps

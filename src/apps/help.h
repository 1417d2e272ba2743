#pragma once
// Help as text and as docs/options.md; both come from commands.def and the visited options.
#include <string>
#include <vector>

#include "apps/command.h"

namespace hearth::apps {

std::string overview(size_t columns);
std::string command_help(const CommandFacts& facts, size_t columns);
std::string options_markdown();  // the whole of docs/options.md

// The options of one command as they are before any source is applied. `command` and `common` are what it fills.
options::OptionList option_list(Command& command, CommonOptions& common);

// kUsage: no command has this name; with the nearest of `names`, spelled behind `prefix`, or how to list them.
Failure no_command(std::string_view name, std::string_view prefix, std::span<const std::string> names);

// Variables and config keys that some command knows.
struct KnownNames {
  std::vector<std::string> variables, keys;
};
KnownNames known_names();

}  // namespace hearth::apps

// The program: finds the command, fills its options from every source, runs it, and turns an error into a sentence.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/help.h"
#include "base/file.h"
#include "base/log.h"
#include "base/options/sources.h"

namespace hearth::apps {

#define HEARTH_COMMAND(file, facts) extern const CommandFacts facts;
#include "apps/commands.def"
#undef HEARTH_COMMAND

std::span<const CommandFacts* const> commands() {
  static constexpr const CommandFacts* kCommands[] = {
#define HEARTH_COMMAND(file, facts) &facts,
#include "apps/commands.def"
#undef HEARTH_COMMAND
  };
  return kCommands;
}

namespace {

struct Found {
  const CommandFacts* facts = nullptr;
  size_t words = 0;  // of the command line that its name took
};

// The command whose name begins the arguments ("eval logits" takes two words).
Result<Found> find_command(std::span<const std::string> arguments) {
  std::vector<std::string> names;
  const std::string two = arguments.size() > 1 ? arguments[0] + " " + arguments[1] : "";
  for (const CommandFacts* facts : commands()) {
    names.emplace_back(facts->name);
    if (facts->name == arguments[0]) return Found{facts, 1};
    if (facts->name == two) return Found{facts, 2};
  }
  const bool is_family = std::ranges::any_of(names, [&](const std::string& n) { return n.starts_with(arguments[0] + " "); });
  const std::string& word = is_family && !two.empty() ? two : arguments[0];
  return no_command(word, "hearth ", names);
}

Result<void> read_environment_and_config(options::OptionList& list, std::vector<std::string>& warnings) {
  const KnownNames known = known_names();
  HEARTH_TRY_VOID(options::read_environment(list, options::hearth_environment(), known.variables, warnings));
  const std::string folder = options::config_folder();
  if (const std::string path = folder + "/config.toml"; !folder.empty() && file_exists(path)) {
    HEARTH_TRY(entries, options::load_config(path));
    HEARTH_TRY_VOID(options::read_config(list, path, entries, known.keys));
  }
  return {};
}

Result<void> check_count(const CommandFacts& facts, const std::vector<std::string>& arguments) {
  if (arguments.size() < facts.min_arguments)
    return fail(ErrorCode::kUsage, "too few arguments; the command is: hearth {} {}", facts.name, facts.arguments);
  if (arguments.size() > facts.max_arguments)
    return fail(ErrorCode::kUsage, "'{}' is one argument too many; the command is: hearth {} {}",
                arguments[facts.max_arguments], facts.name, facts.arguments);
  return {};
}

Result<void> run_command(std::span<const std::string> arguments) {
  HEARTH_TRY(found, find_command(arguments));
  CommonOptions common;
  const auto command = found.facts->make();
  options::OptionList list = option_list(*command, common);
  std::vector<std::string> warnings;
  HEARTH_TRY(positionals, options::read_command_line(list, arguments.subspan(found.words)));
  if (common.help) {
    const Console console(common);
    return console.print(command_help(*found.facts, console.columns())), Result<void>();
  }
  if (found.facts->has_settings) HEARTH_TRY_VOID(read_environment_and_config(list, warnings));
  Console console(common);
  for (const auto& warning : warnings) log::warn("{}", warning);
  HEARTH_TRY_VOID(check_count(*found.facts, positionals));
  return command->run({positionals, list, console});
}

}  // namespace
}  // namespace hearth::apps

int main(int argc, char** argv) {
  using namespace hearth;
  if (::fcntl(STDIN_FILENO, F_GETFD) < 0) ::open("/dev/null", O_RDONLY);  // closed: else the first file opened would be standard input
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") arguments = {"help"};
  if (arguments[0] == "--version") arguments = {"version"};
  // Known before the options are, so that mistakes in them are reported in the manner that was asked for.
  const bool json = std::ranges::find(arguments, "--json") != arguments.end();
  auto result = apps::run_command(arguments);
  if (result) result = apps::output_result();
  return result ? 0 : apps::report(result.error(), json);
}

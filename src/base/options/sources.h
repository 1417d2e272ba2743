#pragma once
// Where option values come from: command line, environment, config file. Each source is read into an OptionList; precedence
// is the list's business, so the order of the calls does not matter.
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/options/options.h"

namespace hearth::options {

// `--name value`, `--name=value`, `--switch`, `--no-switch`, `-n value`, `--` ends the options. Returns what is left: the
// positional arguments, in order ("-" alone is one). Errors: kUsage with the nearest known flag.
Result<std::vector<std::string>> read_command_line(OptionList& list, std::span<const std::string> arguments);

using Environment = std::vector<std::pair<std::string, std::string>>;
Environment hearth_environment();  // the process's variables that begin with HEARTH_

// Lists hold one value per line. A variable that is in neither `list` nor `known_elsewhere` is reported in `warnings`
// (another program may own the name). Errors: kConfig for a value of the wrong type.
Result<void> read_environment(OptionList& list, const Environment& environment, std::span<const std::string> known_elsewhere,
                              std::vector<std::string>& warnings);

// A TOML file of top-level keys, as it stands.
struct ConfigEntry {
  std::string key;
  std::vector<std::string> values;  // one, or the items of an array
  unsigned line = 0;
};
// Errors: kNotFound, kConfig with the line.
Result<std::vector<ConfigEntry>> load_config(const std::string& path);

// Errors: kConfig with file and line for unknown keys (and the nearest known one) and wrong types. Keys in
// `known_elsewhere` belong to other commands.
Result<void> read_config(OptionList& list, const std::string& path, std::span<const ConfigEntry> entries,
                         std::span<const std::string> known_elsewhere);

// $XDG_CONFIG_HOME/hearth or ~/.config/hearth, $XDG_STATE_HOME/hearth or ~/.local/state/hearth, $XDG_CACHE_HOME/hearth or
// ~/.cache/hearth; "" without a home.
std::string config_folder();
std::string state_folder();
std::string cache_folder();

}  // namespace hearth::options

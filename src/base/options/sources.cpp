// Command line and environment. Both only split text; types and ranges are checked by OptionList::assign.
#include "base/options/sources.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace hearth::options {

namespace {

// One pass over the arguments.
class CommandLine {
 public:
  CommandLine(OptionList& list, std::span<const std::string> arguments) : list_(list), arguments_(arguments) {}

  Result<std::vector<std::string>> read() {
    std::vector<std::string> positionals;
    for (; next_ < arguments_.size(); ++next_) {
      const std::string& argument = arguments_[next_];
      if (argument == "--") {
        positionals.insert(positionals.end(), arguments_.begin() + static_cast<ptrdiff_t>(next_) + 1, arguments_.end());
        break;
      }
      if (argument.size() < 2 || argument[0] != '-') positionals.push_back(argument);
      else HEARTH_TRY_VOID(argument[1] == '-' ? read_long(argument) : read_short(argument));
    }
    return positionals;
  }

 private:
  Result<void> read_long(const std::string& argument) {
    const size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    std::string name = flag.substr(2);
    Option* option = list_.find(name);
    bool negated = false;
    if (option == nullptr && name.starts_with("no-")) {
      option = list_.find(name.substr(3));
      negated = true;
      if (option != nullptr && option->takes_value()) option = nullptr;
    }
    if (option == nullptr) return unknown(flag);
    if (!option->takes_value() && negated && equals != std::string::npos)
      return fail(ErrorCode::kUsage, "{} takes no value", flag);
    if (equals != std::string::npos) return list_.assign(*option, flag, argument.substr(equals + 1), Source::kFlag);
    if (option->takes_value()) return assign_next(*option, flag);
    const std::string_view next = next_ + 1 < arguments_.size() ? std::string_view(arguments_[next_ + 1]) : "";
    if (next == "on" || next == "off" || next == "true" || next == "false")
      return fail(ErrorCode::kUsage, "{} takes no word after it: write --{}={}, or -- before a word that is meant by itself", flag, option->name,
                  next);
    return list_.assign(*option, flag, negated ? "off" : "on", Source::kFlag);
  }

  Result<void> read_short(const std::string& argument) {
    Option* option = list_.find_letter(argument[1]);
    if (option == nullptr) return unknown(argument);
    const std::string flag = argument.substr(0, 2);
    if (!option->takes_value()) {
      if (argument.size() > 2) return unknown(argument);
      return list_.assign(*option, flag, "on", Source::kFlag);
    }
    if (argument.size() > 2) return list_.assign(*option, flag, argument.substr(2), Source::kFlag);
    return assign_next(*option, flag);
  }

  Result<void> assign_next(Option& option, const std::string& flag) {
    if (next_ + 1 >= arguments_.size())
      return fail(ErrorCode::kUsage, "{} needs a value: {} {}", flag, flag, option.placeholder());
    return list_.assign(option, flag, arguments_[++next_], Source::kFlag);
  }

  Failure unknown(const std::string& flag) const {
    std::vector<std::string> flags;
    for (const auto& option : list_.all()) {
      flags.push_back("--" + option.name);
      if (!option.takes_value()) flags.push_back("--no-" + option.name);
    }
    return fail(ErrorCode::kUsage, "there is no flag {}{}", flag, suggestion("", flag, flags));
  }

  OptionList& list_;
  std::span<const std::string> arguments_;
  size_t next_ = 0;
};

// The items of a list, or one value. Line ends after it are a file's whose content became the variable, not part of it.
std::vector<std::string> values_of(std::string_view text, bool is_list) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (!is_list || text.empty()) return {std::string(text)};
  std::vector<std::string> out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) out.emplace_back(line);  // an empty one would clear the list
  }
  return out;
}

// Kubernetes gives every container such a variable for a service of this name.
bool is_service_link(std::string_view variable, std::string_view text) {
  return variable.ends_with("_PORT") && text.starts_with("tcp://");
}

std::string user_folder(const char* variable, std::string_view below_home) {
  const char* named = std::getenv(variable);
  if (named != nullptr && named[0] == '/') return std::string(named) + "/hearth";  // relative values are to be ignored
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == 0 ? "" : fmt::format("{}/{}/hearth", home, below_home);
}

}  // namespace

Result<std::vector<std::string>> read_command_line(OptionList& list, std::span<const std::string> arguments) {
  return CommandLine(list, arguments).read();
}

Environment hearth_environment() {
  Environment out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (text.starts_with("HEARTH_") && equals != std::string_view::npos)
      out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::ranges::sort(out);
  return out;
}

Result<void> read_environment(OptionList& list, const Environment& environment, std::span<const std::string> known_elsewhere,
                              std::vector<std::string>& warnings) {
  std::vector<std::string> known(known_elsewhere.begin(), known_elsewhere.end());
  for (const auto& option : list.all())
    if (option.traits.persistent) known.push_back(option.variable());
  for (const auto& [variable, text] : environment) {
    const auto found = std::ranges::find_if(
        list.all(), [&](const Option& o) { return o.traits.persistent && o.variable() == variable; });
    if (found != list.all().end()) {
      if (is_service_link(variable, text)) {
        warnings.push_back(fmt::format("the variable {} is ignored: {} is a service link of Kubernetes (enableServiceLinks: false)", variable, text));
        continue;
      }
      const bool is_list = std::holds_alternative<std::vector<std::string>*>(found->target);
      for (const auto& value : values_of(text, is_list))
        HEARTH_TRY_VOID(list.assign(*found, variable, value, Source::kEnvironment));
    } else if (std::ranges::find(known, variable) == known.end()) {
      warnings.push_back(fmt::format("the variable {} is unknown and ignored{}", variable, suggestion("", variable, known)));
    }
  }
  return {};
}

Result<void> read_config(OptionList& list, const std::string& path, std::span<const ConfigEntry> entries,
                         std::span<const std::string> known_elsewhere) {
  std::vector<std::string> known(known_elsewhere.begin(), known_elsewhere.end());
  for (const auto& option : list.all())
    if (option.traits.persistent) known.push_back(option.key());
  for (const auto& entry : entries) {
    const std::string where = fmt::format("{}: line {}", path, entry.line);
    Option* option = list.find(entry.key);
    if (option == nullptr || !option->traits.persistent) {
      if (std::ranges::find(known, entry.key) != known.end()) continue;
      return at(where, fail(ErrorCode::kConfig, "there is no option '{}'{}", entry.key, suggestion("", entry.key, known)).error());
    }
    if (entry.values.size() != 1 && !std::holds_alternative<std::vector<std::string>*>(option->target))
      return at(where, fail(ErrorCode::kConfig, "{} takes {}, not a list", entry.key, option->accepts()).error());
    if (entry.values.empty()) HEARTH_TRY_VOID(list.assign(*option, entry.key, "", Source::kConfig));
    for (const auto& value : entry.values)
      if (auto assigned = list.assign(*option, entry.key, value, Source::kConfig); !assigned)
        return at(where, std::move(assigned).error());
  }
  return {};
}

std::string config_folder() { return user_folder("XDG_CONFIG_HOME", ".config"); }
std::string cache_folder() { return user_folder("XDG_CACHE_HOME", ".cache"); }
std::string state_folder() { return user_folder("XDG_STATE_HOME", ".local/state"); }

}  // namespace hearth::options

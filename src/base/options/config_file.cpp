// The one translation unit that knows toml++: a config file as a flat list of keys and texts.
#include <toml++/toml.h>

#include <algorithm>

#include "base/file.h"
#include "base/options/sources.h"

namespace hearth::options {

namespace {

// A scalar as the text that a flag would take; empty optional for tables, nested arrays and dates.
std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  return {};
}

Result<ConfigEntry> read_entry(const std::string& path, std::string_view key, const toml::node& node) {
  ConfigEntry entry{std::string(key), {}, node.source().begin.line};
  std::ranges::replace(entry.key, '-', '_');
  auto add = [&](const toml::node& item) {
    auto text = scalar_text(item);
    if (text) entry.values.push_back(std::move(*text));
    return text.has_value();
  };
  bool readable = true;
  if (const auto* items = node.as_array())
    for (const auto& item : *items) readable = readable && add(item);
  else readable = add(node);
  if (readable) return entry;
  return at(fmt::format("{}: line {}", path, entry.line),
            fail(ErrorCode::kConfig, "'{}' must be a text, a number, true, false or a list of them; tables are not used", key)
                .error());
}

}  // namespace

Result<std::vector<ConfigEntry>> load_config(const std::string& path) {
  HEARTH_TRY(text, read_text_file(path, uint64_t{1} << 20));
  try {
    const toml::table table = toml::parse(text, path);
    std::vector<ConfigEntry> entries;
    for (const auto& [key, node] : table) {
      HEARTH_TRY(entry, read_entry(path, key.str(), node));
      entries.push_back(std::move(entry));
    }
    return entries;
  } catch (const toml::parse_error& error) {  // toml++ reports by throwing
    return at(fmt::format("{}: line {}", path, error.source().begin.line),
              fail(ErrorCode::kConfig, "{}", error.description()).error());
  }
}

}  // namespace hearth::options

#include "base/options/describe.h"

#include <algorithm>

#include "base/utf8.h"

namespace hearth::options {

namespace {

constexpr size_t kMeaningColumn = 32;

std::string flag_text(const Option& option) {
  std::string out = option.traits.letter != 0 ? fmt::format("-{}, ", option.traits.letter) : "    ";
  if (!option.takes_value() && (option.traits.persistent || option.default_text == "on")) out += "--[no-]" + option.name;
  else out += "--" + option.name;
  const std::string value = option.placeholder();
  return value.empty() ? out : out + " " + value;
}

std::string meaning(const Option& option) {
  std::string out = option.help;
  const bool is_obvious = !option.takes_value() && option.default_text == "off";
  if (!option.default_text.empty() && !is_obvious) out += fmt::format(" (default: {})", option.default_text);
  return out;
}

std::string cell(std::string_view text) {  // a bar would end a Markdown cell
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : fmt::format("`{}`", cell(text)); }

}  // namespace

std::string wrap(std::string_view text, size_t columns, size_t indent) {
  std::string out;
  size_t column = indent;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const size_t width = utf8::count(word);
    if (column > indent && column + 1 + width > columns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string help_text(const OptionList& list, size_t columns) {
  std::string out;
  std::string_view section;
  for (const auto& option : list.all()) {
    if (option.section != section) out += fmt::format("{}{}:\n", out.empty() ? "" : "\n", section = option.section);
    std::string flag = "  " + flag_text(option);
    if (flag.size() + 2 > kMeaningColumn) flag += "\n" + std::string(kMeaningColumn, ' ');
    else flag.resize(kMeaningColumn, ' ');
    out += flag + wrap(meaning(option), columns, kMeaningColumn) + "\n";
  }
  return out;
}

std::string markdown_table(const OptionList& list) {
  std::string out = "| Flag | Variable | Config key | Takes | Default | Meaning |\n|---|---|---|---|---|---|\n";
  for (const auto& option : list.all()) {
    std::string flag = code("--" + option.name);
    if (option.traits.letter != 0) flag += fmt::format(", `-{}`", option.traits.letter);
    out += fmt::format("| {} | {} | {} | {} | {} | {} |\n", flag, code(option.traits.persistent ? option.variable() : ""),
                       code(option.traits.persistent ? option.key() : ""), cell(option.accepts()), cell(option.default_text),
                       cell(option.help));
  }
  return out;
}

}  // namespace hearth::options

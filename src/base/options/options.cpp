// Typed values behind one text interface: parsing, ranges, printing.
#include "base/options/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

namespace hearth::options {

namespace {

template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;

std::string with(std::string_view text, char from, char to) {
  std::string out(text);
  std::replace(out.begin(), out.end(), from, to);
  return out;
}

std::optional<bool> parse_switch(std::string_view text) {
  for (std::string_view yes : {"true", "on", "yes", "1"})
    if (text == yes) return true;
  for (std::string_view no : {"false", "off", "no", "0"})
    if (text == no) return false;
  return {};
}

template <class T>
std::optional<T> parse_number(std::string_view text, const Traits& traits) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  const auto number = static_cast<double>(value);
  if (!std::isfinite(number) || (traits.low && number < *traits.low) || (traits.high && number > *traits.high)) return {};
  return value;
}

bool parse_into(bool& target, std::string_view text, const Traits&) {
  const auto value = parse_switch(text);
  if (value) target = *value;
  return value.has_value();
}

template <class T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
bool parse_into(T& target, std::string_view text, const Traits& traits) {
  const auto value = parse_number<T>(text, traits);
  if (value) target = *value;
  return value.has_value();
}

bool parse_into(std::string& target, std::string_view text, const Traits& traits) {
  const bool may_be_unset = text.empty() && !traits.unset.empty();
  if (!may_be_unset && !traits.choices.empty() && std::ranges::find(traits.choices, text) == traits.choices.end()) return false;
  target = text;
  return true;
}

bool parse_into(std::vector<std::string>& target, std::string_view text, const Traits&) {
  if (text.empty()) target.clear();
  else target.emplace_back(text);
  return true;
}

template <class T>
bool parse_into(std::optional<T>& target, std::string_view text, const Traits& traits) {
  if (text.empty()) return target.reset(), true;
  T value{};
  if (!parse_into(value, text, traits)) return false;
  target = value;
  return true;
}

std::string print(bool value) { return value ? "on" : "off"; }
std::string print(const std::string& value) { return value; }
std::string print(double value) { return fmt::format("{:.12g}", value); }  // 0.95, whatever float it came from
template <class T>
  requires std::is_integral_v<T>
std::string print(T value) {
  return fmt::format("{}", value);
}
std::string print(const std::vector<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ", ") + value;
  return out;
}
template <class T>
std::string print(const std::optional<T>& value) {
  return value ? print(*value) : "";
}

// Edits (insert, delete, replace, swap neighbours) that turn a into b.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string_view source_name(Source source) {
  static constexpr std::string_view kNames[] = {"default", "the model", "the config file", "the environment",
                                                "the command line", "this chat"};
  return kNames[static_cast<size_t>(source)];
}

Traits any() { return {}; }
Traits in_range(double low, double high) {
  Traits traits;
  traits.low = low;
  traits.high = high;
  return traits;
}
Traits at_least(double low) {
  Traits traits;
  traits.low = low;
  return traits;
}
Traits one_of(std::initializer_list<std::string_view> choices) {
  Traits traits;
  traits.choices = choices;
  return traits;
}

std::string Option::variable() const {
  std::string out = "HEARTH_" + with(name, '-', '_');
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

std::string Option::key() const { return with(name, '-', '_'); }

bool Option::takes_value() const {
  return !std::holds_alternative<bool*>(target) && !std::holds_alternative<std::optional<bool>*>(target);
}

bool Option::is_textual() const {
  return std::holds_alternative<std::string*>(target) || std::holds_alternative<std::vector<std::string>*>(target);
}

std::string Option::placeholder() const {
  if (!takes_value()) return "";
  if (!traits.placeholder.empty()) return std::string(traits.placeholder);
  if (!traits.choices.empty()) {
    std::string out;
    for (const auto choice : traits.choices) out += (out.empty() ? "" : "|") + std::string(choice);
    return out;
  }
  if (std::holds_alternative<double*>(target)) return "X";
  return is_textual() ? "TEXT" : "N";
}

std::string Option::accepts() const {
  if (!takes_value()) return "on or off";
  if (!traits.choices.empty()) {
    std::string out = "one of";
    for (const auto choice : traits.choices) out += (out == "one of" ? " " : ", ") + std::string(choice);
    return out;
  }
  if (is_textual()) return traits.placeholder.empty() ? "a text" : std::string(traits.placeholder);
  const std::string kind = std::holds_alternative<double*>(target) ? "a number" : "a whole number";
  if (traits.low && traits.high) return fmt::format("{} from {} to {}", kind, print(*traits.low), print(*traits.high));
  const bool is_signed = std::holds_alternative<double*>(target) || std::holds_alternative<int32_t*>(target);
  if (traits.low) return fmt::format("{}, {} or more", kind, print(*traits.low));
  return is_signed ? kind : kind + ", 0 or more";
}

std::string Option::value_text() const {
  return std::visit([](const auto* value) { return print(*value); }, target);
}

void OptionList::add(std::string_view name, Target target, std::string_view help, Traits traits) {
  Option option{std::string(name), std::string(help), section_, target, std::move(traits), {}, Source::kDefault};
  option.default_text = option.value_text();
  if (option.default_text.empty()) option.default_text = option.traits.unset;
  options_.push_back(std::move(option));
}

Option* OptionList::find(std::string_view name) {
  const std::string dashed = with(name, '_', '-');
  const auto found = std::ranges::find(options_, dashed, &Option::name);
  return found == options_.end() ? nullptr : &*found;
}

Option* OptionList::find_letter(char letter) {
  const auto found = std::ranges::find_if(options_, [&](const Option& o) { return letter != 0 && o.traits.letter == letter; });
  return found == options_.end() ? nullptr : &*found;
}

Result<void> OptionList::assign(Option& option, std::string_view spelled, std::string_view text, Source source) {
  const ErrorCode code = source == Source::kFlag                                          ? ErrorCode::kUsage
                         : source == Source::kConfig || source == Source::kEnvironment ? ErrorCode::kConfig
                                                                                       : ErrorCode::kInvalidArgument;
  const bool parsed = std::visit(
      [&](auto* target) {
        auto value = *target;
        if constexpr (std::is_same_v<decltype(value), std::vector<std::string>>)
          if (source > option.source) value.clear();  // a stronger source replaces a list, the same one extends it
        if (!parse_into(value, text, option.traits)) return false;
        if (source >= option.source) *target = std::move(value);
        return true;
      },
      option.target);
  if (!parsed) return fail(code, "{} takes {}; it was given '{}'", spelled, option.accepts(), text);
  option.source = std::max(option.source, source);
  return {};
}

Result<void> OptionList::set(std::string_view name, std::string_view text, Source source) {
  Option* option = find(name);
  if (option != nullptr) return assign(*option, option->name, text, source);
  std::vector<std::string> names;
  for (const auto& known : options_) names.push_back(known.name);
  return fail(ErrorCode::kInvalidArgument, "there is no option '{}'{}", name, suggestion("", with(name, '_', '-'), names));
}

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    size_t distance = edit_distance(name, candidate);
    if (name.size() >= 3 && candidate.starts_with(name)) distance = 1;
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string suggestion(std::string_view prefix, std::string_view name, std::span<const std::string> candidates) {
  const std::string close = nearest(name, candidates);
  return close.empty() ? "" : fmt::format("; did you mean {}{}?", prefix, close);
}

}  // namespace hearth::options

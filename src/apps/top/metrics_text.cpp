#include "apps/top/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace hearth::apps {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One line from left to right; the first mistake is kept.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool next_is(char c) const { return !rest_.empty() && rest_[0] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void want(char c) {
    if (!take(c)) wrong(fmt::format("'{}' expected", c));
  }
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }
  std::string_view word() { return cut(std::min(rest_.find_first_of(" \t"), rest_.size())); }

  std::string name(bool with_colons) {
    size_t n = 0;
    while (n < rest_.size() && (is_letter(rest_[n]) || (n > 0 && is_digit(rest_[n])) || (with_colons && rest_[n] == ':'))) ++n;
    if (n == 0) wrong("a name expected");
    return std::string(cut(n));
  }

  std::string quoted() {
    std::string out;
    want('"');
    while (!has_failed() && !take('"')) {
      if (rest_.empty()) return wrong("the text of a label does not end"), out;
      const char c = cut(1)[0];
      if (c != '\\') {
        out += c;
        continue;
      }
      const char escaped = rest_.empty() ? 0 : cut(1)[0];
      if (escaped != 'n' && escaped != '"' && escaped != '\\') return wrong("an escape other than \\n, \\\" and \\\\"), out;
      out += escaped == 'n' ? '\n' : escaped;
    }
    return out;
  }

  double number() {
    const std::string_view text = word();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
    if (text == "-Inf") return -std::numeric_limits<double>::infinity();
    const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value))
      wrong(fmt::format("'{}' is no number", text));
    return value;
  }

  void wrong(std::string_view what) {
    if (failure_.empty()) failure_ = what;
  }
  bool has_failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }

 private:
  std::string_view cut(size_t n) {
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }

  std::string_view rest_;
  std::string failure_;
};

Sample read_sample(Line& line) {
  Sample out{.name = line.name(true), .labels = {}};
  line.skip_blanks();
  if (line.take('{')) {
    for (line.skip_blanks(); !line.has_failed() && !line.next_is('}'); line.skip_blanks()) {
      std::string name = line.name(false);
      line.skip_blanks();
      line.want('=');
      line.skip_blanks();
      if (!out.label(name).empty()) line.wrong(fmt::format("the label {} stands twice", name));
      out.labels.emplace_back(std::move(name), line.quoted());
      line.skip_blanks();
      if (!line.take(',') && !line.next_is('}')) line.wrong("',' or '}' expected");
    }
    line.want('}');
    line.skip_blanks();
  }
  out.value = line.number();
  line.skip_blanks();
  if (!line.done()) line.number();  // a timestamp
  line.skip_blanks();
  if (!line.done()) line.wrong("something follows the value");
  return out;
}

void read_comment(Line& line) {
  line.skip_blanks();
  if (line.word() != "TYPE") return;
  line.skip_blanks();
  line.name(true);
  line.skip_blanks();
  const std::string_view kind = line.word();
  constexpr std::string_view kKinds[] = {"counter", "gauge", "histogram", "summary", "untyped"};
  if (std::ranges::find(kKinds, kind) == std::end(kKinds)) line.wrong(fmt::format("'{}' is no type of a metric", kind));
}

}  // namespace

std::string_view Sample::label(std::string_view label_name) const {
  const auto found = std::ranges::find(labels, label_name, [](const auto& label) -> const std::string& { return label.first; });
  return found == labels.end() ? std::string_view() : found->second;
}

Result<std::vector<Sample>> parse_metrics(std::string_view text) {
  std::vector<Sample> out;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == text.npos) return at(fmt::format("line {}", number), Error{ErrorCode::kBadFile, "the last line does not end", {}});
    Line line(text.substr(0, end));
    text.remove_prefix(end + 1);
    line.skip_blanks();
    if (line.take('#')) read_comment(line);
    else if (!line.done()) out.push_back(read_sample(line));
    if (line.has_failed()) return at(fmt::format("line {}", number), Error{ErrorCode::kBadFile, line.failure(), {}});
  }
  return out;
}

}  // namespace hearth::apps

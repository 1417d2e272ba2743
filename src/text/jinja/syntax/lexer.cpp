// One pass over the source. Outside of tags the next "{%", "{{" or "{#" is searched; inside, tokens are matched longest
// first, and an end of tag counts only while no bracket is open (so that "}}" can close two dicts).
#include "text/jinja/syntax/lexer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/utf8.h"
#include "text/jinja/syntax/string_literal.h"
#include "text/jinja/value/characters.h"

namespace hearth::text::jinja {

namespace {

// Line ends become \n, and one at the very end is dropped.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string source) : text_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < text_.size()) HEARTH_TRY_VOID(root());
    push(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(text_).substr(at_); }
  bool looking_at(std::string_view wanted) const { return rest().starts_with(wanted); }
  bool ended() const { return at_ >= text_.size(); }

  Token& push(TokenKind kind, std::string text) {
    tokens_.push_back({.kind = kind, .line = line_, .text = std::move(text)});
    return tokens_.back();
  }

  void advance(size_t bytes) {
    line_ += static_cast<uint32_t>(std::count(text_.begin() + at_, text_.begin() + at_ + bytes, '\n'));
    at_ += bytes;
    if (bytes > 0) line_starting_ = text_[at_ - 1] == '\n';
  }

  void skip_space() { advance(strip_bounds(rest(), true, false).first); }

  // The text before a tag, after what the tag's sign and lstrip_blocks take away.
  std::string_view text_before(std::string_view words, char sign, bool is_variable) const {
    if (sign == '-') return words.substr(0, strip_bounds(words, false, true).second);
    if (sign == '+' || is_variable) return words;
    const size_t newline = words.rfind('\n');
    const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    if (line == 0 && !line_starting_) return words;
    const bool blank = strip_bounds(words.substr(line), true, false).first == words.size() - line;
    return blank ? words.substr(0, line) : words;
  }

  char sign_at(size_t at) const { return at < text_.size() && (text_[at] == '-' || text_[at] == '+') ? text_[at] : 0; }

  // Data up to the next tag, and then the tag.
  Result<void> root() {
    size_t tag = at_;
    while ((tag = text_.find('{', tag)) != std::string::npos) {
      const char second = tag + 1 < text_.size() ? text_[tag + 1] : '\0';
      if (second == '%' || second == '{' || second == '#') break;
      ++tag;
    }
    if (tag == std::string::npos) {
      push(TokenKind::kText, std::string(rest()));
      advance(text_.size() - at_);
      return {};
    }
    const char kind = text_[tag + 1], sign = sign_at(tag + 2);
    push_text(text_before(rest().substr(0, tag - at_), sign, kind == '{'));
    advance(tag - at_);
    if (kind == '#') return comment(sign);
    if (kind == '%')
      if (const size_t length = raw_begin(); length > 0) return raw(length);
    push(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, {});
    advance(sign ? 3 : 2);
    return inside(kind == '%');
  }

  void push_text(std::string_view words) {
    if (!words.empty()) push(TokenKind::kText, std::string(words));
  }

  Result<void> comment(char sign) {
    const uint32_t began = line_;
    advance(sign ? 3 : 2);
    const size_t end = text_.find("#}", at_);
    if (end == std::string::npos) return bad_template(began, "a comment is not closed with '#}'");
    const char before = end > at_ ? text_[end - 1] : '\0';
    advance(end + 2 - at_);
    end_of_tag(before);
    return {};
  }

  // After an end of tag: "-" eats white space, "+" keeps everything, nothing eats one newline.
  void end_of_tag(char sign) {
    if (sign == '-') skip_space();
    else if (sign != '+' && looking_at("\n")) advance(1);
  }

  // The length of "{% name %}" at the position `at`, up to and with its "%}"; 0 where something else stands there.
  size_t bare_tag(size_t at, std::string_view name, bool may_plus) const {
    const std::string_view all(text_);
    if (all.substr(at, 2) != "{%") return 0;
    size_t i = at + (sign_at(at + 2) ? 3 : 2);
    const auto skip = [&] { i += strip_bounds(all.substr(std::min(i, all.size())), true, false).first; };
    skip();
    if (all.substr(std::min(i, all.size()), name.size()) != name) return 0;
    i += name.size();
    skip();
    if (i < all.size() && (all[i] == '-' || (may_plus && all[i] == '+'))) ++i;
    return all.substr(std::min(i, all.size()), 2) == "%}" ? i + 2 - at : 0;
  }

  size_t raw_begin() const { return bare_tag(at_, "raw", /*may_plus=*/false); }

  Result<void> raw(size_t tag_length) {
    const uint32_t began = line_;
    const bool strips = text_[at_ + tag_length - 3] == '-';
    advance(tag_length);
    if (strips) skip_space();
    for (size_t end = text_.find("{%", at_); end != std::string::npos; end = text_.find("{%", end + 2)) {
      const size_t length = bare_tag(end, "endraw", /*may_plus=*/true);
      if (length == 0) continue;
      push_text(text_before(rest().substr(0, end - at_), sign_at(end + 2), false));
      advance(end + length - at_);
      end_of_tag(text_[at_ - 3]);
      return {};
    }
    return bad_template(began, "a raw block is not closed with '{% endraw %}'");
  }

  // The tokens of one tag, up to its end.
  Result<void> inside(bool is_block) {
    std::vector<char> open;  // the closing brackets that are due
    while (true) {
      skip_space();
      if (ended()) return {};  // the parser reports what is missing
      if (open.empty() && tag_end(is_block)) return {};
      const char c = text_[at_];
      if (is_ascii_digit(c)) HEARTH_TRY_VOID(number());
      else if (c == '\'' || c == '"') HEARTH_TRY_VOID(string(c));
      else if (is_word(utf8::decode(rest()).code_point)) HEARTH_TRY_VOID(name());
      else HEARTH_TRY_VOID(operation(open));
    }
  }

  bool tag_end(bool is_block) {
    const std::string_view end = is_block ? "%}" : "}}";
    const char sign = sign_at(at_);
    const bool signed_end = sign != 0 && (is_block || sign == '-') && rest().substr(1).starts_with(end);
    if (!signed_end && !looking_at(end)) return false;
    push(is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, {});
    advance(signed_end ? 3 : 2);
    if (is_block) end_of_tag(signed_end ? sign : 0);
    else if (signed_end) skip_space();
    return true;
  }

  Result<void> name() {
    size_t end = at_;
    while (end < text_.size()) {
      const utf8::Decoded d = utf8::decode(std::string_view(text_).substr(end));
      if (!is_word(d.code_point)) break;
      end += d.length;
    }
    const std::string word = text_.substr(at_, end - at_);
    if (!is_identifier(word)) return bad_template(line_, fmt::format("'{}' is no name", word));
    push(TokenKind::kName, word);
    advance(end - at_);
    return {};
  }

  Result<void> string(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return bad_template(line_, "a string is not closed");
    auto value = unescape(std::string_view(text_).substr(at_ + 1, end - at_ - 1));
    if (!value) return bad_template(line_, std::move(value.error().message));
    push(TokenKind::kString, std::move(*value));
    advance(end + 1 - at_);
    return {};
  }

  // Digits with single underscores between them, from `at`; returns where they end.
  size_t digits(size_t at, std::string_view allowed) const {
    const auto is_digit = [&](size_t i) {
      return i < text_.size() && allowed.find(text_[i]) != std::string_view::npos;
    };
    while (is_digit(at) || (at < text_.size() && text_[at] == '_' && is_digit(at + 1))) ++at;
    return at;
  }

  Result<void> number() {
    constexpr std::string_view kDecimal = "0123456789";
    const size_t whole = digits(at_, kDecimal);
    size_t end = whole;
    const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';  // x.0.1 is two subscripts
    if (!after_dot) {
      if (end + 1 < text_.size() && text_[end] == '.' && is_ascii_digit(text_[end + 1]))
        end = digits(end + 1, kDecimal);
      if (end < text_.size() && (text_[end] | 32) == 'e') {
        const size_t exponent = end + 1 + (end + 1 < text_.size() && (text_[end + 1] == '+' || text_[end + 1] == '-'));
        if (exponent < text_.size() && is_ascii_digit(text_[exponent])) end = digits(exponent, kDecimal);
      }
    }
    return end > whole ? push_float(end) : integer(whole);
  }

  Result<void> push_float(size_t end) {
    const double number = std::strtod(without_underscores(at_, end).c_str(), nullptr);
    if (!std::isfinite(number)) return bad_template(line_, "a number is too large");
    push(TokenKind::kFloat, {}).number = number;
    advance(end - at_);
    return {};
  }

  Result<void> integer(size_t decimal_end) {
    const char letter = at_ + 1 < text_.size() ? static_cast<char>(text_[at_ + 1] | 32) : '\0';
    const int base = text_[at_] != '0' ? 10 : letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    size_t begin = at_, end = decimal_end;
    if (base != 10) {
      const std::string_view allowed = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "01";
      if (const size_t prefixed = digits(at_ + 2, allowed); prefixed > at_ + 2) begin = at_ + 2, end = prefixed;
      else end = at_ + 1;
    } else if (text_[at_] == '0') {
      end = digits(at_, "0");  // 01 is a zero and a one, which no expression allows
    }
    const std::string clean = without_underscores(begin, end);
    int64_t value = 0;
    const auto parsed = std::from_chars(clean.data(), clean.data() + clean.size(), value, begin == at_ ? 10 : base);
    if (parsed.ec != std::errc()) return bad_template(line_, fmt::format("the number {} does not fit 64 bits", clean));
    push(TokenKind::kInteger, {}).integer = value;
    advance(end - at_);
    return {};
  }

  std::string without_underscores(size_t begin, size_t end) const {
    std::string out = text_.substr(begin, end - begin);
    std::erase(out, '_');
    return out;
  }

  Result<void> operation(std::vector<char>& open) {
    constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                               "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    const auto* found =
        std::find_if(std::begin(kOperators), std::end(kOperators), [&](std::string_view op) { return looking_at(op); });
    if (found == std::end(kOperators))
      return bad_template(line_,
                          fmt::format("unexpected character '{}'", rest().substr(0, utf8::decode(rest()).length)));
    const char c = (*found)[0];
    if (c == '(' || c == '[' || c == '{') open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return bad_template(line_, fmt::format("unexpected '{}'", c));
      open.pop_back();
    }
    push(TokenKind::kOperator, std::string(*found));
    advance(found->size());
    return {};
  }

  std::string text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool line_starting_ = true;  // the last match ended with a newline: lstrip_blocks may act on what follows
  std::vector<Token> tokens_;
};

}  // namespace

std::string Token::describe() const {
  switch (kind) {
    case TokenKind::kText: return "text";
    case TokenKind::kBlockBegin: return "'{%'";
    case TokenKind::kBlockEnd: return "'%}'";
    case TokenKind::kVariableBegin: return "'{{'";
    case TokenKind::kVariableEnd: return "'}}'";
    case TokenKind::kString: return "a string";
    case TokenKind::kInteger: return fmt::format("{}", integer);
    case TokenKind::kFloat: return fmt::format("{}", number);
    case TokenKind::kEnd: return "the end of the template";
    case TokenKind::kName:
    case TokenKind::kOperator: break;
  }
  return fmt::format("'{}'", text);
}

Failure bad_template(uint32_t line, std::string message) {
  return Failure(Error{ErrorCode::kBadFile, std::move(message), fmt::format("chat template line {}", line)});
}

Result<std::vector<Token>> tokenize(std::string_view source) { return Lexer(normalized(source)).run(); }

}  // namespace hearth::text::jinja

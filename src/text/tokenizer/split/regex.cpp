#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer/split/regex.h"

#include <fmt/core.h>
#include <pcre2.h>

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "base/utf8.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

// White_Space. PCRE2's \s adds U+180E.
constexpr std::string_view kSpaces =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// Oniguruma's \w: in a set it knows decimal digits only. PCRE2's lacks marks and connectors before 10.43.
constexpr std::string_view kWordChars = R"(\p{Alphabetic}\p{M}\p{N}\p{Pc})", kWordCharsOfSet = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kHexDigits = "0-9A-Fa-f";  // Oniguruma's \h; PCRE2's is horizontal white space

// \p{Name} and \P{Name}: a bare script name means the script itself; PCRE2 would take its script extensions, by which
// the ideographic full stop is Han.
bool names_script(std::string_view name) {
  static constexpr std::string_view kOthers[] = {"Any",       "Alphabetic",  "Alpha",        "Lowercase",
                                                 "Uppercase", "White_Space", "Join_Control", "Extended_Pictographic"};
  return name.size() > 2 && std::ranges::find(kOthers, name) == std::end(kOthers) && !name.starts_with("Emoji") &&
         std::ranges::all_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; });
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view pattern) : pattern_(pattern) {}

  Result<std::string> run() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '[') {
        HEARTH_TRY(set, read_set());
        out_ += set;
      } else if (pattern_[at_] == '\\' && at_ + 1 < pattern_.size()) {
        append_escape();
      } else {
        out_ += pattern_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  // The property escape at the front, made explicit; empty if there is none.
  std::string take_property() {
    const std::string_view rest = pattern_.substr(at_);
    const size_t end = rest.find('}');
    if ((!rest.starts_with("\\p{") && !rest.starts_with("\\P{")) || end == rest.npos) return {};
    at_ += end + 1;
    const bool negated = rest[3] == '^';
    const std::string_view name = rest.substr(negated ? 4 : 3, end - (negated ? 4 : 3));
    std::string out(rest.substr(0, negated ? 4 : 3));
    if (names_script(name)) out += "sc:";
    return out.append(name).append("}");
  }

  void append_escape() {
    if (const std::string property = take_property(); !property.empty()) {
      out_ += property;
      return;
    }
    const char c = pattern_[at_ + 1];
    if (c == 's') out_.append("[").append(kSpaces).append("]");
    else if (c == 'S') out_.append("[^").append(kSpaces).append("]");
    else if (c == 'w') out_.append("[").append(kWordChars).append("]");
    else if (c == 'W') out_.append("[^").append(kWordChars).append("]");
    else if (c == 'b') out_ += fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWordChars);
    else if (c == 'B') out_ += fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWordChars);
    else if (c == 'h') out_.append("[").append(kHexDigits).append("]");
    else if (c == 'H') out_.append("[^").append(kHexDigits).append("]");
    else out_.append(pattern_.substr(at_, 2));
    at_ += 2;
  }

  Failure refuse(std::string_view what) const {
    return fail(ErrorCode::kUnsupported, "the pattern '{}' has {}, which this build cannot split by", pattern_, what);
  }

  // A bracketed set, with its brackets: "[...]" or, for an intersection, "(?:(?=[b])[a])".
  Result<std::string> read_set() {
    const bool negated = pattern_.substr(at_).starts_with("[^");
    at_ += negated ? 2 : 1;
    std::string items;
    bool first = true;
    for (; at_ < pattern_.size(); first = false) {
      const std::string_view rest = pattern_.substr(at_);
      if (rest[0] == ']' && !first) {
        ++at_;
        return (negated ? "[^" : "[") + items + "]";
      }
      if (rest.starts_with("&&")) {
        HEARTH_TRY(other, read_intersection());
        if (negated) return refuse("a negated intersection of sets");
        return "(?:(?=" + other + ")[" + items + "])";
      }
      HEARTH_TRY(item, read_item(rest));
      items += item;
    }
    return refuse("a set without an end");
  }

  Result<std::string> read_item(std::string_view rest) {
    if (rest.starts_with("[:")) return refuse("a POSIX class");
    if (rest[0] == '[') {  // a set in a set: their union
      HEARTH_TRY(inner, read_set());
      if (inner[0] == '(' || inner[1] == '^') return refuse("a negated set inside a set");
      return inner.substr(1, inner.size() - 2);
    }
    if (std::string property = take_property(); !property.empty()) return property;
    const size_t length = rest[0] == '\\' && rest.size() > 1 ? 2 : 1;
    at_ += length;
    if (rest.starts_with("\\s")) return std::string(kSpaces);
    if (rest.starts_with("\\S")) return std::string(R"(\P{White_Space})");
    if (rest.starts_with("\\w")) return std::string(kWordCharsOfSet);
    if (rest.starts_with("\\W")) return refuse("\\W inside a set");
    if (rest.starts_with("\\h")) return std::string(kHexDigits);
    if (rest.starts_with("\\H")) return refuse("\\H inside a set");
    return std::string(rest.substr(0, length));
  }

  // Behind "&&": one set, then the end of the set around it.
  Result<std::string> read_intersection() {
    at_ += 2;
    if (!pattern_.substr(at_).starts_with("[")) return refuse("an intersection with anything but a set");
    HEARTH_TRY(set, read_set());
    if (!pattern_.substr(at_).starts_with("]")) return refuse("an intersection of more than two sets");
    ++at_;
    return set;
  }

  std::string_view pattern_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

struct Regex::Code {
  explicit Code(pcre2_code* compiled) : code(compiled) {}
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  pcre2_code* code;
};

namespace {

// Match blocks and JIT stacks belong to one thread.
struct MatchSpace {
  pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* settings = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, 8 * 1024 * 1024, nullptr);
  MatchSpace() {
    pcre2_jit_stack_assign(settings, nullptr, stack);
    pcre2_set_match_limit(settings, 50'000'000);  // a bound on hostile texts, far above what real patterns take
    pcre2_set_heap_limit(settings, 64 * 1024);    // KiB
  }
  void renew_match() {
    pcre2_match_data_free(match);
    match = pcre2_match_data_create(1, nullptr);
  }
  ~MatchSpace() {
    pcre2_match_data_free(match);
    pcre2_match_context_free(settings);
    pcre2_jit_stack_free(stack);
  }
};

}  // namespace

Result<std::string> rewrite_for_pcre2(std::string_view pattern) { return Rewriter(pattern).run(); }

static Result<pcre2_code*> compiled(std::string_view pattern, std::string_view shown, uint32_t options) {
  int error = 0;
  size_t where = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | options, &error, &where, nullptr);
  if (code == nullptr) {
    unsigned char sentence[160];
    pcre2_get_error_message(error, sentence, sizeof sentence);
    std::string_view head = shown.substr(0, 200);
    head.remove_suffix(utf8::incomplete_tail(head));
    return fail(ErrorCode::kBadFile, "the pattern '{}{}' does not compile: {}", head, head.size() < shown.size() ? "…" : "",
                reinterpret_cast<const char*>(sentence));
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without JIT the interpreter matches
  return code;
}

Result<Regex> Regex::compile(std::string_view pattern, Anchors anchors) {
  HEARTH_TRY(rewritten, rewrite_for_pcre2(pattern));
  const uint32_t ends = anchors == Anchors::kLine ? PCRE2_MULTILINE : PCRE2_DOLLAR_ENDONLY;
  HEARTH_TRY(code, compiled(rewritten, pattern, PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | ends));
  return Regex(std::make_shared<const Code>(code));
}

Result<Regex> Regex::literal(std::string_view text) {
  HEARTH_TRY(code, compiled(text, text, PCRE2_LITERAL));
  return Regex(std::make_shared<const Code>(code));
}

std::optional<Regex::Match> Regex::find(std::string_view text, size_t from) const {
  thread_local MatchSpace space;
  const auto match = [&](uint32_t options) {
    return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, options, space.match, space.settings);
  };
  int count = match(PCRE2_NO_UTF_CHECK);
  const bool interpreted = count == PCRE2_ERROR_JIT_STACKLIMIT;
  if (interpreted) count = match(PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
  std::optional<Match> found;  // nothing: no match; a text that exceeds the limits stays unsplit from here on
  if (const size_t* ends = pcre2_get_ovector_pointer(space.match); count >= 0) found = Match{ends[0], ends[1]};
  if (interpreted) space.renew_match();  // the interpreter's frames would stay in it
  return found;
}

}  // namespace hearth::text

#pragma once
// Any other splitting pattern, through PCRE2 (JIT, UTF, Unicode properties), after rewriting what PCRE2 reads
// differently from Oniguruma and Rust's regex, the engines such patterns are written for.
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::text {

// Where ^ and $ stand: at the ends of the text (Rust's regex, of rank files), or of every line (Oniguruma, of tokenizer.json).
enum class Anchors { kText, kLine };

class Regex {
 public:
  // Errors: kUnsupported for a pattern whose meaning would change, kBadFile for one that does not compile.
  static Result<Regex> compile(std::string_view pattern, Anchors anchors = Anchors::kText);
  static Result<Regex> literal(std::string_view text);  // kBadFile for one too long

  struct Match {
    size_t begin, end;
  };
  // The first match at or after `from` in valid UTF-8.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const Code> code_;
};

// The pattern as PCRE2 must read it: explicit sets for \s, \w and \h, \b by that \w, scripts without their extensions,
// [a&&[b]] as a lookahead, [a[b]] flattened.
Result<std::string> rewrite_for_pcre2(std::string_view pattern);

}  // namespace hearth::text

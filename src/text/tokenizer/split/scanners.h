#pragma once
// Hand-written matchers for the patterns that most vocabularies split by, several times faster than a regex engine.
// Each gives the same pieces as its pattern (scanners_test.cpp holds them against PCRE2).
#include <cstddef>
#include <string_view>

namespace hearth::text {

// The length in bytes of the match at `p`, 0 where the pattern does not match there. [p, end) is valid UTF-8, not
// empty.
using Scanner = size_t (*)(const char* p, const char* end);

// The scanner of a pattern as tokenizer files spell it, null where there is none.
Scanner find_scanner(std::string_view pattern);

// The patterns by name, for the tables that need them.
namespace pattern {
extern const std::string_view kGpt2, kLlama3, kQwen2, kQwen35, kO200k, kTekken, kDeepseek3, kDigit, kDigits,
    kDigitsUpTo3;
}

// One character: white space, punctuation (P or ASCII punctuation), ASCII or other punctuation category only.
size_t scan_space(const char* p, const char* end);
size_t scan_punctuation(const char* p, const char* end);
size_t scan_line(const char* p, const char* end);  // a run without \n, or a run of \n

}  // namespace hearth::text

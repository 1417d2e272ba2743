#pragma once
// Unicode normalization forms and lower case. Input must be valid UTF-8.
#include <string>
#include <string_view>

namespace hearth::text {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

std::string normalized(std::string_view text, NormalForm form);
std::string lower_case(std::string_view text);  // full mapping without context (final sigma stays a plain sigma)

}  // namespace hearth::text

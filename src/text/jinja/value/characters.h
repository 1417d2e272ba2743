#pragma once
// What Python's str knows of characters: counting, white space, case, classes. Texts are UTF-8; an invalid byte counts
// as one character.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::text::jinja {

bool is_ascii(std::string_view text);
// text.find(wanted, from), in time linear in both.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);
size_t count_characters(std::string_view text);
std::vector<size_t> character_offsets(std::string_view text);  // of every character, and the end

bool is_space(char32_t c);
bool is_word(char32_t c);       // \w of Python's re
bool is_printable(char32_t c);  // repr() escapes the others

// The part of `text` left by strip(): [first, second). No `chars`: white space.
std::pair<size_t, size_t> strip_bounds(std::string_view text, bool left, bool right,
                                       std::optional<std::string_view> chars = std::nullopt);
// The pieces that splitlines() gives, as byte ranges without their line ends.
std::vector<std::pair<size_t, size_t>> line_bounds(std::string_view text, bool keep_ends = false);
// The pieces that split() on white space gives, as byte ranges; at most `limit` cuts where it is not negative.
std::vector<std::pair<size_t, size_t>> word_bounds(std::string_view text, int64_t limit = -1);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);  // as str.title()
std::string to_swapped(std::string_view text);
std::string capitalized(std::string_view text);
std::string case_folded(std::string_view text);

enum class CharacterClass { kAlpha, kAlnum, kDecimal, kDigit, kNumeric, kSpace, kPrintable, kAscii };
bool all_of_class(std::string_view text, CharacterClass wanted);  // false for "" but for printable and ascii
bool is_lower(std::string_view text);                             // has cased characters, all of them lower
bool is_upper(std::string_view text);
bool is_title(std::string_view text);
bool is_identifier(std::string_view text);

}  // namespace hearth::text::jinja

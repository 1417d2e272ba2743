#pragma once
// GPT-2's byte alphabet: every byte as a printable character, so that byte strings can be spelled in JSON. Printable
// Latin-1 bytes are themselves; the others are U+0100, U+0101, ... in order.
#include <optional>
#include <string>
#include <string_view>

namespace hearth::text {

char32_t letter_of_byte(uint8_t byte);

// The bytes a token spells; nothing if it holds a character outside the alphabet.
std::optional<std::string> spelled_bytes(std::string_view token);
std::string spell_bytes(std::string_view bytes);

}  // namespace hearth::text

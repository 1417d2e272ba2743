#include "text/tokenizer/split/script_split.h"

namespace hearth::text {

Result<PatternSplit> split_by_script() {
  // The scripts of Unicode 14 by name, as PCRE2 knows them. Spaces belong to whatever stands before or behind them.
  static constexpr std::string_view kScripts[] = {
      "Common", "Inherited", "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Syriac", "Thaana", "Nko", "Samaritan", "Mandaic",
      "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Tibetan",
      "Myanmar", "Georgian", "Hangul", "Ethiopic", "Cherokee", "Canadian_Aboriginal", "Ogham", "Runic", "Tagalog", "Hanunoo", "Buhid", "Tagbanwa",
      "Khmer", "Mongolian", "Limbu", "Tai_Le", "New_Tai_Lue", "Buginese", "Tai_Tham", "Balinese", "Sundanese", "Batak", "Lepcha", "Ol_Chiki",
      "Braille", "Glagolitic", "Coptic", "Tifinagh", "Bopomofo", "Yi", "Lisu", "Vai", "Bamum", "Syloti_Nagri", "Phags_Pa", "Saurashtra",
      "Kayah_Li", "Rejang", "Javanese", "Cham", "Tai_Viet", "Meetei_Mayek"};
  std::string pattern = R"( *(?:[\p{Han}\p{Hiragana}\p{Katakana}\x{30fc}][\p{Han}\p{Hiragana}\p{Katakana}\x{30fc} ]*)";
  for (const std::string_view script : kScripts) {
    const std::string one = "\\p{" + std::string(script) + "}";
    pattern += script == "Common" ? R"(|(?:(?![ \x{30fc}])\p{Common})(?:(?!\x{30fc})\p{Common}| )*)" : "|" + one + "[" + one + " ]*";
  }
  return split_by(pattern + ")");
}

}  // namespace hearth::text

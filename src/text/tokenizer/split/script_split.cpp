#include "text/tokenizer/split/script_split.h"

namespace hearth::text {

Result<PatternSplit> split_by_script() {
  // Spaces and characters without a script belong to whatever stands before them; those at the very beginning are lost,
  // as in the reference.
  static constexpr std::string_view kScripts[] = {"Common",   "Inherited",  "Latin",       "Greek",
                                                  "Cyrillic", "Armenian",   "Hebrew",      "Arabic",
                                                  "Syriac",   "Thaana",     "Nko",         "Samaritan",
                                                  "Mandaic",  "Devanagari", "Bengali",     "Gurmukhi",
                                                  "Gujarati", "Oriya",      "Tamil",       "Telugu",
                                                  "Kannada",  "Malayalam",  "Sinhala",     "Thai",
                                                  "Lao",      "Tibetan",    "Myanmar",     "Georgian",
                                                  "Hangul",   "Ethiopic",   "Cherokee",    "Canadian_Aboriginal",
                                                  "Ogham",    "Runic",      "Tagalog",     "Hanunoo",
                                                  "Buhid",    "Tagbanwa",   "Khmer",       "Mongolian",
                                                  "Limbu",    "Tai_Le",     "New_Tai_Lue", "Buginese",
                                                  "Tai_Tham", "Balinese",   "Sundanese",   "Batak",
                                                  "Lepcha",   "Ol_Chiki",   "Braille",     "Glagolitic",
                                                  "Coptic",   "Tifinagh",   "Bopomofo",    "Yi",
                                                  "Lisu",     "Vai",        "Bamum",       "Syloti_Nagri",
                                                  "Phags_Pa", "Saurashtra", "Kayah_Li",    "Rejang",
                                                  "Javanese", "Cham",       "Tai_Viet",    "Meetei_Mayek"};
  const std::string blank = R"( \p{Unknown}])", han = R"([\p{Han}\p{Hiragana}\p{Katakana}\x{30fc})";
  std::string pattern = han + "]" + han + blank + "*";
  for (const std::string_view script : kScripts) {
    // The prolonged sound mark is Common by itself, and a space is.
    const std::string one = (script == "Common" ? R"((?![ \x{30fc}])[\p{)" : R"([\p{)") + std::string(script) + "}";
    const std::string more =
        (script == "Common" ? R"((?!\x{30fc})[\p{)" : R"([\p{)") + std::string(script) + "}" + blank;
    pattern += "|" + one + "](?:" + more + ")*";
  }
  return split_by(pattern, SplitBehavior::kRemoved, true);
}

}  // namespace hearth::text

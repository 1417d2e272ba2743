#pragma once
// Cuts where the script of the letters changes (XLNet-like vocabularies): Hiragana, Katakana and Han count as one.
#include "text/tokenizer/split/pre_tokenizer.h"

namespace hearth::text {

Result<PatternSplit> split_by_script();

}  // namespace hearth::text

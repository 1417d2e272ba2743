#pragma once
// An OptionList as a person reads it: the help of a terminal and the tables of docs/options.md.
#include <string>

#include "base/options/options.h"

namespace hearth::options {

// Sections in order of appearance, one aligned entry per option, wrapped to `columns`.
std::string help_text(const OptionList& list, size_t columns);

// One Markdown table of the list: flag, variable, config key, what it accepts, default, meaning.
std::string markdown_table(const OptionList& list);

// `text` in lines of at most `columns`, each but the first indented by `indent` spaces.
std::string wrap(std::string_view text, size_t columns, size_t indent);

}  // namespace hearth::options

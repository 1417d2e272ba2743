#pragma once
// A server's activity as lines of text for a person. Pure: what is drawn depends on its arguments alone.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/top/reading.h"

namespace hearth::apps {

// A line in pieces, each with its style: the codes of an SGR sequence, "" for none.
struct Piece {
  std::string text;
  std::string_view style = "";
};
using Line = std::vector<Piece>;

// `url` and `news`, what there is to say about the server ("" when all is well), then a paragraph for each model.
std::vector<Line> top_lines(std::string_view url, std::string_view news, std::span<const ModelActivity> models);

// As a terminal takes it, at most `columns` characters; without colours the text alone. Control characters, which a server
// might put into a name, become '?'.
std::string line_text(const Line& line, size_t columns, bool colours);

std::string seconds_text(double seconds);  // "850 us", "12.3 ms", "4.56 s"

}  // namespace hearth::apps

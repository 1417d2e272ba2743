// Methods of strings that cut them into pieces, and join().
#include <algorithm>

#include "text/jinja/methods/methods.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/markup.h"

namespace hearth::text::jinja {

namespace {

using Bounds = std::vector<std::pair<size_t, size_t>>;

// Byte ranges between separators, from the left or from the right.
Bounds separated(std::string_view bytes, std::string_view separator, int64_t limit) {
  Bounds pieces;
  size_t at = 0;
  while (limit < 0 || pieces.size() < static_cast<size_t>(limit)) {
    const size_t found = find_text(bytes, separator, at);
    if (found == bytes.npos) break;
    pieces.emplace_back(at, found);
    at = found + separator.size();
  }
  pieces.emplace_back(at, bytes.size());
  return pieces;
}

Bounds separated_from_right(std::string_view bytes, std::string_view separator, int64_t limit) {
  Bounds pieces;
  size_t end = bytes.size();
  while (limit < 0 || pieces.size() < static_cast<size_t>(limit)) {
    const size_t found = end < separator.size() ? bytes.npos : bytes.rfind(separator, end - separator.size());
    if (found == bytes.npos) break;
    pieces.emplace_back(found + separator.size(), end);
    end = found;
  }
  pieces.emplace_back(0, end);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

// Words, of which all but the last `limit` stay in one piece.
Bounds words_from_right(std::string_view bytes, int64_t limit) {
  Bounds words = word_bounds(bytes);
  if (limit < 0 || words.size() <= static_cast<size_t>(limit)) return words;
  const size_t kept = words.size() - static_cast<size_t>(limit);
  words[kept - 1].first = 0;  // what is left over keeps the white space at its front
  return Bounds(words.begin() + static_cast<ptrdiff_t>(kept) - 1, words.end());
}

std::vector<Value> pieces_of(const Value& self, const Bounds& bounds) {
  std::vector<Value> pieces;
  pieces.reserve(bounds.size());
  for (const auto& [begin, end] : bounds) pieces.emplace_back(self.text().slice(begin, end), self.is_markup());
  return pieces;
}

template <bool from_right>
Result<Value> split(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("split", {{"sep", "maxsplit"}, 0}, std::move(arguments)));
  HEARTH_TRY(limit, bound.integer_or(1, -1));
  HEARTH_TRY_VOID(run.spend(self.bytes().size()));
  if (!bound.has_value(0))
    return Value::list(
        pieces_of(self, from_right ? words_from_right(self.bytes(), limit) : word_bounds(self.bytes(), limit)));
  HEARTH_TRY(separator, bound.text_or(0, ""));
  if (separator.empty()) return refuse("split() needs a separator that is not empty");
  if (from_right) HEARTH_TRY_VOID(run.spend(self.bytes().size() / 16 * (separator.size() / 16)));
  return Value::list(
      pieces_of(self, (from_right ? separated_from_right : separated)(self.bytes(), separator.bytes(), limit)));
}

Result<Value> splitlines(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("splitlines", {{"keepends"}, 0}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(self.bytes().size()));
  return Value::list(pieces_of(self, line_bounds(self.bytes(), bound.truthy_or(0, false))));
}

template <bool from_right>
Result<Value> partition(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("partition", {{"sep"}, 1}, std::move(arguments)));
  HEARTH_TRY(separator, bound.text_or(0, ""));
  HEARTH_TRY_VOID(run.spend(self.bytes().size() / 8 * (1 + (from_right ? separator.size() / 16 : 0))));
  if (separator.empty()) return refuse("partition() needs a separator that is not empty");
  const std::string& bytes = self.bytes();
  const size_t found = from_right ? bytes.rfind(separator.bytes()) : find_text(bytes, separator.bytes());
  const bool is_found = found != std::string::npos;
  const size_t first = is_found ? found : from_right ? 0 : bytes.size();
  const size_t second = is_found ? found + separator.size() : first;
  return Value::tuple(pieces_of(self, {{0, first}, {first, second}, {second, bytes.size()}}));
}

Result<Value> join(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("join", {{"iterable"}, 1}, std::move(arguments)));
  HEARTH_TRY(items, run.collect(bound[0]));
  Traced out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string()) return refuse("join() wants strings, item {} is of type {}", i, items[i].type_name());
    HEARTH_TRY_VOID(run.spend((items[i].bytes().size() + self.bytes().size()) / 8));
    if (out.size() + items[i].bytes().size() + self.bytes().size() > kMaxTextBytes)
      return refuse("joining makes a text too large");
    if (i > 0) out.append(self.text());
    out.append(self.is_markup() && !items[i].is_markup() ? escape_html(items[i].text()) : items[i].text());
  }
  return Value(std::move(out), self.is_markup());
}

constexpr Method kMethods[] = {{"split", &split<false>},         {"rsplit", &split<true>},
                               {"splitlines", &splitlines},      {"partition", &partition<false>},
                               {"rpartition", &partition<true>}, {"join", &join}};

}  // namespace

std::span<const Method> string_split_methods() { return kMethods; }

}  // namespace hearth::text::jinja

#include "checkpoint/huggingface/names.h"

#include <algorithm>
#include <vector>

namespace hearth::checkpoint {

namespace {

struct Line {
  std::string_view archs;
  std::string_view from;
  std::string_view to;
  bool drops_unit_axis;
};
constexpr Line kLines[] = {
#define HEARTH_NAME(archs, from, to) {archs, from, to, false},
#define HEARTH_NAME_UNIT_AXIS(archs, from, to) {archs, from, to, true},
#include "checkpoint/huggingface/names.def"
#undef HEARTH_NAME
#undef HEARTH_NAME_UNIT_AXIS
};

// Longest first: where multimodal wrappers of several versions put the language model.
constexpr std::string_view kPrefixes[] = {"model.language_model.", "language_model.model.", "language_model.",
                                          "model."};

// "layers.7.mlp.experts.12.w1" becomes "layers.#.mlp.experts.#.w1" and {"7", "12"}.
std::string generalize(std::string_view name, std::vector<std::string_view>& numbers) {
  std::string out;
  while (!name.empty()) {
    const std::string_view word = name.substr(0, name.find('.'));
    const bool number =
        !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number) numbers.push_back(word);
    out += number ? std::string_view("#") : word;
    name.remove_prefix(word.size());
    if (name.empty()) break;
    out += '.';
    name.remove_prefix(1);
  }
  return out;
}

std::string fill(std::string_view pattern, const std::vector<std::string_view>& numbers) {
  std::string out;
  size_t next = 0;
  for (const char c : pattern) {
    if (c == '#') out += numbers[next++];
    else out += c;
  }
  return out;
}

bool has_word(std::string_view words, std::string_view wanted) {
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    if (word == wanted) return true;
    words.remove_prefix(std::min(words.size(), word.size() + 1));
  }
  return false;
}

// The part that tells what a tensor is of its layer. Stacked experts are bare parameters without one.
std::string_view take_suffix(std::string_view& name) {
  for (const std::string_view suffix : {".weight", ".bias"})
    if (name.ends_with(suffix)) {
      name.remove_suffix(suffix.size());
      return suffix;
    }
  return name.find(".experts.") == std::string_view::npos ? "" : ".weight";
}

}  // namespace

CanonicalName canonical_name(std::string_view file_name, std::string_view arch) {
  std::string_view name = file_name;
  for (const std::string_view prefix : kPrefixes)
    if (name.starts_with(prefix)) {
      name.remove_prefix(prefix.size());
      break;
    }
  const std::string_view suffix = take_suffix(name);
  std::vector<std::string_view> numbers;
  const std::string general = generalize(name, numbers);
  for (const Line& line : kLines)
    if (!suffix.empty() && line.from == general && (line.archs.empty() || has_word(line.archs, arch)))
      return {fill(line.to, numbers) + std::string(suffix), true, line.drops_unit_axis};
  return {std::string(file_name), false, false};
}

}  // namespace hearth::checkpoint

#include "text/tokenizer/decoder.h"

#include <algorithm>

#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/vocabulary.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos && !from.empty(); at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

void clean_up(std::string& text) {
  static constexpr std::string_view kPairs[][2] = {{" .", "."},     {" ?", "?"},     {" !", "!"},   {" ,", ","},
                                                   {" ' ", "'"},    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"},
                                                   {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kPairs) replace_all(text, from, to);
}

void apply(const DecodeBytes&, std::string& text, bool) {
  if (auto bytes = spelled_bytes(text)) text = std::move(*bytes);
}

void apply(const DecodeByteFallback&, std::string& text, bool) {
  if (const auto byte = byte_of_token(text)) text.assign(1, static_cast<char>(*byte));
}

void apply(const DecodeReplace& step, std::string& text, bool) {
  std::string out;
  size_t kept = 0;
  while (const auto match = step.pattern.find(text, kept)) {
    if (match->end == match->begin) break;
    out.append(text, kept, match->begin - kept).append(step.content);
    kept = match->end;
  }
  text = out.append(text, kept);
}

void apply(const DecodeReplaceText& step, std::string& text, bool) { replace_all(text, step.from, step.to); }

void strip_left(std::string& text, std::string_view character, size_t most) {
  for (; most > 0 && text.starts_with(character); --most) text.erase(0, character.size());
}

void apply(const DecodeStrip& step, std::string& text, bool) {
  strip_left(text, step.character, step.left);
  for (size_t n = 0; n < step.right && text.ends_with(step.character); ++n)
    text.resize(text.size() - step.character.size());
}

void apply(const DecodeStripText& step, std::string& text, bool first) {
  if (first) strip_left(text, step.character, step.left);
}

void apply(const DecodeWordPiece& step, std::string& text, bool first) {
  if (text.starts_with(step.prefix) && !first) text.erase(0, step.prefix.size());
  else if (!first) text = " " + text;
  if (step.cleanup) clean_up(text);
}

void apply(const DecodeWordEnd& step, std::string& text, bool) { replace_all(text, step.suffix, " "); }

void apply(const DecodeCtc& step, std::string& text, bool) {
  if (text == step.pad) text.clear();
  if (step.cleanup) {
    clean_up(text);
    replace_all(text, step.word_delimiter, " ");
  }
}

}  // namespace

void Decoder::add(DecodeStep step) { steps_.push_back(std::move(step)); }

std::string Decoder::piece(std::string_view token, bool first) const {
  std::string text(token);
  for (const DecodeStep& step : steps_) std::visit([&](const auto& s) { apply(s, text, first); }, step);
  return text;
}

bool Decoder::collapses_repeats() const {
  return std::ranges::any_of(steps_, [](const DecodeStep& step) { return std::holds_alternative<DecodeCtc>(step); });
}

bool Decoder::decodes_bytes() const {
  return std::ranges::any_of(steps_, [](const DecodeStep& step) { return std::holds_alternative<DecodeBytes>(step); });
}

}  // namespace hearth::text

#pragma once
// A string that remembers which of its bytes came from the conversation, so that a user's "<|im_start|>" never becomes
// a control token, through whatever filters and methods a template sends it.
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text::jinja {

class Traced {
 public:
  Traced() = default;
  static Traced literal(std::string bytes);  // the template's own words
  static Traced input(std::string bytes);    // words of the conversation

  const std::string& bytes() const { return bytes_; }
  const std::vector<TextRange>& input_ranges() const { return input_; }  // ascending, disjoint, not empty
  bool has_input() const { return !input_.empty(); }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  void append(std::string_view literal) { bytes_ += literal; }
  void append(const Traced& other) { append_slice(other, 0, other.size()); }
  void append_slice(const Traced& other, size_t begin, size_t end);
  Traced slice(size_t begin, size_t end) const;

  // The outcome of a change that is not followed byte by byte: all input if anything here is.
  Traced changed_to(std::string bytes) const;
  // The outcome of a change that keeps every byte in its place (ASCII upper case).
  Traced mapped_to(std::string bytes) const;

 private:
  void add_range(size_t begin, size_t end);

  std::string bytes_;
  std::vector<TextRange> input_;
};

}  // namespace hearth::text::jinja

#pragma once
// Finds stop strings in a stream, wherever its pieces are cut. Text that may still turn into a stop string is held back, so
// nothing of a stop string is ever shown. The match that completes first wins; of those that complete together, the longest.
#include <string>
#include <string_view>
#include <vector>

namespace hearth::service {

class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);  // none of them empty

  std::string feed(std::string_view text);  // what may be shown now; "" for ever after a match
  std::string finish();                     // what was held back, when the stream ends without a match

  bool matched() const { return matched_ != nullptr; }
  std::string_view match() const { return matched_ == nullptr ? std::string_view() : *matched_; }

 private:
  void release(std::string& shown);

  std::vector<std::string> stops_;  // longest first
  const std::string* matched_ = nullptr;
  std::string held_;  // the longest end of the stream that begins a stop string
};

// The length of the longest proper prefix of `pattern` that ends `text`.
size_t partial_match(std::string_view text, std::string_view pattern);

}  // namespace hearth::service

#include "base/utf8.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool with_control, bool continues)
    : tokenizer_(tokenizer), with_control_(with_control), at_start_(!continues) {}

std::string StreamDecoder::next(TokenId id) {
  waiting_ += at_start_ ? tokenizer_.decode({&id, 1}, with_control_) : tokenizer_.piece(id, with_control_);
  if (at_start_) at_start_ = tokenizer_.piece(id, with_control_).empty();  // as decode(): what prints ends it, stripped or not
  const size_t complete = waiting_.size() - utf8::incomplete_tail(waiting_);
  std::string out = utf8::sanitize(std::string_view(waiting_).substr(0, complete));
  waiting_.erase(0, complete);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out = utf8::sanitize(waiting_);
  waiting_.clear();
  return out;
}

}  // namespace hearth::text

// libFuzzer target: any bytes as a vocabulary file, tokenizer.json, ranks or SentencePiece. One that loads tokenizes a text and the
// beginning of the file, and a stream of its tokens is the text that they are together.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/utf8.h"
#include "text/tokenizer/load/files.h"

namespace {

using namespace hearth;
using namespace hearth::text;

Result<std::shared_ptr<const Tokenizer>> load(std::string_view bytes) {
  if (bytes.starts_with('{')) return load_tokenizer_json(bytes, {});
  return looks_like_tiktoken(bytes) ? load_tiktoken(bytes, {}) : load_sentencepiece(bytes, {});
}

void check(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool parse_special : {false, true}) {
    const auto ids = tokenizer.encode(text, {.parse_special = parse_special});
    StreamDecoder decoder(tokenizer);
    std::string streamed;
    for (const TokenId id : ids) {
      HEARTH_CHECK(id >= 0 && static_cast<size_t>(id) < tokenizer.size(), "every token is of the vocabulary");
      streamed += decoder.next(id);
    }
    streamed += decoder.finish();
    HEARTH_CHECK(streamed == utf8::sanitize(tokenizer.decode(ids)), "a stream says what its tokens say together");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(bytes), size);
  const auto tokenizer = load(file);
  if (!tokenizer) return 0;
  check(**tokenizer, "Hello, w\xc3\xb6rld!  It's 1234 <s>\n\xe4\xbd\xa0\xe5\xa5\xbd \xff\xf0\x9f\x94\xa5");
  check(**tokenizer, file.substr(0, 200));
  return 0;
}

#pragma once
// What each thread remembers of the words it encoded: a direct-mapped table of short words with few tokens, shared by
// all tokenizers of the thread (entries name their owner).  512 KiB per thread that tokenizes.
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "text/tokenizer/models/text_index.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

class WordCache {
 public:
  static constexpr size_t kMaxBytes = 22, kMaxTokens = 8;

  struct alignas(64) Entry {
    uint64_t owner = 0;  // 0: empty
    uint8_t length = 0, count = 0;
    char text[kMaxBytes];
    TokenId ids[kMaxTokens];

    bool holds(uint64_t wanted_owner, std::string_view word) const {
      return owner == wanted_owner && length == word.size() && std::memcmp(text, word.data(), word.size()) == 0;
    }
    void keep(uint64_t new_owner, std::string_view word, std::span<const TokenId> tokens) {
      if (tokens.size() > kMaxTokens) return;
      owner = new_owner;
      length = static_cast<uint8_t>(word.size());
      count = static_cast<uint8_t>(tokens.size());
      std::memcpy(text, word.data(), word.size());
      std::memcpy(ids, tokens.data(), tokens.size_bytes());
    }
  };
  static_assert(sizeof(Entry) == 64, "one cache line");

  static uint64_t new_owner() {
    static std::atomic<uint64_t> last{0};
    return ++last;
  }

  // The only place where `word` (at most kMaxBytes) may be remembered.
  static Entry& entry(uint64_t owner, std::string_view word) {
    static constexpr size_t kEntries = 8192;
    thread_local const std::unique_ptr<Entry[]> entries = std::make_unique<Entry[]>(kEntries);
    return entries[(hash_text(word) + owner * 0x9E37) & (kEntries - 1)];
  }
};

}  // namespace hearth::text

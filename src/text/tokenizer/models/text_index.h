#pragma once
// Strings numbered from 0, kept in one arena, found again by a flat hash table.
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace hearth::text {

// Drawn once per process, so that no file can choose texts that meet in one slot.
inline const uint64_t kHashSeed = random_seed();

// Both halves of a product with a factor that nobody knows: every bit of `word` reaches every bit of the result.
inline uint64_t mix(uint64_t word) {
  const auto product = static_cast<unsigned __int128>(word) * (kHashSeed | 1);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// A fast hash of short byte strings; stable only within one run.
inline uint64_t hash_text(std::string_view text) {
  const auto load = [&](size_t at, size_t n) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, n);
    return word;
  };
  uint64_t h = kHashSeed + text.size() * 0x9E3779B97F4A7C15;
  size_t at = 0;
  for (; text.size() - at >= 8; at += 8) h = mix(std::rotl(h, 29) ^ load(at, 8));
  const size_t rest = text.size() - at;
  if (rest >= 4) return mix(std::rotl(h, 29) ^ (load(at, 4) | load(text.size() - 4, 4) << 32));
  if (rest > 0) return mix(std::rotl(h, 29) ^ (load(at, 1) | load(at + rest / 2, 1) << 8 | load(text.size() - 1, 1) << 16));
  return h;
}

class TextIndex {
 public:
  void reserve(size_t count, size_t bytes);
  void add(std::string_view text);  // gets the next number, whether or not the text was added before
  // Makes find() work; `listed(i)` says which entries it may find. Of equal texts the first is found.
  template <class Listed>
  void build(Listed listed) {
    mask_ = std::bit_ceil(size() * 2 + 2) - 1;
    slots_.assign(mask_ + 1, Slot{});
    for (size_t i = 0; i < size(); ++i)
      if (listed(static_cast<int32_t>(i))) insert(static_cast<int32_t>(i));
  }

  size_t size() const { return ends_.size(); }
  std::string_view text(int32_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[static_cast<size_t>(i) - 1];
    return std::string_view(arena_).substr(begin, ends_[static_cast<size_t>(i)] - begin);
  }
  int32_t find(std::string_view wanted) const {  // -1 where absent
    if (wanted.size() > longest_ || slots_.empty()) return -1;
    const uint64_t hash = hash_text(wanted);
    for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot slot = slots_[at];
      if (slot.index < 0 || (slot.tag == tag_of(hash) && text(slot.index) == wanted)) return slot.index;
    }
  }
  size_t longest() const { return longest_; }  // bytes

 private:
  // The tag spares most comparisons, and with them the cache misses of reading the text.
  struct Slot {
    uint32_t tag = 0;
    int32_t index = -1;
  };
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  void insert(int32_t i);
  std::string arena_;
  std::vector<uint32_t> ends_;
  std::vector<Slot> slots_;
  size_t mask_ = 0, longest_ = 0;
};

}  // namespace hearth::text

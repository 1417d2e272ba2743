#pragma once
// The merging itself, shared by both kinds of rules.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

constexpr uint32_t kNoMerge = UINT32_MAX;

// What a pair of symbols becomes.
struct Merge {
  uint32_t rank = kNoMerge;
  TokenId id = -1;
};

struct Symbol {
  TokenId id;           // -1: no token spells it
  uint32_t begin, end;  // bytes of the word
  // While merging: the rank of this symbol with its right neighbour, the token they make, and the neighbours.
  uint32_t rank = kNoMerge;
  TokenId merged = -1;
  uint32_t previous = 0, next = 0;
};

// Few symbols: look for the lowest rank again after every merge. `pair(a, b)` gives the Merge of two neighbours.
template <class Pair>
void merge_few(std::vector<Symbol>& symbols, Pair pair) {
  const auto rate = [&](size_t i) {
    const Merge merge = i + 1 < symbols.size() ? pair(symbols[i], symbols[i + 1]) : Merge{};
    symbols[i].rank = merge.rank;
    symbols[i].merged = merge.id;
  };
  for (size_t i = 0; i < symbols.size(); ++i) rate(i);
  while (true) {
    size_t best = 0;
    for (size_t i = 1; i < symbols.size(); ++i)
      if (symbols[i].rank < symbols[best].rank) best = i;
    if (symbols.empty() || symbols[best].rank == kNoMerge) return;
    symbols[best].id = symbols[best].merged;
    symbols[best].end = symbols[best + 1].end;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    rate(best);
    if (best > 0) rate(best - 1);
  }
}

// Many symbols: a heap of (rank, position). An entry is stale unless its position still has that rank.
template <class Pair>
void merge_many(std::vector<Symbol>& symbols, Pair pair) {
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint64_t> waiting;
  const auto rate = [&](uint32_t i) {
    Symbol& left = symbols[i];
    const Merge merge = left.next < count ? pair(left, symbols[left.next]) : Merge{};
    left.rank = merge.rank;
    left.merged = merge.id;
    return merge.rank != kNoMerge;
  };
  const auto key = [&](uint32_t i) { return uint64_t{symbols[i].rank} << 32 | i; };
  for (uint32_t i = 0; i < count; ++i) {
    symbols[i].previous = i - 1;  // wraps for the first, which is then no position
    symbols[i].next = i + 1;
    if (rate(i)) waiting.push_back(key(i));
  }
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> queue(std::greater<>{}, std::move(waiting));
  while (!queue.empty()) {
    const auto i = static_cast<uint32_t>(queue.top());
    const auto rank = static_cast<uint32_t>(queue.top() >> 32);
    queue.pop();
    Symbol& left = symbols[i];
    if (left.rank != rank) continue;
    Symbol& right = symbols[left.next];
    left.id = left.merged;
    left.end = right.end;
    left.next = right.next;
    right.rank = kNoMerge;
    right.begin = right.end;  // empty: dropped below
    if (left.next < count) symbols[left.next].previous = i;
    if (rate(i)) queue.push(key(i));
    if (left.previous < count && rate(left.previous)) queue.push(key(left.previous));
  }
  std::erase_if(symbols, [](const Symbol& s) { return s.begin == s.end; });
}

template <class Pair>
void merge_symbols(std::vector<Symbol>& symbols, Pair pair) {
  constexpr size_t kFew = 48;  // beyond it the heap wins
  if (symbols.size() <= kFew) merge_few(symbols, pair);
  else merge_many(symbols, pair);
}

}  // namespace hearth::text

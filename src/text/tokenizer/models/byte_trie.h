#pragma once
// A trie over bytes: every entry that begins at a place of a text, in one walk.
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::text {

class ByteTrie {
 public:
  // From (text, value) pairs with distinct, non-empty texts; values are not negative.
  explicit ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries);
  ByteTrie() : ByteTrie(std::vector<std::pair<std::string_view, int32_t>>{}) {}

  // Calls `hit(length, value)` for every entry at the front of the text, shortest first.
  template <class Hit>
  void prefixes(std::string_view text, Hit hit) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<uint8_t>(text[i]));
      if (node == 0) return;
      if (nodes_[node].value >= 0) hit(i + 1, nodes_[node].value);
    }
  }
  // The first place at or after `from` where an entry may begin; the size of the text if there is none.
  size_t next_start(std::string_view text, size_t from) const;

 private:
  struct Node {
    uint32_t first_child = 0;  // children lie side by side, ordered by label
    int32_t value = -1;
    uint16_t children = 0;
    uint8_t label = 0;
  };
  uint32_t child(uint32_t node, uint8_t label) const;  // 0 where absent
  std::vector<Node> nodes_;
  uint32_t root_[256] = {};  // the children of the first node, by label
};

}  // namespace hearth::text

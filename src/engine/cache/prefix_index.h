#pragma once
// Which pages hold which beginnings of prompts: a tree whose nodes are pages of tokens. A node's key is its parent and its
// own tokens, so that a path from the root is exactly one token sequence; hashes only speed the search up.
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace hearth::engine {

class PrefixIndex {
 public:
  using Node = uint32_t;
  using Hash = uint64_t (*)(Node parent, std::span<const int32_t> tokens);
  static constexpr Node kRoot = 0;
  static constexpr uint32_t kNoPage = ~uint32_t{0};

  static uint64_t hash_page(Node parent, std::span<const int32_t> tokens);

  // `group_pages`: how many pages each window group has. Every node holds exactly `page_tokens` tokens.
  PrefixIndex(uint32_t page_tokens, std::span<const uint32_t> group_pages, Hash hash = &hash_page);

  std::optional<Node> find(Node parent, std::span<const int32_t> tokens) const;
  Node insert(Node parent, std::span<const int32_t> tokens);  // the node, made if need be, and held; drop() it later

  // A held node stays in the tree, whatever becomes of its pages. The root always does.
  void hold(Node node) { ++nodes_[node].holders; }
  void drop(Node node);

  uint32_t page(Node node, uint32_t group) const { return pages_[size_t{node} * groups() + group]; }  // or kNoPage
  void set_page(Node node, uint32_t group, uint32_t page);
  void forget(uint32_t group, uint32_t page);  // the page is taken for something else
  Node node_of(uint32_t group, uint32_t page) const { return node_of_[group][page]; }  // kRoot: none

  size_t size() const { return by_hash_.size(); }  // nodes without the root

 private:
  struct Entry {
    Node parent = kRoot;
    uint32_t children = 0, holders = 0, pages = 0;  // what keeps it alive
  };
  uint32_t groups() const { return static_cast<uint32_t>(node_of_.size()); }
  std::span<const int32_t> tokens_of(Node node) const;
  Node add(Node parent, std::span<const int32_t> tokens, uint64_t hash);
  void remove_if_unused(Node node);

  const uint32_t page_tokens_;
  const Hash hash_;
  std::vector<Entry> nodes_;
  std::vector<int32_t> tokens_;              // [node][page_tokens]
  std::vector<uint32_t> pages_;              // [node][group]
  std::vector<std::vector<Node>> node_of_;   // [group][page]
  std::vector<Node> unused_;
  std::unordered_multimap<uint64_t, Node> by_hash_;
};

}  // namespace hearth::engine

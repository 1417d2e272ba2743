#pragma once
// The memory of the KV cache: one run of pages per window group, a page holding all layers of its group.
// Resolves what a model asks for (StateShape) to the views that operations read and write (ops::KvLayer).
#include <cstdint>
#include <span>
#include <vector>

#include "engine/cache/cache.h"
#include "engine/cache/swap_memory.h"
#include "model/model.h"
#include "ops/backend.h"
#include "tensor/buffer.h"

namespace hearth::engine {

// How the layers of each group share a page: offsets are multiples of 64 bytes.
struct PageLayout {
  PageLayout(const model::StateShape& shape, uint32_t page_tokens, ops::KvType k_type, ops::KvType v_type);

  std::vector<ops::KvLayer> layers;  // as StateShape::kv; first_page is not set yet
  std::vector<size_t> offsets;       // bytes from the page's start, as StateShape::kv
  std::vector<size_t> page_bytes;    // [group]
};

class PagePool {
 public:
  PagePool(PageLayout layout, std::span<const CacheGroup> groups, ops::Backend& backend);

  // Before the first kSwapOut: the groups' swap pages, in memory or, where a folder is named, in a file there. Errors:
  // kCannotCreate.
  Result<void> open_swap(std::span<const CacheGroup> groups, const std::string& folder);

  const PageLayout& layout() const { return layout_; }
  std::span<const ops::KvLayer> layers() const { return layout_.layers; }  // as StateShape::kv
  uint64_t bytes() const;        // of pages
  uint64_t swap_bytes() const;
  std::span<std::byte> page(uint32_t group, uint32_t page);  // all layers of the group; never looked into
  void move(const PageMove& move);

 private:
  PageLayout layout_;
  std::vector<Buffer> memory_;    // [group]
  std::vector<SwapMemory> swap_;  // [group]
};

}  // namespace hearth::engine

#include "engine/cache/page_pool.h"

#include <cstring>

namespace hearth::engine {

static constexpr size_t kAlignment = 64;

PageLayout::PageLayout(const model::StateShape& shape, uint32_t page_tokens, ops::KvType k_type, ops::KvType v_type)
    : page_bytes(shape.group_windows.size()) {
  for (const auto& spec : shape.kv) {
    ops::KvLayer layer{.page_tokens = page_tokens, .group = spec.group, .kv_heads = spec.kv_heads, .k_dim = spec.k_dim,
                       .v_dim = spec.v_dim, .k_type = k_type, .v_type = v_type};
    size_t& page = page_bytes[spec.group];
    offsets.push_back(page);
    page += (layer.bytes_per_page() + kAlignment - 1) / kAlignment * kAlignment;
    layers.push_back(layer);
  }
  for (ops::KvLayer& layer : layers) layer.page_stride = page_bytes[layer.group];
}

PagePool::PagePool(PageLayout layout, std::span<const CacheGroup> groups, ops::Backend& backend) : layout_(std::move(layout)) {
  for (size_t g = 0; g < groups.size(); ++g) memory_.push_back(backend.allocate(groups[g].pages * layout_.page_bytes[g]));
  for (size_t i = 0; i < layout_.layers.size(); ++i) {
    ops::KvLayer& layer = layout_.layers[i];
    layer.first_page = memory_[layer.group].bytes() + layout_.offsets[i];
  }
}

Result<void> PagePool::open_swap(std::span<const CacheGroup> groups, const std::string& folder) {
  for (size_t g = 0; g < groups.size(); ++g) {
    HEARTH_TRY(memory, SwapMemory::make(groups[g].swap_pages * layout_.page_bytes[g], folder));
    swap_.push_back(std::move(memory));
  }
  return {};
}

uint64_t PagePool::bytes() const {
  uint64_t bytes = 0;
  for (const Buffer& buffer : memory_) bytes += buffer.size();
  return bytes;
}

uint64_t PagePool::swap_bytes() const {
  uint64_t bytes = 0;
  for (const SwapMemory& memory : swap_) bytes += memory.size();
  return bytes;
}

std::span<std::byte> PagePool::page(uint32_t group, uint32_t page) {
  return {memory_[group].bytes() + page * layout_.page_bytes[group], layout_.page_bytes[group]};
}

void PagePool::move(const PageMove& move) {
  const size_t bytes = layout_.page_bytes[move.group];
  const std::byte* source = (move.kind == PageMove::Kind::kSwapIn ? swap_[move.group].bytes() : memory_[move.group].bytes()) + move.from * bytes;
  std::byte* target = (move.kind == PageMove::Kind::kSwapOut ? swap_[move.group].bytes() : memory_[move.group].bytes()) + move.to * bytes;
  std::memcpy(target, source, bytes);
}

}  // namespace hearth::engine

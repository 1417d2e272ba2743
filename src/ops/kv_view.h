#pragma once
// How operations see the KV cache: fixed-size pages of tokens, found through each sequence's page list. Operations never
// learn who owns a page; the cache never learns what a page contains.
#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth::ops {

enum class KvType : uint8_t { kF32, kF16 };
constexpr size_t kv_bytes(KvType type) { return type == KvType::kF32 ? 4 : 2; }

// One attention layer's share of every page. Page p of this layer begins at first_page + p * page_stride and holds
//   keys   [kv_head][token][k_dim] in k_type, then
//   values [kv_head][token][v_dim] in v_type,
// with `page_tokens` tokens. docs/formats/kv_pages.md
struct KvLayer {
  std::byte* first_page = nullptr;
  size_t page_stride = 0;    // bytes from one page to the next (a page holds all layers of its group)
  uint32_t page_tokens = 0;
  uint32_t group = 0;        // which of a sequence's page lists this layer uses (layers with the same window share one)
  uint32_t kv_heads = 0, k_dim = 0, v_dim = 0;
  KvType k_type = KvType::kF32, v_type = KvType::kF32;

  std::byte* keys(uint32_t page, uint32_t head) const {
    return first_page + page * page_stride + size_t{head} * page_tokens * k_dim * kv_bytes(k_type);
  }
  std::byte* values(uint32_t page, uint32_t head) const {
    return first_page + page * page_stride + size_t{kv_heads} * page_tokens * k_dim * kv_bytes(k_type) +
           size_t{head} * page_tokens * v_dim * kv_bytes(v_type);
  }
  size_t bytes_per_page() const {
    return size_t{kv_heads} * page_tokens * (k_dim * kv_bytes(k_type) + v_dim * kv_bytes(v_type));
  }
};

// One recurrent layer's state in slots: slot s is `floats` numbers at first_slot + s * slot_stride. A fresh slot is zero.
struct SlotLayer {
  float* first_slot = nullptr;
  size_t slot_stride = 0;  // floats from one slot to the next (a slot holds all recurrent layers)
  uint32_t floats = 0;

  float* slot(uint32_t s) const { return first_slot + s * slot_stride; }
};

}  // namespace hearth::ops

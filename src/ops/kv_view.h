#pragma once
// How operations see the KV cache: fixed-size pages of tokens, found through each sequence's page list. Operations never
// learn who owns a page; the cache never learns what a page contains.
#include <cstddef>
#include <cstdint>

#include "ops/kv/kv_types.h"
#include "ops/step.h"

namespace hearth::ops {

// One attention layer's share of every page. Page p of this layer begins at first_page + p * page_stride and holds
//   keys [kv_head][tile of kKvTile tokens] in k_type, then values likewise in v_type (ops/kv/kv_types.h),
// with `page_tokens` tokens, a multiple of kKvTile. docs/formats/kv_pages.md
struct KvLayer {
  std::byte* first_page = nullptr;
  size_t page_stride = 0;    // bytes from one page to the next (a page holds all layers of its group)
  uint32_t page_tokens = 0;
  uint32_t group = 0;        // which of a sequence's page lists this layer uses (layers with the same window share one)
  uint32_t kv_heads = 0, k_dim = 0, v_dim = 0;
  KvType k_type = KvType::kF32, v_type = KvType::kF32;

  std::byte* keys(uint32_t page, uint32_t head) const { return first_page + page * page_stride + head * key_bytes(); }
  std::byte* values(uint32_t page, uint32_t head) const {
    return first_page + page * page_stride + kv_heads * key_bytes() + head * value_bytes();
  }
  size_t bytes_per_page() const { return kv_heads * (key_bytes() + value_bytes()); }

  size_t key_bytes() const { return page_tokens * kv_row_bytes(k_type, k_dim); }      // of one head in one page
  size_t value_bytes() const { return page_tokens * kv_row_bytes(v_type, v_dim); }
};

// Whether heads of these sizes can be stored as asked. Errors: kInvalidArgument names the size, the type and the remedy.
Result<void> check_kv(const KvLayer& layer);

// Where one token of one sequence lies in its layer's pages.
struct KvPlace {
  uint32_t page, token;

  // The tiles it belongs to, and its place there.
  std::byte* key_tile(const KvLayer& layer, uint32_t head) const {
    return layer.keys(page, head) + token / kKvTile * kKvTile * kv_row_bytes(layer.k_type, layer.k_dim);
  }
  std::byte* value_tile(const KvLayer& layer, uint32_t head) const {
    return layer.values(page, head) + token / kKvTile * kKvTile * kv_row_bytes(layer.v_type, layer.v_dim);
  }
  uint32_t in_tile() const { return token % kKvTile; }
};
inline KvPlace kv_place(const SequenceRows& sequence, const KvLayer& layer, uint32_t position) {
  return {sequence.pages[layer.group][position / layer.page_tokens], position % layer.page_tokens};
}

// One recurrent layer's state in slots: slot s is `floats` numbers at first_slot + s * slot_stride. A fresh slot is zero.
struct SlotLayer {
  float* first_slot = nullptr;
  size_t slot_stride = 0;  // floats from one slot to the next (a slot holds all recurrent layers)
  uint32_t floats = 0;

  float* slot(uint32_t s) const { return first_slot + s * slot_stride; }
};

}  // namespace hearth::ops

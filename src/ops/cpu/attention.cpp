#include "ops/cpu/attention.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace hearth::ops::cpu {

namespace {

constexpr uint32_t kTileRows = 16;  // query rows that share a part's keys and values in the cache

struct Place {
  uint32_t page, token;
};
Place place_of(const SequenceRows& sequence, const KvLayer& layer, uint32_t position) {
  return {sequence.pages[layer.group][position / layer.page_tokens], position % layer.page_tokens};
}
std::byte* key_at(const KvLayer& layer, Place at, uint32_t head) {
  return layer.keys(at.page, head) + size_t{at.token} * layer.k_dim * kv_bytes(layer.k_type);
}
std::byte* value_at(const KvLayer& layer, Place at, uint32_t head) {
  return layer.values(at.page, head) + size_t{at.token} * layer.v_dim * kv_bytes(layer.v_type);
}

void store(const KernelTable& kernels, std::byte* to, const float* from, uint32_t n, KvType type) {
  if (type == KvType::kF32) std::memcpy(to, from, n * sizeof(float));
  else kernels.to_half(from, reinterpret_cast<Fp16*>(to), n);
}

uint32_t first_visible(uint32_t position, uint32_t window) {
  return window != 0 && position >= window ? position - window + 1 : 0;
}

// Where the tokens [begin, end) of a part lie. A part of 64 tokens may span several pages.
void locate(const SequenceRows& sequence, const KvLayer& layer, uint32_t kv_head, uint32_t begin, uint32_t end,
            AttentionPart& part) {
  const uint32_t part_begin = begin / kAttentionPart * kAttentionPart;
  for (uint32_t position = begin; position < end; ++position) {
    const Place at = place_of(sequence, layer, position);
    part.keys[position - part_begin] = key_at(layer, at, kv_head);
    part.values[position - part_begin] = value_at(layer, at, kv_head);
  }
}

}  // namespace

void Attender::append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) {
  for (const SequenceRows& sequence : step.sequences)
    workers_.rows(sequence.rows, size_t{layer.kv_heads} * (layer.k_dim + layer.v_dim), [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) {
        const Place at = place_of(sequence, layer, sequence.past + static_cast<uint32_t>(i));
        const float* key = k.row(sequence.first_row + i);
        const float* value = v.row(sequence.first_row + i);
        for (uint32_t h = 0; h < layer.kv_heads; ++h) {
          store(workers_.kernels, key_at(layer, at, h), key + size_t{h} * layer.k_dim, layer.k_dim, layer.k_type);
          store(workers_.kernels, value_at(layer, at, h), value + size_t{h} * layer.v_dim, layer.v_dim, layer.v_type);
        }
      }
    });
}

void Attender::attend(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out, const AttentionOptions& options) {
  HEARTH_CHECK(options.heads % layer.kv_heads == 0, "query heads come in groups of one kv head");
  tiles_.clear();
  for (const SequenceRows& sequence : step.sequences)
    for (uint32_t end = sequence.rows; end > 0; end -= std::min(end, kTileRows))  // late rows see most: longest work first
      for (uint32_t h = 0; h < layer.kv_heads; ++h)
        tiles_.push_back({&sequence, end - std::min(end, kTileRows), end, h});
  workers_.pool.parallel(tiles_.size(), [&](size_t t, unsigned worker) {
    run(tiles_[t], q, layer, out, options, of_worker_[worker]);
  });
}

void Attender::run(const Tile& tile, ConstMatrix q, const KvLayer& layer, Matrix out, const AttentionOptions& options,
                   OfWorker& worker) {
  const SequenceRows& sequence = *tile.sequence;
  const uint32_t heads = options.heads / layer.kv_heads, first_head = tile.kv_head * heads, rows = tile.end - tile.first;
  float* top = worker.top.at_least(size_t{rows} * heads);
  float* weight = worker.weight.at_least(size_t{rows} * heads);
  float* mixed = worker.mixed.at_least(size_t{rows} * heads * layer.v_dim);
  for (uint32_t i = 0; i < rows * heads; ++i) {  // a sink is a part of its own: one score, no value
    top[i] = options.sinks != nullptr ? options.sinks[first_head + i % heads] : -std::numeric_limits<float>::infinity();
    weight[i] = options.sinks != nullptr ? 1 : 0;
  }
  std::fill_n(mixed, size_t{rows} * heads * layer.v_dim, 0.0f);

  AttentionPart part{.keys = {}, .values = {}, .k_type = layer.k_type, .v_type = layer.v_type,
                     .k_dim = layer.k_dim, .v_dim = layer.v_dim};
  const uint32_t first_position = sequence.past + tile.first, last_position = sequence.past + tile.end - 1;
  const uint32_t start = first_visible(first_position, options.window);
  for (uint32_t begin = start / kAttentionPart * kAttentionPart; begin <= last_position; begin += kAttentionPart) {
    const uint32_t end = std::min(begin + kAttentionPart, last_position + 1);
    locate(sequence, layer, tile.kv_head, std::max(begin, start), end, part);
    for (uint32_t r = 0; r < rows; ++r) {
      const uint32_t position = first_position + r;
      const uint32_t first = std::max(begin, first_visible(position, options.window)), last = std::min(end, position + 1);
      if (first >= last) continue;
      workers_.kernels.attend(q.row(sequence.first_row + tile.first + r) + size_t{first_head} * layer.k_dim, heads, part,
                              first - begin, last - begin, options.scale, options.softcap,
                              {top + r * heads, weight + r * heads, mixed + size_t{r} * heads * layer.v_dim});
    }
  }
  for (uint32_t r = 0; r < rows; ++r)
    for (uint32_t h = 0; h < heads; ++h) {
      const float* from = mixed + (size_t{r} * heads + h) * layer.v_dim;
      float* to = out.row(sequence.first_row + tile.first + r) + size_t{first_head + h} * layer.v_dim;
      for (uint32_t i = 0; i < layer.v_dim; ++i) to[i] = from[i] / weight[r * heads + h];
    }
}

}  // namespace hearth::ops::cpu

#include "models/paged_sequence.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

namespace hearth::testing {

constexpr uint32_t kPageTokens = 16;
constexpr uint32_t kSlot = 1;  // of three; the others hold NaN

PagedSequence::PagedSequence(model::Model& model, uint32_t capacity) : model_(model) {
  make_groups(capacity);
  make_slots();
}

void PagedSequence::make_groups(uint32_t capacity) {
  const model::StateShape& shape = model_.state_shape();
  const uint32_t pages = (capacity + kPageTokens - 1) / kPageTokens;
  std::vector<size_t> page_bytes(shape.group_windows.size());
  for (const auto& spec : shape.kv) {
    kv_.push_back({.page_tokens = kPageTokens,
                   .group = spec.group,
                   .kv_heads = spec.kv_heads,
                   .k_dim = spec.k_dim,
                   .v_dim = spec.v_dim});
    page_bytes[spec.group] += kv_.back().bytes_per_page();
  }
  std::mt19937 random(7);
  for (const size_t bytes : page_bytes) {
    Group& group = groups_.emplace_back();
    group.memory = Buffer(bytes * (pages + 3));
    std::fill_n(group.memory.as<float>(), group.memory.size() / sizeof(float), std::numeric_limits<float>::quiet_NaN());
    std::vector<uint32_t> numbers(pages + 3);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), random);
    group.pages.assign(numbers.begin(), numbers.begin() + pages);
  }
  for (const Group& group : groups_) page_lists_.push_back(group.pages);
  std::vector<size_t> next(groups_.size());
  for (ops::KvLayer& layer : kv_) {
    layer.first_page = groups_[layer.group].memory.bytes() + next[layer.group];
    layer.page_stride = page_bytes[layer.group];
    next[layer.group] += layer.bytes_per_page();
  }
}

void PagedSequence::make_slots() {
  const auto& specs = model_.state_shape().slots;
  const size_t stride =
      std::accumulate(specs.begin(), specs.end(), size_t{0}, [](size_t n, const auto& s) { return n + s.floats; });
  slot_memory_ = Buffer(3 * stride * sizeof(float));
  float* memory = slot_memory_.as<float>();
  std::fill_n(memory, 3 * stride, std::numeric_limits<float>::quiet_NaN());
  std::fill_n(memory + kSlot * stride, stride, 0.0f);
  for (const auto& spec : specs) {
    slots_.push_back({.first_slot = memory, .slot_stride = stride, .floats = spec.floats});
    memory += spec.floats;
  }
}

std::vector<float> PagedSequence::append(std::span<const int32_t> tokens, bool are_generated) {
  const auto rows = static_cast<uint32_t>(tokens.size());
  std::vector<int32_t> positions(rows);
  std::iota(positions.begin(), positions.end(), static_cast<int32_t>(length_));
  std::vector<uint32_t> logit_rows(rows);
  std::iota(logit_rows.begin(), logit_rows.end(), 0u);
  const ops::SequenceRows sequence{.rows = rows, .past = length_, .pages = page_lists_, .slot = kSlot};
  const ops::Step step{.tokens = tokens,
                       .positions = positions,
                       .sequences = {&sequence, 1},
                       .generated_rows = are_generated ? rows : 0,
                       .logit_rows = logit_rows};
  const uint32_t vocab = model_.plan().vocab;
  std::vector<float> logits(size_t{rows} * vocab);
  model_.forward(step, {.kv = kv_, .slots = slots_}, {logits.data(), rows, vocab, vocab});
  length_ += rows;
  return logits;
}

int32_t best_token(std::span<const float> logits) {
  return static_cast<int32_t>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace hearth::testing

#pragma once
// One sequence with just enough cache to run a model without an engine: pages of 16 tokens under shuffled numbers in
// memory full of NaN, so that reading what was never written shows.
#include <span>
#include <vector>

#include "model/model.h"

namespace hearth::testing {

class PagedSequence {
 public:
  // Room for `capacity` tokens of one sequence.
  PagedSequence(model::Model& model, uint32_t capacity);

  // Appends the tokens in one step and returns the logits of each: (tokens.size(), vocab). Generated tokens take the
  // decode kernels, others the prefill kernels.
  std::vector<float> append(std::span<const int32_t> tokens, bool are_generated);

  uint32_t length() const { return length_; }

 private:
  struct Group {
    Buffer memory;
    std::vector<uint32_t> pages;  // the sequence's page list
  };
  void make_groups(uint32_t capacity);
  void make_slots();

  model::Model& model_;
  std::vector<Group> groups_;
  std::vector<std::span<const uint32_t>> page_lists_;
  std::vector<ops::KvLayer> kv_;
  Buffer slot_memory_;
  std::vector<ops::SlotLayer> slots_;
  uint32_t length_ = 0;
};

// Index of the largest value.
int32_t best_token(std::span<const float> logits);

}  // namespace hearth::testing

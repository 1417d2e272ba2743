#pragma once
// One step: some tokens of some sequences, run through the model together. The batch is an argument, never a state.
#include <cstdint>
#include <span>

namespace hearth::ops {

// One sequence's rows in a step.
struct SequenceRows {
  uint32_t first_row = 0, rows = 0;  // rows [first_row, first_row + rows) of every matrix of the step, in token order
  uint32_t past = 0;                 // tokens of this sequence already in the cache: row i has cache position past + i
  std::span<const std::span<const uint32_t>> pages = {};  // [group]: the sequence's pages, covering past + rows tokens
  uint32_t slot = 0;                 // its recurrent state
};

// Rows [0, generated_rows) are generated (or drafted) tokens, the rest prompt tokens. A device whose kernels differ between the two
// chooses by that and not by their number, so that a token's result does not depend on the batch it met (docs/architecture.md,
// "The same answer"); on the CPU all kernels give the same bits.
struct Step {
  std::span<const int32_t> tokens = {};        // one per row
  std::span<const int32_t> positions = {};     // one per row, for rotary embeddings
  std::span<const SequenceRows> sequences = {}; // ordered: those with generated rows first
  uint32_t generated_rows = 0;
  std::span<const uint32_t> logit_rows = {};   // rows whose logits are wanted, ascending

  uint32_t rows() const { return static_cast<uint32_t>(tokens.size()); }
};

}  // namespace hearth::ops

#pragma once
// A weight of the CPU backend: one run of panels per stacked part. Weights packed together lie in one stretch of memory.
#include <memory>
#include <vector>

#include "base/result.h"
#include "ops/cpu/packed/code_plane.h"
#include "ops/cpu/packed/packer.h"
#include "ops/ops.h"

namespace hearth::ops::cpu {

// The memory of all weights of one packing, of its own or mapped from a file. It appears when the packing runs.
struct PackedMemory {
  std::shared_ptr<const std::byte> first;
};

class PackedWeight final : public Weight {
 public:
  struct Part {
    const Packer* packer;
    const quant::Format* format;
    uint32_t first_row, rows;  // of the stacked weight
    size_t panel_bytes;
    size_t offset;             // of the first panel in `memory`
    std::shared_ptr<const PackedMemory> memory;

    uint32_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
    const std::byte* panel(size_t p) const { return memory->first.get() + offset + p * panel_bytes; }
  };

  std::span<const Part> parts() const { return parts_; }
  void add(Part part);  // below the others

  // One row as floats: exactly what the file's format decodes to.
  void read_row(uint32_t row, float* out) const;

 private:
  std::vector<Part> parts_;
};

inline const PackedWeight& packed(const Weight& weight) { return static_cast<const PackedWeight&>(weight); }

}  // namespace hearth::ops::cpu

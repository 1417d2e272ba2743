#pragma once
// A weight of the CPU backend: one run of panels per stacked part.
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "ops/cpu/packed/code_plane.h"
#include "ops/cpu/packed/packer.h"
#include "tensor/buffer.h"

namespace hearth::ops::cpu {

class PackedWeight final : public Weight {
 public:
  struct Part {
    const Packer* packer;
    const quant::Format* format;
    uint32_t first_row, rows;  // of the stacked weight
    size_t panel_bytes;
    Buffer memory;

    uint32_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
    const std::byte* panel(size_t p) const { return memory.bytes() + p * panel_bytes; }
  };

  // Packs in parallel. Errors: as check_sources (ops/weight_source.h).
  static Result<std::unique_ptr<Weight>> make(std::span<const WeightSource> sources, ThreadPool& pool);

  std::span<const Part> parts() const { return parts_; }

  // One row as floats: exactly what the file's format decodes to.
  void read_row(uint32_t row, float* out) const;

 private:
  std::vector<Part> parts_;
};

inline const PackedWeight& packed(const Weight& weight) { return static_cast<const PackedWeight&>(weight); }

}  // namespace hearth::ops::cpu

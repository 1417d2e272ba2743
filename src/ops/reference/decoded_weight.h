#pragma once
// A weight of the reference backend: the sources' own bytes, decoded row by row on every use.
#include <memory>
#include <vector>

#include "base/result.h"
#include "ops/ops.h"

namespace hearth::ops::reference {

class DecodedWeight final : public Weight {
 public:
  // Copies the bytes. Errors: as check_sources (weight_source.h).
  static Result<std::unique_ptr<Weight>> make(std::span<const WeightSource> parts);

  void decode_row(uint32_t row, std::span<float> out) const;  // out: `columns` values

 private:
  struct Part {
    const quant::Format* format;
    uint32_t first_row;
    std::vector<std::byte> bytes;
  };
  std::vector<Part> parts_;  // by first_row
};

const DecodedWeight& decoded(const Weight& weight);  // every weight of this backend is one

}  // namespace hearth::ops::reference

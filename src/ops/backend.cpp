#include "ops/backend.h"

namespace hearth::ops {

Result<std::unique_ptr<Weight>> Backend::pack(std::span<const WeightSource> parts) {
  const auto packing = begin_packing();
  HEARTH_TRY(weight, packing->add(parts));
  HEARTH_TRY_VOID(packing->run({}));
  return weight;
}

}  // namespace hearth::ops

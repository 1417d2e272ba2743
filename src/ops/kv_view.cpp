#include "ops/kv_view.h"

#include <fmt/ranges.h>

namespace hearth::ops {

static Result<void> check(std::string_view what, KvType type, uint32_t dim) {
  const KvFormat& format = kv_format(type);
  if (dim % format.block_values == 0) return {};
  std::vector<std::string_view> fitting;
  for (const KvFormat& other : kv_formats())
    if (dim % other.block_values == 0) fitting.push_back(other.name);
  return fail(ErrorCode::kInvalidArgument,
              "{} of {} numbers per head cannot be stored as {}, whose blocks are {} numbers: choose one of {} for {}", what, dim,
              format.name, format.block_values, fmt::join(fitting, ", "), what);
}

Result<void> check_kv(const KvLayer& layer) {
  HEARTH_TRY_VOID(check("keys", layer.k_type, layer.k_dim));
  return check("values", layer.v_type, layer.v_dim);
}

}  // namespace hearth::ops

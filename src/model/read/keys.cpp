#include "model/read/keys.h"

#include <cmath>
#include <limits>

namespace hearth::model {

Result<uint32_t> Keys::count(std::string_view suffix, uint32_t maximum, uint32_t minimum) const {
  HEARTH_TRY(value, meta_.integer(name(suffix)));
  if (value < minimum || value > maximum)
    return fail(ErrorCode::kBadFile, "key {} is {}, it must be between {} and {}", name(suffix), value, minimum,
                maximum);
  return static_cast<uint32_t>(value);
}

Result<uint32_t> Keys::count_or(std::string_view suffix, uint32_t fallback, uint32_t maximum, uint32_t minimum) const {
  if (!has(suffix)) return fallback;
  return count(suffix, maximum, minimum);
}

Result<float> Keys::number(std::string_view suffix) const {
  HEARTH_TRY(value, meta_.number(name(suffix)));
  if (!(value >= 0 && value <= std::numeric_limits<float>::max()))  // refuses NaN as well
    return fail(ErrorCode::kBadFile, "key {} is {}, it must be a finite number, 0 or above", name(suffix), value);
  return static_cast<float>(value);
}

Result<float> Keys::number_or(std::string_view suffix, float fallback) const {
  if (!has(suffix)) return fallback;
  return number(suffix);
}

Result<bool> Keys::boolean_or(std::string_view suffix, bool fallback) const {
  if (!has(suffix)) return fallback;
  return meta_.boolean(name(suffix));
}

Result<std::string> Keys::text_or(std::string_view suffix, std::string_view fallback) const {
  if (!has(suffix)) return std::string(fallback);
  return meta_.text(name(suffix));
}

}  // namespace hearth::model

#pragma once
// Floating-point numbers as they are: a block is one value. F64 rounds to the nearest f32.
#include <string_view>

#include "tensor/half.h"

namespace hearth::quant {

struct F32 {
  static constexpr std::string_view kName = "f32";
  static constexpr std::string_view kSummary = "32-bit floats";
  static constexpr int32_t kGgufId = 0;
  using Block = float;
  static float decode(Block b) { return b; }
  static Block encode(float weight) { return weight; }
};

struct F16 {
  static constexpr std::string_view kName = "f16";
  static constexpr std::string_view kSummary = "16-bit floats, IEEE binary16";
  static constexpr int32_t kGgufId = 1;
  using Block = Fp16;
  static float decode(Block b) { return b; }
  static Block encode(float weight) { return Fp16::from(weight); }
};

struct BF16 {
  static constexpr std::string_view kName = "bf16";
  static constexpr std::string_view kSummary = "16-bit floats, the upper half of f32";
  static constexpr int32_t kGgufId = 30;
  using Block = Bf16;
  static float decode(Block b) { return b; }
  static Block encode(float weight) { return Bf16::from(weight); }
};

struct F64 {
  static constexpr std::string_view kName = "f64";
  static constexpr std::string_view kSummary = "64-bit floats";
  static constexpr int32_t kGgufId = 28;
  using Block = double;
  static float decode(Block b) { return static_cast<float>(b); }
  static Block encode(float weight) { return weight; }
};

}  // namespace hearth::quant

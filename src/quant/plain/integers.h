#pragma once
// Signed integers: a block is one value. They appear in files as index tables and counters, so there is no encoder.
#include <cstdint>
#include <string_view>

namespace hearth::quant {

template <class Integer>
struct IntegerFormat {
  using Block = Integer;
  static float decode(Block b) { return static_cast<float>(b); }  // rounds to the nearest f32, ties to even
};

struct I8 : IntegerFormat<int8_t> {
  static constexpr std::string_view kName = "i8";
  static constexpr std::string_view kSummary = "8-bit integers";
  static constexpr int32_t kGgufId = 24;
};

struct I16 : IntegerFormat<int16_t> {
  static constexpr std::string_view kName = "i16";
  static constexpr std::string_view kSummary = "16-bit integers";
  static constexpr int32_t kGgufId = 25;
};

struct I32 : IntegerFormat<int32_t> {
  static constexpr std::string_view kName = "i32";
  static constexpr std::string_view kSummary = "32-bit integers";
  static constexpr int32_t kGgufId = 26;
};

struct I64 : IntegerFormat<int64_t> {
  static constexpr std::string_view kName = "i64";
  static constexpr std::string_view kSummary = "64-bit integers";
  static constexpr int32_t kGgufId = 27;
};

}  // namespace hearth::quant

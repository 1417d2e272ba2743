#pragma once
// A weight format stores numbers in fixed-size blocks. One struct per format says how (see basic/q4_0.h); codecs.h
// lists them all; everything else (loading, packing, tests, help) reads the list through `Format`.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::quant {

// Formats are numbered by their place in codecs.h.
enum class FormatId : uint8_t {};

// Type-erased facts and functions of one format, filled by codecs.cpp from the format's struct.
struct Format {
  std::string_view name;     // "q4_k": lower case, as users write it
  std::string_view summary;  // one line for help and docs
  int32_t gguf_id;           // ggml type number, or -1 where GGUF has no such type
  uint32_t block_values;     // weights in one block
  uint32_t block_bytes;      // bytes in one block
  float bits_per_weight;

  size_t row_bytes(size_t columns) const { return columns / block_values * block_bytes; }  // of whole blocks

  // Decodes `blocks` whole blocks at `in` into blocks * block_values floats, bit-equal to the reference dequantizer.
  // `in` need not be aligned. Never reads outside the blocks, whatever their bytes.
  void (*decode)(const std::byte* in, size_t blocks, float* out);

  // Encodes weights (a whole number of blocks) at `out`, which need not be aligned, with a small sum of
  // importance * squared error. `importance` is empty (all equal) or holds one value >= 0 per weight. Scales beyond the
  // format's range saturate; block formats take a weight that is not finite for 0. Null where Hearth has no encoder.
  void (*encode)(std::span<const float> weights, std::span<const float> importance, std::byte* out);
};

std::span<const Format> formats();  // in list order; FormatId indexes it
const Format& format(FormatId id);
const Format* find_format(std::string_view name);  // by name, case-insensitive; null if unknown
const Format* find_gguf_format(uint32_t gguf_id);  // by ggml type number; null if unknown
FormatId id_of(const Format& format);              // of an element of formats()

}  // namespace hearth::quant

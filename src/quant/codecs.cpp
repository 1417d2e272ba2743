// Derives the table of formats from the list of structs.
#include "quant/codecs.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace hearth::quant {

namespace {

template <class F>
constexpr size_t block_values() {
  if constexpr (GroupedFormat<F>) return F::kBlockValues;
  else return 1;
}

template <class F>
void decode_blocks(const std::byte* in, size_t blocks, float* out) {
  for (size_t b = 0; b < blocks; ++b) {
    typename F::Block block;  // copied, because files align tensors, not blocks
    std::memcpy(&block, in + b * sizeof block, sizeof block);
    if constexpr (GroupedFormat<F>)
      for (size_t first = 0; first < F::kBlockValues; first += F::kGroupValues)
        decode_group<F>(block, first / F::kGroupValues, out + b * F::kBlockValues + first);
    else out[b] = F::decode(block);
  }
}

// One block's samples as fit.h wants them. The floor under importance lets weights that hardly matter keep their value
// where that costs nothing.
template <size_t kValues>
struct Prepared {
  Prepared(const float* weights, const float* importance) {
    for (size_t i = 0; i < kValues; ++i)
      values_[i] = std::isfinite(weights[i]) ? std::clamp(weights[i], -1e9f, 1e9f) : 0;
    float largest = 0;
    if (importance)
      for (size_t i = 0; i < kValues; ++i) largest = std::max(largest, importance[i]);
    const bool usable = largest > 0 && std::isfinite(largest);
    for (size_t i = 0; i < kValues; ++i)
      importance_[i] = !usable ? 1 : importance[i] > 0 ? std::max(1e-6f, importance[i] / largest) : 1e-6f;
  }
  Samples samples() const { return {values_, importance_}; }

 private:
  std::array<float, kValues> values_, importance_;
};

template <class F>
void encode_blocks(std::span<const float> weights, std::span<const float> importance, std::byte* out) {
  constexpr size_t kValues = block_values<F>();
  HEARTH_CHECK(weights.size() % kValues == 0, "encode needs whole blocks");
  HEARTH_CHECK(importance.empty() || importance.size() == weights.size(), "encode needs one importance per weight");
  for (size_t b = 0; b * kValues < weights.size(); ++b) {
    typename F::Block block;
    if constexpr (GroupedFormat<F>) {
      const Prepared<kValues> prepared(&weights[b * kValues], importance.empty() ? nullptr : &importance[b * kValues]);
      F::encode(prepared.samples(), block);
    } else {
      block = F::encode(weights[b]);
    }
    std::memcpy(out + b * sizeof block, &block, sizeof block);
  }
}

template <class F>
constexpr Format describe() {
  Format format{.name = F::kName,
                .summary = F::kSummary,
                .gguf_id = F::kGgufId,
                .block_values = block_values<F>(),
                .block_bytes = sizeof(typename F::Block),
                .bits_per_weight = 8.0f * sizeof(typename F::Block) / block_values<F>(),
                .decode = &decode_blocks<F>,
                .encode = nullptr};
  if constexpr (requires { &F::encode; }) format.encode = &encode_blocks<F>;
  return format;
}

template <class... F>
constexpr std::array<Format, sizeof...(F)> describe_all(CodecList<F...>) {
  return {describe<F>()...};
}

constexpr auto kFormats = describe_all(Codecs{});

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format& format(FormatId id) {
  const auto index = static_cast<size_t>(id);
  HEARTH_CHECK(index < kFormats.size(), "no such weight format");
  return kFormats[index];
}

const Format* find_format(std::string_view name) {
  const auto found =
      std::ranges::find_if(kFormats, [&](const Format& f) { return std::ranges::equal(f.name, name, {}, {}, &lower); });
  return found == kFormats.end() ? nullptr : &*found;
}

const Format* find_gguf_format(uint32_t gguf_id) {
  const auto found = std::ranges::find_if(
      kFormats, [&](const Format& f) { return f.gguf_id >= 0 && static_cast<uint32_t>(f.gguf_id) == gguf_id; });
  return found == kFormats.end() ? nullptr : &*found;
}

FormatId id_of(const Format& format) {
  const auto index = static_cast<size_t>(&format - kFormats.data());
  HEARTH_CHECK(index < kFormats.size(), "a weight format outside the list");
  return static_cast<FormatId>(index);
}

}  // namespace hearth::quant

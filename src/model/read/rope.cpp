#include "model/read/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "model/read/keys.h"

namespace hearth::model {

namespace {

// What every scheme reads: the model, and the metadata keys under rope.scaling.
struct Scaling {
  const ArchInput& input;
  Keys keys;
  float base;
  float factor;       // > 1 stretches
  uint32_t original;  // context before stretching
  uint32_t model_context;
};

using Factors = std::vector<float>;  // one divisor per inverse frequency

Result<void> divide(Rope& rope, std::span<const float> factors, std::string_view source) {
  if (factors.size() != rope.inverse_frequencies.size())
    return fail(ErrorCode::kBadFile, "{} holds {} rope factors, {} dimensions need {}", source, factors.size(),
                rope.dims(), rope.inverse_frequencies.size());
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] > 0))
      return fail(ErrorCode::kBadFile, "{}: rope factor {} is {}, it must be above 0", source, i, factors[i]);
    rope.inverse_frequencies[i] /= factors[i];
  }
  return {};
}

// The factors of a tensor; none where it is absent, or where only headers are at hand (then the plan serves for sizes).
Result<std::optional<Factors>> tensor_factors(const ArchInput& input, std::string_view name, uint32_t dims) {
  const checkpoint::TensorInfo* tensor = input.files.find(name);
  if (tensor == nullptr) return std::nullopt;
  if (tensor->shape.count() != dims / 2)
    return fail(ErrorCode::kBadFile, "tensor {} is {}, the plan says {}", name, tensor->shape.text(), dims / 2);
  const auto bytes = input.files.bytes(*tensor);
  if (!bytes) return std::nullopt;
  const quant::Format& format = quant::format(tensor->format);
  if (tensor->shape.count() % format.block_values != 0)
    return fail(ErrorCode::kUnsupported, "tensor {}: {} rope factors cannot be stored as {}", name, dims / 2,
                format.name);
  Factors factors(dims / 2);
  format.decode(bytes->data(), factors.size() / format.block_values, factors.data());
  return factors;
}

// What cosines and sines are multiplied by. Hugging Face states the whole factor, GGUF one that comes on top of YaRN's
// own.
Result<float> read_magnitude(const Scaling& scaling, double own, double gguf_base) {
  constexpr std::string_view kWhole = "hearth.rope.attention_factor";
  if (const Metadata& meta = scaling.input.meta; meta.has(kWhole)) {
    HEARTH_TRY(whole, meta.number(kWhole));
    if (!(whole > 0 && whole < 1e6))
      return fail(ErrorCode::kBadFile, "key {} is {}, it must be above 0", kWhole, whole);
    return static_cast<float>(whole);
  }
  if (!scaling.keys.has("rope.scaling.attn_factor")) return static_cast<float>(own);
  HEARTH_TRY(given, scaling.keys.number("rope.scaling.attn_factor"));
  return static_cast<float>(given * gguf_base);
}

// LongRoPE (arXiv:2402.13753): two sets of factors, for contexts up to the original one and beyond.
Result<bool> apply_long_rope(Rope& rope, const Scaling& scaling) {
  const uint32_t context = scaling.input.context != 0 ? scaling.input.context : scaling.model_context;
  const bool is_long = context > scaling.original;
  const std::string tensor = is_long ? "rope_factors_long.weight" : "rope_factors_short.weight";
  const std::string key = scaling.keys.name(is_long ? "rope.scaling.long_factors" : "rope.scaling.short_factors");
  HEARTH_TRY(stored, tensor_factors(scaling.input, tensor, rope.dims()));
  const auto listed = scaling.input.meta.numbers(key);
  if (!stored && listed.empty()) return false;
  HEARTH_TRY_VOID(divide(rope, stored ? *stored : Factors(listed.begin(), listed.end()), stored ? tensor : key));
  const double stretch = double{1} * scaling.model_context / scaling.original;
  const double own = stretch <= 1 ? 1 : std::sqrt(1 + std::log(stretch) / std::log(double{1} * scaling.original));
  HEARTH_TRY(magnitude, read_magnitude(scaling, own, 1));
  rope.magnitude = magnitude;
  return true;
}

// Llama 3.1: long wavelengths are stretched, short ones kept, those between blended.
Result<void> apply_llama3(Rope& rope, const Scaling& scaling) {
  HEARTH_TRY(low, scaling.keys.number_or("rope.scaling.low_freq_factor", 1));
  HEARTH_TRY(high, scaling.keys.number_or("rope.scaling.high_freq_factor", 4));
  if (!(high > low))
    return fail(ErrorCode::kBadFile, "key {} is {}, it must exceed the low one, {}",
                scaling.keys.name("rope.scaling.high_freq_factor"), high, low);
  for (float& frequency : rope.inverse_frequencies) {
    const double turns =
        double{1} * scaling.original * frequency / (2 * std::numbers::pi);  // within the original context
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency = static_cast<float>(frequency * (kept + (1 - kept) / scaling.factor));
  }
  return {};
}

// YaRN (arXiv:2309.00071), "NTK-by-parts": dimensions that turn more than beta_fast times within the original context
// are kept, those below beta_slow stretched, with a linear ramp over whole dimensions between.
Result<void> apply_yarn(Rope& rope, const Scaling& scaling) {
  HEARTH_TRY(fast, scaling.keys.number_or("rope.scaling.yarn_beta_fast", 32));
  HEARTH_TRY(slow, scaling.keys.number_or("rope.scaling.yarn_beta_slow", 1));
  const double own = scaling.factor <= 1 ? 1 : 1 + 0.1 * std::log(scaling.factor);
  HEARTH_TRY(magnitude, read_magnitude(scaling, own, own));
  if (!(fast > slow && slow > 0) || !(scaling.base > 1))
    return fail(ErrorCode::kBadFile, "key {}: the yarn betas {} and {} must fall and rope.freq_base exceed 1",
                scaling.keys.name("rope.scaling.yarn_beta_fast"), fast, slow);
  const double dims = rope.dims();
  const auto dimension_turning = [&](double times) {
    return dims * std::log(scaling.original / (times * 2 * std::numbers::pi)) / (2 * std::log(double{scaling.base}));
  };
  const double first = std::max(std::floor(dimension_turning(fast)), 0.0);
  const double last = std::min(std::ceil(dimension_turning(slow)), dims - 1);
  const double length = last == first ? 0.001 : last - first;
  for (size_t i = 0; i < rope.inverse_frequencies.size(); ++i) {
    const double stretched = std::clamp((static_cast<double>(i) - first) / length, 0.0, 1.0);
    const double frequency = rope.inverse_frequencies[i];
    rope.inverse_frequencies[i] =
        static_cast<float>(frequency * (1 - stretched) + frequency / scaling.factor * stretched);
  }
  rope.magnitude = magnitude;
  return {};
}

Result<void> apply_scaling(Rope& rope, const Scaling& scaling) {
  HEARTH_TRY(fixed, tensor_factors(scaling.input, "rope_freqs.weight", rope.dims()));
  if (fixed) HEARTH_TRY_VOID(divide(rope, *fixed, "tensor rope_freqs.weight"));
  HEARTH_TRY(is_long_rope, apply_long_rope(rope, scaling));
  if (is_long_rope) return {};
  HEARTH_TRY(type, scaling.keys.text_or("rope.scaling.type", "linear"));  // as old files leave it out
  if (type == "llama3") return apply_llama3(rope, scaling);
  if (type == "yarn") return apply_yarn(rope, scaling);
  if (type == "linear") {
    for (float& frequency : rope.inverse_frequencies) frequency /= scaling.factor;
    return {};
  }
  if (type == "none" || type == "default") return {};
  if (type == "longrope")
    return fail(ErrorCode::kBadFile, "key {} is \"longrope\", whose factors are missing", scaling.keys.name("rope.scaling.type"));
  return fail(ErrorCode::kUnsupported, "key {} is \"{}\"; supported are none, linear, llama3, yarn and longrope",
              scaling.keys.name("rope.scaling.type"), type);
}

}  // namespace

Rope plain_rope(float base, uint32_t dims, bool interleaved) {
  Rope rope{.interleaved = interleaved};
  for (uint32_t i = 0; i < dims; i += 2)
    rope.inverse_frequencies.push_back(static_cast<float>(1 / std::pow(double{base}, double{1} * i / dims)));
  return rope;
}

bool rope_is_interleaved(const ArchInput& input) { return input.meta.boolean_or("hearth.rope.interleaved", false); }

Result<Rope> read_rope(const ArchInput& input, uint32_t head_dim, uint32_t model_context) {
  const Keys keys(input);
  HEARTH_TRY(dims, keys.count_or("rope.dimension_count", head_dim, head_dim, 2));
  HEARTH_TRY(base, keys.number_or("rope.freq_base", 10000));
  HEARTH_TRY(old_factor, keys.number_or("rope.scale_linear", 1));  // the key's name before 2023-10
  HEARTH_TRY(factor, keys.number_or("rope.scaling.factor", old_factor));
  HEARTH_TRY(original, keys.count_or("rope.scaling.original_context_length", model_context, kMaxContext, 2));
  if (dims % 2 != 0)
    return fail(ErrorCode::kBadFile, "key {} is {}, it must be even", keys.name("rope.dimension_count"), dims);
  if (base == 0) return fail(ErrorCode::kBadFile, "key {} is 0, it must be above", keys.name("rope.freq_base"));
  if (factor == 0) return fail(ErrorCode::kBadFile, "key {} is 0, it must be above", keys.name("rope.scaling.factor"));
  Rope rope = plain_rope(base, dims, rope_is_interleaved(input));
  HEARTH_TRY_VOID(apply_scaling(rope, {input, keys, base, factor, original, model_context}));
  return rope;
}

}  // namespace hearth::model

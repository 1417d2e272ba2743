#pragma once
// The reference operations, one function per method of Backend (backend.h says what they compute). Sums run in double, so
// that the oracle's own rounding never hides an error of another backend.
#include "ops/ops.h"

namespace hearth::ops::reference {

// products.cpp
void embed(const Weight& table, std::span<const int32_t> tokens, Matrix out);
void matmul(const Weight& weight, ConstMatrix x, Matrix out, const MatmulOptions& options);
void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options);
void experts(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
             const ExpertOptions& options);

// rows.cpp
float activate(float x, Activation activation);
void norm(ConstMatrix x, Matrix out, const NormOptions& options);
void rope(Matrix x, ConstMatrix angles, const RopeOptions& options);
void scale(Matrix x, float factor);
void softcap(Matrix x, float cap);
void gather_rows(ConstMatrix x, std::span<const uint32_t> rows, Matrix out);
void softmax_sums(ConstMatrix logits, std::span<const uint32_t> rows, std::span<SoftmaxSums> sums);

// sequences.cpp
void kv_append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step);
void attention(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out, const AttentionOptions& options);
void short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer,
                const Step& step, Matrix out);

}  // namespace hearth::ops::reference

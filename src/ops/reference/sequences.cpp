// Operations along a sequence: the KV cache, attention and the short convolution.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "ops/reference/operations.h"

namespace hearth::ops::reference {

void kv_append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) {
  HEARTH_CHECK(layer.page_tokens % kKvTile == 0, "pages hold whole tiles");
  const KvFormat &keys = kv_format(layer.k_type), &values = kv_format(layer.v_type);
  for (const SequenceRows& sequence : step.sequences)
    for (uint32_t i = 0; i < sequence.rows; ++i) {
      const KvPlace at = kv_place(sequence, layer, sequence.past + i);
      const float *key = k.row(sequence.first_row + i), *value = v.row(sequence.first_row + i);
      for (uint32_t h = 0; h < layer.kv_heads; ++h) {
        keys.put_key(key + size_t{h} * layer.k_dim, layer.k_dim, at.key_tile(layer, h), at.in_tile());
        values.put_value(value + size_t{h} * layer.v_dim, layer.v_dim, at.value_tile(layer, h), at.in_tile());
      }
    }
}

// One query of one head against positions [first, last].
static void attend(const float* q, uint32_t head, const KvLayer& layer, const SequenceRows& sequence, uint32_t first,
                   uint32_t last, const AttentionOptions& options, float* out) {
  const uint32_t kv_head = head / (options.heads / layer.kv_heads);
  std::vector<double> scores;
  double top = options.sinks != nullptr ? options.sinks[head] : -std::numeric_limits<double>::infinity();
  std::vector<float> key(layer.k_dim), value(layer.v_dim);
  for (uint32_t j = first; j <= last; ++j) {
    const KvPlace at = kv_place(sequence, layer, j);
    kv_format(layer.k_type).get_key(at.key_tile(layer, kv_head), layer.k_dim, at.in_tile(), key.data());
    double dot = 0;
    for (uint32_t i = 0; i < layer.k_dim; ++i) dot += double{q[i]} * key[i];
    double score = dot * options.scale;
    if (options.softcap != 0) score = options.softcap * std::tanh(score / options.softcap);
    scores.push_back(score);
    top = std::max(top, score);
  }
  double sum = options.sinks != nullptr ? std::exp(options.sinks[head] - top) : 0;
  for (double& s : scores) sum += s = std::exp(s - top);
  std::vector<double> mixed(layer.v_dim);
  for (uint32_t j = first; j <= last; ++j) {
    const KvPlace at = kv_place(sequence, layer, j);
    kv_format(layer.v_type).get_value(at.value_tile(layer, kv_head), layer.v_dim, at.in_tile(), value.data());
    for (uint32_t i = 0; i < layer.v_dim; ++i) mixed[i] += scores[j - first] / sum * value[i];
  }
  std::ranges::copy(mixed, out);
}

void attention(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out, const AttentionOptions& options) {
  HEARTH_CHECK(options.heads % layer.kv_heads == 0, "query heads come in groups of one kv head");
  for (const SequenceRows& sequence : step.sequences)
    for (uint32_t i = 0; i < sequence.rows; ++i) {
      const uint32_t row = sequence.first_row + i, position = sequence.past + i;
      const uint32_t first = options.window != 0 && position >= options.window ? position - options.window + 1 : 0;
      for (uint32_t h = 0; h < options.heads; ++h)
        attend(q.row(row) + size_t{h} * layer.k_dim, h, layer, sequence, first, position, options,
               out.row(row) + size_t{h} * layer.v_dim);
    }
}

void short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer,
                const Step& step, Matrix out) {
  const uint32_t width = out.columns, kept = taps - 1;
  HEARTH_CHECK(x.columns == 3 * width && layer.floats >= kept * width, "shapes of a short convolution");
  std::vector<float> u(size_t{taps} * width);  // [tap][channel], oldest first; the last row is the current token
  for (const SequenceRows& sequence : step.sequences) {
    float* slot = layer.slot(sequence.slot);
    std::copy_n(slot, kept * width, u.begin());
    for (uint32_t i = 0; i < sequence.rows; ++i) {
      const float* row = x.row(sequence.first_row + i);
      for (uint32_t c = 0; c < width; ++c) {
        u[kept * width + c] = row[c] * row[2 * width + c];
        double sum = bias != nullptr ? bias[c] : 0;
        for (uint32_t t = 0; t < taps; ++t) sum += double{kernel[c * taps + t]} * u[t * width + c];
        out.row(sequence.first_row + i)[c] = static_cast<float>(row[width + c] * sum);
      }
      std::copy(u.begin() + width, u.end(), u.begin());
    }
    std::copy_n(u.begin(), kept * width, slot);
  }
}

}  // namespace hearth::ops::reference

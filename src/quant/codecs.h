#pragma once
// The list of weight formats: one include and one name each. FormatId is the place in `Codecs`; tables over formats
// elsewhere (packers, kernels) expand the same list, so that a place always means the same format.
//
// A plain format (plain/) has one value per block:    kName kSummary kGgufId Block decode(Block) [encode(float)]
// A grouped format has integer codes (group.h):        kName kSummary kGgufId kBlockValues kGroupValues kCodes Block
//                                                      unpack(Block, group, codes) [encode(Samples, Block&)] [kTable]
// kCodes bounds what unpack writes; where kTable exists, codes are values of it and the file holds 4-bit indices.
#include "quant/basic/q1_0.h"
#include "quant/basic/q2_0.h"
#include "quant/basic/q4_0.h"
#include "quant/basic/q4_1.h"
#include "quant/basic/q5_0.h"
#include "quant/basic/q5_1.h"
#include "quant/basic/q8_0.h"
#include "quant/basic/q8_1.h"
#include "quant/format.h"
#include "quant/grid/iq1_m.h"
#include "quant/grid/iq1_s.h"
#include "quant/grid/iq2_s.h"
#include "quant/grid/iq2_xs.h"
#include "quant/grid/iq2_xxs.h"
#include "quant/grid/iq3_s.h"
#include "quant/grid/iq3_xxs.h"
#include "quant/k/q2_k.h"
#include "quant/k/q3_k.h"
#include "quant/k/q4_k.h"
#include "quant/k/q5_k.h"
#include "quant/k/q6_k.h"
#include "quant/k/q8_k.h"
#include "quant/plain/floats.h"
#include "quant/plain/integers.h"
#include "quant/table/iq4_nl.h"
#include "quant/table/iq4_xs.h"
#include "quant/table/mxfp4.h"
#include "quant/table/nvfp4.h"
#include "quant/ternary/tq1_0.h"
#include "quant/ternary/tq2_0.h"

namespace hearth::quant {

template <class... F>
struct CodecList {};

using Codecs = CodecList<F32, F16, BF16, F64, I8, I16, I32, I64,                //
                         Q1_0, Q2_0, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1,        //
                         Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K,                    //
                         IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S,  //
                         IQ4_NL, IQ4_XS, MXFP4, NVFP4, TQ1_0, TQ2_0>;

template <class F>
concept GroupedFormat = requires { F::kGroupValues; };

// Decodes one group of a block into floats: the one place where codes become weights.
template <GroupedFormat F>
void decode_group(const typename F::Block& block, size_t group, float* out) {
  int8_t codes[F::kGroupValues];
  const auto map = F::unpack(block, group, codes);
  const float scale = map.scale * static_cast<float>(map.sub_scale);
  if constexpr (requires { map.min; }) {
    const float min = map.min * static_cast<float>(map.sub_min);
    for (size_t i = 0; i < F::kGroupValues; ++i) out[i] = scale * static_cast<float>(codes[i]) - min;
  } else {
    for (size_t i = 0; i < F::kGroupValues; ++i) out[i] = scale * static_cast<float>(codes[i]);
  }
}

}  // namespace hearth::quant

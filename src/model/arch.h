#pragma once
// The vocabulary in which architectures are described. An architecture file fills a ModelPlan from metadata and does no
// arithmetic; blocks/ does the arithmetic and knows no architecture.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/metadata.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "ops/ops.h"

namespace hearth::model {

// Rotary position embedding: angle(position, i) = position * inverse_frequencies[i]; cos and sin are multiplied by
// `magnitude`. Every scaling scheme (linear, yarn, llama3, longrope) is folded into these numbers when the plan is
// read.
struct Rope {
  std::vector<float> inverse_frequencies = {};  // dims / 2 values
  float magnitude = 1;
  bool interleaved = false;  // pairs (2i, 2i+1), as GGUF stores llama; else (i, i + dims/2)
  uint32_t dims() const { return static_cast<uint32_t>(2 * inverse_frequencies.size()); }
  bool operator==(const Rope&) const = default;
};

enum class QkNorm : uint8_t { kNone, kPerHead };

struct Attention {
  uint32_t heads = 0, kv_heads = 0, head_dim = 0;
  QkNorm qk_norm = QkNorm::kNone;
  int32_t rope = 0;     // index into ModelPlan::ropes, -1: none
  float scale = 0;      // of q·k
  uint32_t window = 0;  // 0: sees everything before it
  float softcap = 0;
  bool qkv_bias = false, out_bias = false;
};

// Gated short convolution over the last `taps` tokens (LFM2).
struct ShortConv {
  uint32_t taps = 0;
  bool bias = false;
};

struct Dense {
  uint32_t hidden = 0;
  ops::Activation activation = ops::Activation::kSilu;  // gated: activation(gate) * up
  bool bias = false;                                    // on all three matrices
};

struct Moe {
  uint32_t experts = 0, hidden = 0;  // router.active of them run for a row
  ops::Activation activation = ops::Activation::kSilu;
  ops::RouterOptions router;
};

using Mixer = std::variant<Attention, ShortConv>;
using Ffn = std::variant<Dense, Moe>;

// x += post(mixer(norm(x)));  x += post(ffn(norm(x))), where post is a norm of its own only in sandwich layers.
struct Layer {
  Mixer mixer;
  Ffn ffn;
  bool sandwich = false;  // norms after the mixer and after the ffn as well (Gemma)
};

struct ModelPlan {
  std::string arch;                            // "qwen3"
  uint32_t vocab = 0, width = 0, context = 0;  // context: tokens the model was made for
  float norm_eps = 1e-5f;
  float norm_offset = 0;  // added to every norm weight at load (Hugging Face Gemma stores weight - 1)
  float embed_scale = 1;  // Gemma multiplies embeddings by sqrt(width)
  float logit_softcap = 0, logit_scale = 1;
  bool tied_head = false;                              // the head is the embedding table
  std::string_view final_norm = "output_norm.weight";  // the tensor's canonical name
  std::vector<Rope> ropes = {};
  std::vector<Layer> layers = {};
};

// What an architecture reads.
struct ArchInput {
  const Metadata& meta;
  std::string_view arch;                // prefix of its keys: "qwen3"
  uint32_t context = 0;                 // asked for; 0: the model's own
  const checkpoint::Checkpoint& files;  // for what only tensors tell: a tied head, rope_freqs.weight
};

struct ArchSpec {
  std::vector<std::string_view> names;  // general.architecture values; the first is the name we print
  Result<ModelPlan> (*plan)(const ArchInput& input);
};

// All architectures, in the order of archs.def.
std::span<const ArchSpec* const> arch_specs();

}  // namespace hearth::model

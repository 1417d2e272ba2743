#include "checkpoint/conventions.h"

#include <algorithm>

namespace hearth::checkpoint {

namespace {

// Architectures whose GGUF files rotate neighbouring values. For "llama" and its kin the converter permutes the rows of
// attn_q and attn_k to make it so; the others are published that way.
constexpr std::string_view kInterleaved[] = {
    "arcee",     "arctic",        "baichuan",   "bailingmoe", "chameleon", "chatglm",      "cohere2",
    "command-r", "deci",          "deepseek",   "deepseek2",  "ernie4_5",  "ernie4_5-moe", "glm4",
    "granite",   "granitehybrid", "granitemoe", "internlm2",  "llama",     "llama4",       "minicpm",
    "mistral3",  "olmo",          "orion",      "plm",        "smollm3",   "starcoder",    "xverse",
};

}  // namespace

void add_gguf_conventions(Metadata& meta) {
  const std::string arch = meta.text_or("general.architecture", "");
  if (arch.empty()) return;
  if (!meta.has(kRopeInterleavedKey)) {
    const bool interleaved =
        std::find(std::begin(kInterleaved), std::end(kInterleaved), arch) != std::end(kInterleaved);
    meta.set(std::string(kRopeInterleavedKey), interleaved);
  }
  // Converters add Gemma's 1 to the stored norm weights, so every GGUF norm is used as it is.
  if (!meta.has(kNormOffsetKey)) meta.set(std::string(kNormOffsetKey), 0.0);
}

}  // namespace hearth::checkpoint

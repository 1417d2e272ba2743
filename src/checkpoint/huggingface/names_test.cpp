#include "checkpoint/huggingface/names.h"

#include <gtest/gtest.h>

#include <set>

#include "base/file.h"
#include "base/json.h"
#include "runner/shared_data.h"

namespace hearth::checkpoint {
namespace {

TEST(Names, FamiliesAndVersions) {
  struct Case {
    const char *arch, *from, *to;
  };
  constexpr Case kCases[] = {
      {"llama", "model.embed_tokens.weight", "token_embd.weight"},
      {"llama", "model.norm.weight", "output_norm.weight"},
      {"llama", "lm_head.weight", "output.weight"},
      {"llama", "model.layers.31.self_attn.o_proj.weight", "blk.31.attn_output.weight"},
      {"qwen2", "model.layers.0.self_attn.q_proj.bias", "blk.0.attn_q.bias"},
      {"qwen3", "model.layers.0.self_attn.k_norm.weight", "blk.0.attn_k_norm.weight"},
      {"qwen3", "model.layers.5.post_attention_layernorm.weight", "blk.5.ffn_norm.weight"},
      {"gemma3", "model.layers.5.post_attention_layernorm.weight", "blk.5.post_attention_norm.weight"},
      {"gemma3", "model.language_model.layers.5.pre_feedforward_layernorm.weight", "blk.5.ffn_norm.weight"},
      {"gemma3", "language_model.model.layers.5.post_feedforward_layernorm.weight", "blk.5.post_ffw_norm.weight"},
      {"gemma3", "language_model.lm_head.weight", "output.weight"},
      {"gemma3", "model.vision_tower.layers.0.self_attn.q_proj.weight",
       "model.vision_tower.layers.0.self_attn.q_proj.weight"},
      {"phi3", "model.layers.1.self_attn.qkv_proj.weight", "blk.1.attn_qkv.weight"},
      {"phi3", "model.layers.1.mlp.gate_up_proj.weight", "blk.1.ffn_up.weight"},
      {"qwen3moe", "model.layers.2.mlp.gate.weight", "blk.2.ffn_gate_inp.weight"},
      {"qwen3moe", "model.layers.2.mlp.experts.127.up_proj.weight", "blk.2.ffn_up.127.weight"},
      {"qwen3moe", "model.layers.2.mlp.experts.gate_up_proj", "blk.2.ffn_gate_up_exps.weight"},
      {"lfm2", "model.embedding_norm.weight", "token_embd_norm.weight"},
      {"lfm2", "model.layers.3.feed_forward.w2.weight", "blk.3.ffn_down.weight"},
      {"lfm2", "model.layers.3.conv.conv.weight", "blk.3.shortconv.conv.weight"},
      {"llama", "model.layers.3.feed_forward.w2.weight", "model.layers.3.feed_forward.w2.weight"},
      {"llama", "model.layers.x.mlp.up_proj.weight", "model.layers.x.mlp.up_proj.weight"},
      {"llama", "model.layers.0.self_attn.q_proj.weight_scale", "model.layers.0.self_attn.q_proj.weight_scale"},
      {"llama", "model.layers.0.self_attn.rotary_emb.inv_freq", "model.layers.0.self_attn.rotary_emb.inv_freq"},
      {"llama", "", ""},
      {"llama", "model.", "model."},
  };
  for (const Case& c : kCases) {
    const CanonicalName name = canonical_name(c.from, c.arch);
    EXPECT_EQ(name.text, c.to);
    EXPECT_EQ(name.known, std::string_view(c.from) != c.to) << c.from;
    EXPECT_EQ(name.drops_unit_axis, std::string_view(c.to).find("shortconv.conv.") != std::string_view::npos);
  }
}

// The parameter lists of real checkpoints: every language-model tensor has a canonical name of its own.
TEST(Names, RealParameterLists) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  size_t names = 0;
  for (const auto& [folder, arch] : {std::pair{"llama3", "llama"}, {"qwen3", "qwen3"}, {"gemma3", "gemma3"}}) {
    const std::string path =
        hearth::testing::shared_data() + "/configs/maxtext_hf_params/" + folder + "/hf_params.json";
    const Json list = *Json::parse(*read_text_file(path));
    std::set<std::string> seen;
    for (const auto& [name, shape] : list.as_object()) {
      const CanonicalName canonical = canonical_name(name, arch);
      EXPECT_TRUE(seen.insert(canonical.text).second) << name;
      const bool vision =
          name.find("vision_tower") != std::string::npos || name.find("multi_modal") != std::string::npos;
      EXPECT_EQ(canonical.known, !vision) << name;
      ++names;
    }
  }
  hearth::testing::count_cases("tensor names", names);
}

}  // namespace
}  // namespace hearth::checkpoint

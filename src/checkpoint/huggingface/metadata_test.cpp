#include "checkpoint/huggingface/metadata.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "checkpoint/huggingface/names.h"
#include "runner/shared_data.h"

namespace hearth::checkpoint {
namespace {

Result<Metadata> read(std::string_view config, std::string_view generation = "{}", std::string_view tokenizer = "{}",
                      std::string_view quantization = "{}") {
  const Json json = *Json::parse(config), sampling = *Json::parse(generation), text = *Json::parse(tokenizer);
  const Json codes = *Json::parse(quantization);
  return huggingface_metadata({.config = json, .generation = sampling, .tokenizer = text, .quantization = codes, .chat_template = {}});
}

Metadata meta_of(std::string_view config) {
  auto meta = read(config);
  EXPECT_TRUE(meta) << meta.error().text();
  return meta.value_or(Metadata{});
}

TEST(HuggingfaceMetadata, Llama3OfTransformers4) {
  const Metadata meta = meta_of(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048,
    "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": null,
    "max_position_embeddings": 131072, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "vocab_size": 128256,
    "tie_word_embeddings": true, "eos_token_id": [128001, 128009], "bos_token_id": 128000, "attention_bias": false,
    "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 8192}})");
  EXPECT_EQ(*meta.text("general.architecture"), "llama");
  EXPECT_EQ(*meta.integer("llama.block_count"), 16);
  EXPECT_EQ(*meta.integer("llama.attention.head_count_kv"), 8);
  EXPECT_EQ(*meta.integer("llama.attention.key_length"), 64);
  EXPECT_EQ(*meta.integer("llama.rope.dimension_count"), 64);
  EXPECT_EQ(*meta.number("llama.attention.layer_norm_rms_epsilon"), 1e-5);
  EXPECT_EQ(*meta.number("llama.rope.freq_base"), 500000);
  EXPECT_EQ(*meta.text("llama.rope.scaling.type"), "llama3");
  EXPECT_EQ(*meta.number("llama.rope.scaling.factor"), 32);
  EXPECT_EQ(*meta.number("llama.rope.scaling.low_freq_factor"), 1);
  EXPECT_EQ(*meta.number("llama.rope.scaling.high_freq_factor"), 4);
  EXPECT_EQ(*meta.integer("llama.rope.scaling.original_context_length"), 8192);
  EXPECT_EQ(*meta.integer("tokenizer.ggml.eos_token_id"), 128001);
  EXPECT_EQ(meta.integers("hearth.eos_token_ids").size(), 2u);
  EXPECT_TRUE(*meta.boolean("hearth.tie_word_embeddings"));
  EXPECT_FALSE(*meta.boolean("hearth.attention.bias"));
  EXPECT_FALSE(*meta.boolean("hearth.rope.interleaved"));
  EXPECT_FALSE(meta.has("hearth.rope.attention_factor"));
}

TEST(HuggingfaceMetadata, YarnOfTransformers5) {
  const Metadata meta = meta_of(R"({"architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64,
    "num_attention_heads": 4, "head_dim": 128, "max_position_embeddings": 131072, "dtype": "bfloat16",
    "use_sliding_window": false, "sliding_window": 4096, "layer_types": ["full_attention", "full_attention"],
    "rope_parameters": {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0, "beta_fast": 32.0,
                        "original_max_position_embeddings": 32768}})");
  EXPECT_EQ(*meta.number("qwen3.rope.freq_base"), 1e6);
  EXPECT_EQ(*meta.text("qwen3.rope.scaling.type"), "yarn");
  EXPECT_EQ(*meta.integer("qwen3.rope.scaling.original_context_length"), 32768);
  EXPECT_EQ(*meta.number("qwen3.rope.scaling.yarn_beta_fast"), 32);
  EXPECT_NEAR(*meta.number("hearth.rope.attention_factor"), 0.1 * std::log(4.0) + 1, 1e-12);
  EXPECT_EQ(*meta.integer("qwen3.attention.key_length"), 128);
  EXPECT_EQ(*meta.integer("qwen3.attention.sliding_window"), 0);
}

TEST(HuggingfaceMetadata, Gemma3SaysTheSameInBothVersions) {
  const Metadata old = meta_of(R"({"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
    "eos_token_id": [1, 106], "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
    "num_hidden_layers": 7, "sliding_window": 1024, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27}})");
  const Metadata fresh =
      meta_of(R"({"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "eos_token_id": [1, 106],
    "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 7, "sliding_window": 1024,
    "query_pre_attn_scalar": 256, "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention",
    "sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
    "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}}})");
  for (const Metadata& meta : {old, fresh}) {
    EXPECT_EQ(*meta.text("general.architecture"), "gemma3");
    EXPECT_EQ(*meta.integer("gemma3.embedding_length"), 2560);
    EXPECT_EQ(*meta.integer("gemma3.attention.head_count"), 8);
    EXPECT_EQ(*meta.integer("gemma3.attention.key_length"), 256);
    EXPECT_EQ(*meta.number("gemma3.attention.scale"), 1.0 / 16);
    EXPECT_EQ(*meta.integer("gemma3.attention.sliding_window"), 1024);
    EXPECT_EQ(meta.booleans("gemma3.attention.sliding_window_pattern"),
              (std::vector<bool>{true, true, true, true, true, false, true}));
    EXPECT_EQ(*meta.number("gemma3.rope.freq_base"), 1e6);
    EXPECT_EQ(*meta.number("gemma3.rope.freq_base_swa"), 1e4);
    EXPECT_EQ(*meta.text("gemma3.rope.scaling.type"), "linear");
    EXPECT_EQ(*meta.number("gemma3.rope.scaling.factor"), 8);
    EXPECT_EQ(*meta.number("hearth.norm.offset"), 1);
    EXPECT_TRUE(*meta.boolean("hearth.tie_word_embeddings"));
    EXPECT_EQ(*meta.text("hearth.activation"), "gelu_pytorch_tanh");
    EXPECT_EQ(meta.integers("hearth.eos_token_ids").size(), 2u);
  }
  EXPECT_EQ(old.entries().size(), fresh.entries().size());
}

TEST(HuggingfaceMetadata, LongropeOfPhi3) {
  const Metadata meta = meta_of(R"({"architectures": ["Phi3ForCausalLM"], "num_hidden_layers": 1, "hidden_size": 32,
    "num_attention_heads": 2, "max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
    "partial_rotary_factor": 0.75, "rope_theta": 10000.0, "sliding_window": 262144,
    "rope_scaling": {"type": "longrope", "short_factor": [1, 1.5], "long_factor": [2.0, 3.0]}})");
  EXPECT_EQ(*meta.text("phi3.rope.scaling.type"), "longrope");
  EXPECT_EQ(meta.numbers("phi3.rope.scaling.short_factors")[1], 1.5);
  EXPECT_EQ(meta.numbers("phi3.rope.scaling.long_factors")[1], 3.0);
  EXPECT_EQ(*meta.integer("phi3.rope.scaling.original_context_length"), 4096);
  EXPECT_EQ(*meta.integer("phi3.rope.dimension_count"), 12);
  EXPECT_EQ(*meta.integer("phi3.attention.sliding_window"), 262144);
  EXPECT_FALSE(meta.has("phi3.attention.sliding_window_pattern"));
  EXPECT_NEAR(*meta.number("hearth.rope.attention_factor"), std::sqrt(1 + std::log(32.0) / std::log(4096.0)), 1e-12);
}

TEST(HuggingfaceMetadata, Lfm2RoundsItsFeedForward) {
  const Metadata meta = meta_of(R"({"architectures": ["Lfm2ForCausalLM"], "num_hidden_layers": 3, "hidden_size": 1024,
    "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 6656, "block_auto_adjust_ff_dim": true,
    "block_multiple_of": 256, "block_ffn_dim_multiplier": 1.0, "norm_eps": 1e-05, "conv_L_cache": 3, "conv_bias": false,
    "layer_types": ["conv", "full_attention", "conv"], "rope_theta": 1000000.0})");
  EXPECT_EQ(*meta.integer("lfm2.feed_forward_length"), 4608);
  EXPECT_EQ(*meta.integer("lfm2.shortconv.l_cache"), 3);
  EXPECT_EQ(*meta.number("lfm2.attention.layer_norm_rms_epsilon"), 1e-5);
  const auto heads = meta.integers("lfm2.attention.head_count_kv");
  EXPECT_EQ(std::vector<int64_t>(heads.begin(), heads.end()), (std::vector<int64_t>{0, 8, 0}));
  const Metadata indexed = meta_of(R"({"architectures": ["Lfm2ForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64,
    "num_attention_heads": 4, "num_key_value_heads": 2, "full_attn_idxs": [1]})");
  EXPECT_EQ(indexed.integers("lfm2.attention.head_count_kv")[0], 0);
  EXPECT_EQ(indexed.integers("lfm2.attention.head_count_kv")[1], 2);
}

TEST(HuggingfaceMetadata, QwenSlidesInItsUpperLayersOnly) {
  const Metadata meta = meta_of(R"({"architectures": ["Qwen2ForCausalLM"], "num_hidden_layers": 4, "hidden_size": 64,
    "num_attention_heads": 4, "use_sliding_window": true, "sliding_window": 128, "max_window_layers": 3})");
  EXPECT_EQ(meta.booleans("qwen2.attention.sliding_window_pattern"), (std::vector<bool>{false, false, false, true}));
  EXPECT_TRUE(*meta.boolean("hearth.attention.bias"));
}

TEST(HuggingfaceMetadata, QwensOwnWindowsWhereTheConfigIsShort) {
  const Metadata meta = meta_of(R"({"architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 29, "hidden_size": 64,
    "num_attention_heads": 4, "use_sliding_window": true})");
  std::vector<bool> pattern(29);
  pattern[28] = true;
  EXPECT_EQ(meta.booleans("qwen3.attention.sliding_window_pattern"), pattern);
  EXPECT_EQ(*meta.integer("qwen3.attention.sliding_window"), 4096);
}

TEST(HuggingfaceMetadata, NoneIsSaidWhereTheArchitectureHasADefault) {
  const std::string start = R"({"architectures": ["Gemma2ForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64, )";
  const Metadata capless = meta_of(start + R"("attn_logit_softcapping": null, "final_logit_softcapping": null})");
  EXPECT_EQ(*capless.number("gemma2.attn_logit_softcapping"), 0);
  EXPECT_EQ(*capless.number("gemma2.final_logit_softcapping"), 0);
  EXPECT_EQ(*capless.integer("gemma2.attention.sliding_window"), 4096);
  for (const char* full : {R"("layer_types": ["full_attention", "full_attention"]})", R"("sliding_window": null})",
                           R"("use_sliding_window": false})"})
    EXPECT_EQ(*meta_of(start + full).integer("gemma2.attention.sliding_window"), 0) << full;
}

TEST(HuggingfaceMetadata, EarlyPhi3CallsItsLongropeYarn) {
  const Metadata meta = meta_of(R"({"architectures": ["Phi3ForCausalLM"], "num_hidden_layers": 1, "hidden_size": 32,
    "num_attention_heads": 2, "max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
    "rope_scaling": {"type": "yarn", "short_factor": [1, 1.5], "long_factor": [2.0, 3.0]}})");
  EXPECT_EQ(*meta.text("phi3.rope.scaling.type"), "longrope");
  EXPECT_EQ(meta.numbers("phi3.rope.scaling.long_factors")[1], 3.0);
}

TEST(HuggingfaceMetadata, BidirectionalAttentionIsTold) {
  const Metadata meta = meta_of(R"({"architectures": ["Gemma3TextModel"], "model_type": "gemma3_text", "num_hidden_layers": 2, "hidden_size": 64,
    "use_bidirectional_attention": true})");
  EXPECT_FALSE(*meta.boolean("gemma3.attention.causal"));
}

TEST(HuggingfaceMetadata, EveryToolsWordForQuantized) {
  struct Case {
    const char *config, *model_opt, *method;
  };
  const Case cases[] = {
      {R"({"model_type": "llama", "quantization_config": {"quant_method": "gptq"}})", "{}", "gptq"},
      {R"({"model_type": "llama", "compression_config": {"quant_method": "compressed-tensors"}})", "{}", "compressed-tensors"},
      {R"({"model_type": "llama", "quantization": {"group_size": 64, "bits": 4}})", "{}", "mlx"},
      {R"({"model_type": "llama"})", R"({"quantization": {"quant_algo": "FP8"}})", "modelopt FP8"},
      {R"({"model_type": "llama"})", R"({"quantization": {"quant_algo": null, "kv_cache_quant_algo": "FP8"}})", ""},
      {R"({"model_type": "llama"})", "{}", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(read(c.config, "{}", "{}", c.model_opt)->text_or("hearth.quantization", ""), c.method) << c.config;
}

TEST(HuggingfaceMetadata, SamplingAndTemplates) {
  const auto meta = read(R"({"model_type": "qwen3_moe", "num_local_experts": 128, "eos_token_id": 1})",
                         R"({"temperature": 0.6, "top_k": 20, "top_p": 0.95, "do_sample": true, "eos_token_id": [7, 8],
                             "repetition_penalty": 1.05, "min_p": null})",
                         R"({"add_bos_token": false, "chat_template": [{"name": "default", "template": "A"},
                             {"name": "tool_use", "template": "B"}]})");
  ASSERT_TRUE(meta) << meta.error().text();
  EXPECT_EQ(*meta->text("general.architecture"), "qwen3moe");
  EXPECT_EQ(*meta->integer("qwen3moe.expert_count"), 128);
  EXPECT_EQ(*meta->number("general.sampling.temp"), 0.6);
  EXPECT_EQ(*meta->integer("general.sampling.top_k"), 20);
  EXPECT_EQ(*meta->number("general.sampling.penalty_repeat"), 1.05);
  EXPECT_EQ(*meta->integer("general.sampling.penalty_last_n"), -1);
  EXPECT_FALSE(meta->has("general.sampling.min_p"));
  EXPECT_EQ(meta->integers("hearth.eos_token_ids")[1], 8);
  EXPECT_FALSE(*meta->boolean("tokenizer.ggml.add_bos_token"));
  EXPECT_EQ(*meta->text("tokenizer.chat_template"), "A");
  EXPECT_EQ(*meta->text("tokenizer.chat_template.tool_use"), "B");
}

TEST(HuggingfaceMetadata, UnknownArchitecturesStillOpen) {
  const Metadata meta =
      meta_of(R"({"architectures": ["NovelForCausalLM"], "num_hidden_layers": 3, "hidden_size": 64})");
  EXPECT_EQ(*meta.text("general.architecture"), "novelforcausallm");
  EXPECT_EQ(*meta.integer("novelforcausallm.block_count"), 3);
  EXPECT_FALSE(meta.has("hearth.rope.interleaved"));
}

TEST(HuggingfaceMetadata, RefusesWrongTypes) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"x": 1})", "no model's config"},
      {R"({"model_type": "llama", "num_hidden_layers": "two"})", "config.json: num_hidden_layers is a string"},
      {R"({"model_type": "llama", "num_hidden_layers": 1e18})", "num_hidden_layers"},
      {R"({"model_type": "llama", "num_hidden_layers": 9007199254740992})", "from 1 to 4096"},
      {R"({"model_type": "llama", "num_hidden_layers": -1})", "from 1 to 4096"},
      {R"({"model_type": "llama", "hidden_size": 1.5})", "hidden_size is a number; it must be an integer"},
      {R"({"model_type": "llama", "rms_norm_eps": true})", "rms_norm_eps"},
      {R"({"model_type": "llama", "rope_parameters": {"rope_theta": "x"}})", "rope_theta"},
      {R"({"model_type": "llama", "num_hidden_layers": 2, "layer_types": ["full_attention"]})", "each of the 2 layers"},
      {R"({"model_type": "phi3", "rope_scaling": {"type": "longrope"}})", "short_factor"},
      {R"({"model_type": "lfm2", "num_hidden_layers": 2, "num_attention_heads": 2, "full_attn_idxs": [2]})",
       "from 0 to 1"},
      {R"({"model_type": "llama", "eos_token_id": ["a"]})", "eos_token_id"},
  };
  std::string many = R"({"model_type": "llama", "text_config": {})";
  for (int i = 0; i < 5000; ++i) many += fmt::format(R"(, "k{}": 1)", i);
  const auto refused = read(many + "}");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("5002 keys"), std::string::npos) << refused.error().text();
  for (const auto& [config, says] : cases) {
    const auto meta = read(config);
    ASSERT_FALSE(meta) << config;
    EXPECT_NE(meta.error().text().find(says), std::string::npos) << meta.error().text();
  }
  hearth::testing::count_cases("malformed files", std::size(cases));
}

// Keys that every architecture file asks for.
void expect_dimensions(const Metadata& meta, const std::string& arch, const std::string& path) {
  for (const char* key :
       {"block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size",
        "attention.head_count", "attention.key_length", "attention.value_length", "rope.dimension_count"})
    EXPECT_TRUE(meta.integer(arch + "." + key)) << path << ": " << key;
  EXPECT_TRUE(meta.has(arch + ".attention.head_count_kv")) << path;
  for (const char* key : {"attention.layer_norm_rms_epsilon", "rope.freq_base"})
    EXPECT_GT(meta.number_or(arch + "." + key, 0), 0) << path << ": " << key;
  EXPECT_TRUE(meta.boolean("hearth.rope.interleaved")) << path;
  EXPECT_TRUE(meta.number("hearth.norm.offset")) << path;
}

TEST(HuggingfaceMetadata, RealConfigs) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  std::map<std::string, int> families;
  size_t configs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(hearth::testing::shared_data() + "/configs")) {
    if (entry.path().extension() != ".json") continue;
    const auto json = Json::parse(*read_text_file(entry.path()));
    if (!json || json->find("architectures") == nullptr) continue;
    const auto meta = huggingface_metadata(
        {.config = *json, .generation = Json::object(), .tokenizer = Json::object(), .quantization = Json::object(), .chat_template = {}});
    ASSERT_TRUE(meta) << entry.path() << ": " << meta.error().text();
    ++configs;
    if (!meta->has("hearth.norm.offset")) continue;  // an architecture without a line
    const std::string arch = *meta->text("general.architecture");
    expect_dimensions(*meta, arch, entry.path());
    if (arch == "qwen3moe")
      EXPECT_GT(meta->integer_or("qwen3moe.expert_used_count", 0) *
                    meta->integer_or("qwen3moe.expert_feed_forward_length", 0),
                0);
    ++families[arch];
  }
  EXPECT_EQ(families.size(), 7u);  // llama qwen2 qwen3 qwen3moe gemma2 gemma3 phi3
  EXPECT_GE(families["llama"], 8);
  hearth::testing::count_cases("Hugging Face configs", configs);
}

// Metadata and tensor shapes of the same model agree.
TEST(HuggingfaceMetadata, RealShapes) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const std::string folder = hearth::testing::shared_data() + "/configs/";
  for (const auto& [config, list] : {std::pair{"aiconfigurator/meta-llama--Meta-Llama-3.1-8B_config.json", "llama3"},
                                     {"executorch/mediatek/models/llm_models/weights/Qwen3-4B/config.json", "qwen3"}}) {
    const Metadata meta = meta_of(*read_text_file(folder + config));
    const std::string arch = *meta.text("general.architecture");
    const auto is = [&](const char* key) { return meta.integer_or(arch + "." + key, -1); };
    const std::map<std::string, std::vector<int64_t>> expected = {
        {"token_embd.weight", {is("vocab_size"), is("embedding_length")}},
        {"blk.0.attn_q.weight", {is("attention.head_count") * is("attention.key_length"), is("embedding_length")}},
        {"blk.0.attn_v.weight", {is("attention.head_count_kv") * is("attention.value_length"), is("embedding_length")}},
        {"blk.0.ffn_down.weight", {is("embedding_length"), is("feed_forward_length")}}};
    const Json shapes = *Json::parse(*read_text_file(folder + "maxtext_hf_params/" + list + "/hf_params.json"));
    size_t found = 0;
    for (const auto& [name, shape] : shapes.as_object()) {
      const auto match = expected.find(canonical_name(name, arch).text);
      if (match == expected.end()) continue;
      ++found;
      EXPECT_EQ(shape.as_array()[0].as_integer(), match->second[0]) << name;
      EXPECT_EQ(shape.as_array()[1].as_integer(), match->second[1]) << name;
    }
    EXPECT_EQ(found, expected.size());
  }
}

}  // namespace
}  // namespace hearth::checkpoint

#include "checkpoint/huggingface/folder.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "checkpoint/test_bytes.h"
#include "runner/shared_data.h"

namespace hearth::checkpoint {
namespace {

using testing::Bytes;
using Files = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kConfig = R"({"architectures": ["Lfm2ForCausalLM"], "num_hidden_layers": 1, "hidden_size": 2,
  "num_attention_heads": 1, "layer_types": ["conv"]})";
constexpr const char* kIndex = "model.safetensors.index.json";

std::string one_tensor(const std::string& name, const char* dtype, const char* shape, size_t bytes) {
  return Bytes::safetensors(
             fmt::format(R"({{"{}":{{"dtype":"{}","shape":{},"data_offsets":[0,{}]}}}})", name, dtype, shape, bytes),
             bytes)
      .str();
}

std::string refusal(Files files) {
  const auto opened = open_huggingface("models/m", testing::files_of(std::move(files)));
  return opened ? "" : opened.error().text();
}

const std::string kConv = one_tensor("model.layers.0.conv.conv.weight", "F32", "[2,1,3]", 24);
const std::string kNorm = one_tensor("model.embedding_norm.weight", "BF16", "[2]", 4);

TEST(HuggingfaceFolder, SingleFile) {
  const auto opened = open_huggingface(
      "models/m",
      testing::files_of({{"config.json", kConfig}, {"model.safetensors", kConv}, {"chat_template.jinja", "{{ x }}"}}));
  ASSERT_TRUE(opened) << opened.error().text();
  const TensorInfo* conv = (*opened)->find("blk.0.shortconv.conv.weight");
  ASSERT_NE(conv, nullptr);
  EXPECT_EQ(conv->shape, (Shape{2, 3}));
  EXPECT_EQ(conv->file_name, "model.layers.0.conv.conv.weight");
  EXPECT_EQ(*(*opened)->metadata().text("tokenizer.chat_template"), "{{ x }}");
  EXPECT_EQ(*(*opened)->metadata().text("general.name"), "m");
}

TEST(HuggingfaceFolder, Shards) {
  const auto opened = open_huggingface(
      "m",
      testing::files_of(
          {{"config.json", kConfig},
           {kIndex, R"({"weight_map": {"model.layers.0.conv.conv.weight": "a", "model.embedding_norm.weight": "b"}})"},
           {"a", kConv},
           {"b", kNorm}}));
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ((*opened)->files().size(), 2u);
  EXPECT_EQ((*opened)->find("token_embd_norm.weight")->file, 1u);
  EXPECT_EQ((*opened)->total_bytes(), 28u);
}

TEST(HuggingfaceFolder, ExplainsBrokenFolders) {
  const std::pair<std::string, std::string> config = {"config.json", kConfig};
  const auto index = [](const char* shard) { return fmt::format(R"({{"weight_map": {{"t": "{}"}}}})", shard); };
  const std::string t = one_tensor("t", "F32", "[1]", 4);
  const std::pair<Files, const char*> cases[] = {
      {{}, "config.json is missing"},
      {{{"config.json", "[]"}}, "must hold an object"},
      {{{"config.json", "{"}}, "models/m/config.json: "},
      {{config}, "download the weights"},
      {{config, {"pytorch_model.bin", "PK"}}, "convert them to safetensors"},
      {{config, {kIndex, "{}"}}, "weight_map must be an object"},
      {{config, {kIndex, R"({"weight_map": {}})"}}, "weight_map is empty"},
      {{config, {kIndex, R"({"weight_map": {"t": 7}})"}}, "without any path"},
      {{config, {kIndex, index("../secret")}}, "without any path"},
      {{config, {kIndex, index("/etc/passwd")}}, "without any path"},
      {{config, {kIndex, index("..")}}, "without any path"},
      {{config, {kIndex, index("a/b")}}, "without any path"},
      {{config, {kIndex, index("a\\\\b")}}, "without any path"},
      {{config, {kIndex, index("")}}, "without any path"},
      {{config, {kIndex, index("a\\u0000")}}, "without any path"},
      {{config, {kIndex, index("a")}}, "names a, which is missing"},
      {{config, {kIndex, index("a")}, {"a", kNorm}}, "which does not have it"},
      {{config, {kIndex, R"({"weight_map": {"t": "a", "u": "b"}})"}, {"a", t}, {"b", t}}, "which does not have it"},
      {{config, {kIndex, R"({"weight_map": {"t": "a", "v": "b"}})"}, {"a", kNorm}, {"b", t}}, "which does not have it"},
      {{config, {"model.safetensors", one_tensor("model.embedding_norm.weight", "F8_E4M3", "[4]", 4)}}, "F8_E4M3"},
      {{config, {"model.safetensors", "garbage!"}}, "a header of"},
  };
  for (const auto& [files, says] : cases) {
    const std::string error = refusal(files);
    EXPECT_NE(error.find(says), std::string::npos) << error;
  }
  hearth::testing::count_cases("malformed files", std::size(cases));
}

TEST(HuggingfaceFolder, OneCanonicalNameTwiceIsRefused) {
  const std::string both =
      Bytes::safetensors(R"({"model.norm.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                         R"("language_model.model.norm.weight":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                         8)
          .str();
  EXPECT_NE(refusal({{"config.json", kConfig}, {"model.safetensors", both}}).find("there twice, as model.norm.weight"),
            std::string::npos);
}

TEST(HuggingfaceFolder, OnDisk) {
  const hearth::testing::TestFolder folder;
  folder.write("config.json", kConfig);
  folder.write("model.safetensors", kConv);
  const auto opened = open(folder.path() + "/");
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ((*opened)->bytes((*opened)->tensors()[0])->size(), 24u);
  EXPECT_EQ((*opened)->files()[0]->name(), folder.path() + "/model.safetensors");
}

}  // namespace
}  // namespace hearth::checkpoint

// Opening by content: folders, and the files people give by mistake.
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/test_bytes.h"

namespace hearth::checkpoint {
namespace {

using testing::Bytes;
using testing::refusal;

std::string error_of(const std::string& path) {
  const auto opened = open(path);
  return opened ? "" : opened.error().text();
}

TEST(Open, NamesWhatWasGivenInstead) {
  EXPECT_NE(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\n").find("git lfs pull"),
            std::string::npos);
  EXPECT_NE(refusal("\n <!DOCTYPE html><html>").find("web page"), std::string::npos);
  EXPECT_NE(refusal("<HTML>").find("web page"), std::string::npos);
  EXPECT_NE(refusal("PK\x03\x04....").find("convert it to safetensors"), std::string::npos);
  EXPECT_NE(refusal("\x80\x02}q").find("pickle"), std::string::npos);
  EXPECT_NE(refusal("tjgg\x01").find("older than GGUF"), std::string::npos);
  EXPECT_NE(refusal("{\"architectures\": []}").find("open its folder"), std::string::npos);
  EXPECT_NE(refusal("some text").find("gguf, safetensors"), std::string::npos);
  EXPECT_NE(refusal("").find("no model file"), std::string::npos);
}

TEST(Open, IgnoresTheEnding) {
  const hearth::testing::TestFolder folder;
  folder.write("model.safetensors", Bytes::gguf(0, 0).str());
  const auto opened = open(folder.path() + "/model.safetensors");
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ((*opened)->container(), "gguf");
}

TEST(Open, FolderWithOneGguf) {
  const hearth::testing::TestFolder folder;
  EXPECT_NE(error_of(folder.path()).find("no config.json and no .gguf"), std::string::npos);
  folder.write("a.gguf", Bytes::gguf(0, 0).str());
  EXPECT_EQ(error_of(folder.path() + "/"), "");
  folder.write("b.gguf", Bytes::gguf(0, 0).str());
  EXPECT_NE(error_of(folder.path()).find("2 GGUF models are here (a.gguf, b.gguf)"), std::string::npos);
}

// GGUF repositories may hold the config of the model that theirs was made from.
TEST(Open, FolderWithConfigAndGguf) {
  const hearth::testing::TestFolder folder;
  folder.write("config.json", R"({"model_type": "llama"})");
  EXPECT_NE(error_of(folder.path()).find("neither model.safetensors"), std::string::npos);
  folder.write("a.gguf", Bytes::gguf(0, 0).str());
  EXPECT_EQ(error_of(folder.path()), "");
  folder.write("model.safetensors", "{");
  EXPECT_NE(error_of(folder.path()), "");
}

TEST(Open, FolderWithOneSplitGguf) {
  const hearth::testing::TestFolder folder;
  for (const uint16_t part : {0, 1})
    folder.write(fmt::format("m-{:05}-of-00002.gguf", part + 1),
                 Bytes::gguf(0, 2).key("split.no", 2).put(part).key("split.count", 2).put(uint16_t{2}).str());
  const auto opened = open(folder.path());
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ((*opened)->files().size(), 2u);
}

TEST(Open, MissingFile) { EXPECT_EQ(open("/nonexistent/model.gguf").error().code, ErrorCode::kNotFound); }

}  // namespace
}  // namespace hearth::checkpoint

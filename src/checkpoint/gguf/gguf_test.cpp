// Well-formed GGUF: every value type, layouts, split models, the writer's round trip, real files.
#include "checkpoint/gguf/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/random.h"
#include "base/test_folder.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/test_bytes.h"
#include "runner/shared_data.h"

namespace hearth::checkpoint {
namespace {

using testing::Bytes;
using testing::open_bytes;
using testing::refusal;

quant::FormatId format_id(std::string_view name) { return quant::id_of(*quant::find_format(name)); }

TEST(Gguf, ReadsEveryValueType) {
  Bytes file = Bytes::gguf(0, 16);
  file.key("u8", 0).put(uint8_t{200}).key("i8", 1).put(int8_t{-5}).key("u16", 2).put(uint16_t{60000});
  file.key("i16", 3).put(int16_t{-300}).key("u32", 4).u32(4000000000u).key("i32", 5).put(int32_t{-7});
  file.key("f32", 6).put(0.5f).key("bool", 7).put(uint8_t{1}).key("text", 8).text("h\xC3\xA9");
  file.key("u64", 10).u64(uint64_t{1} << 63).key("i64", 11).put(int64_t{-9}).key("f64", 12).put(0.1);
  file.key("texts", 9).u32(8).u64(2).text("a").text("");
  file.key("i16s", 9).u32(3).u64(3).put(int16_t{1}).put(int16_t{-2}).put(int16_t{3});
  file.key("f32s", 9).u32(6).u64(1).put(0.25f);
  file.key("bools", 9).u32(7).u64(2).put(uint8_t{1}).put(uint8_t{0});
  const auto opened = open_bytes(file.str());
  ASSERT_TRUE(opened) << opened.error().text();
  const Metadata& meta = (*opened)->metadata();
  EXPECT_EQ(*meta.integer("u8"), 200);
  EXPECT_EQ(*meta.integer("i8"), -5);
  EXPECT_EQ(*meta.integer("u16"), 60000);
  EXPECT_EQ(*meta.integer("i16"), -300);
  EXPECT_EQ(*meta.integer("u32"), 4000000000);
  EXPECT_EQ(*meta.integer("i32"), -7);
  EXPECT_EQ(*meta.number("f32"), 0.5);
  EXPECT_EQ(*meta.boolean("bool"), true);
  EXPECT_EQ(*meta.text("text"), "h\xC3\xA9");
  EXPECT_EQ(std::get<uint64_t>(*meta.find("u64")), uint64_t{1} << 63);
  EXPECT_EQ(*meta.integer("i64"), -9);
  EXPECT_EQ(*meta.number("f64"), 0.1);
  EXPECT_EQ(meta.texts("texts").size(), 2u);
  EXPECT_EQ(meta.texts("texts")[0], "a");
  EXPECT_EQ(meta.integers("i16s")[1], -2);
  EXPECT_EQ(meta.numbers("f32s")[0], 0.25);
  EXPECT_EQ(meta.booleans("bools"), (std::vector<bool>{true, false}));
}

// Small enough for tests to truncate at every byte, with everything a header can have.
std::string small_model(uint32_t version = 3) {
  Bytes file = Bytes::gguf(2, 3, version);
  file.key("general.architecture", 8).text("llama").key("general.alignment", 4).u32(64);
  file.key("tokenizer.ggml.tokens", 9).u32(8).u64(2).text("<s>").text("a");
  file.tensor("blk.0.ffn_up.weight", {32, 2}, 0, 64).tensor("token_embd.weight", {3}, 1, 0);
  file.pad(64).put(uint16_t{0x3C00}).put(uint16_t{0}).put(uint16_t{0}).pad(64);
  for (int i = 0; i < 64; ++i) file.put(static_cast<float>(i));
  return file.str();
}

TEST(Gguf, PlacesTensors) {
  for (const uint32_t version : {2, 3}) {
    const auto opened = open_bytes(small_model(version));
    ASSERT_TRUE(opened) << opened.error().text();
    const Checkpoint& model = **opened;
    EXPECT_EQ(model.container(), "gguf");
    EXPECT_EQ(model.tensors().size(), 2u);
    EXPECT_EQ(model.total_bytes(), 6u + 256u);
    const TensorInfo* up = model.find("blk.0.ffn_up.weight");
    ASSERT_NE(up, nullptr);
    EXPECT_EQ(up->shape, (Shape{2, 32}));
    EXPECT_EQ(up->offset % 64, 0u);
    float values[64];
    std::memcpy(values, model.bytes(*up)->data(), sizeof values);
    EXPECT_EQ(values[63], 63.0f);
    EXPECT_EQ(model.find("blk.0.ffn_up"), nullptr);
    EXPECT_EQ(model.require("absent").error().code, ErrorCode::kNotFound);
  }
}

TEST(Gguf, RefusesEveryTruncation) {
  const std::string whole = small_model();
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const std::string error = refusal(whole.substr(0, bytes));
    EXPECT_NE(error.find("byte "), std::string::npos) << bytes << " bytes: " << error;
  }
  hearth::testing::count_cases("malformed files", whole.size());
}

// A reader that serves single ranges only and counts what it served.
class CountingSource final : public ByteSource {
 public:
  explicit CountingSource(std::string bytes) : bytes_(std::move(bytes)), reads_(bytes_.size()) {}
  std::string_view name() const override { return "counting"; }
  uint64_t size() const override { return bytes_.size(); }
  Result<void> read(uint64_t offset, std::span<std::byte> out) const override {
    if (offset + out.size() > bytes_.size()) return fail(ErrorCode::kBadFile, "past the end");
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
    for (size_t i = 0; i < out.size(); ++i) ++reads_[offset + i];
    return {};
  }
  int most_reads() const { return *std::max_element(reads_.begin(), reads_.end()); }

 private:
  std::string bytes_;
  mutable std::vector<int> reads_;
};

TEST(Gguf, ReadsNoByteTwice) {
  const CountingSource source(small_model());
  ASSERT_TRUE(read_gguf_file(source));
  EXPECT_EQ(source.most_reads(), 1);
}

TEST(Gguf, SaysHowRopeAndNormsAreStored) {
  const auto conventions = [](const char* arch) {
    const auto opened = open_bytes(Bytes::gguf(0, 1).key("general.architecture", 8).text(arch).str());
    return std::pair(*(*opened)->metadata().boolean("hearth.rope.interleaved"),
                     *(*opened)->metadata().number("hearth.norm.offset"));
  };
  EXPECT_EQ(conventions("llama"), std::pair(true, 0.0));
  EXPECT_EQ(conventions("qwen3"), std::pair(false, 0.0));
  EXPECT_EQ(conventions("gemma3"), std::pair(false, 0.0));
  Bytes stated = Bytes::gguf(0, 2).key("general.architecture", 8).text("llama");
  const auto opened = open_bytes(stated.key("hearth.rope.interleaved", 7).put(uint8_t{0}).str());
  EXPECT_FALSE(*(*opened)->metadata().boolean("hearth.rope.interleaved"));
}

std::string part(uint16_t number, uint16_t count, int32_t tensors_of_all, std::string_view tensor) {
  Bytes file = Bytes::gguf(1, 3);
  file.key("split.no", 2).put(number).key("split.count", 2).put(count);
  file.key("split.tensors.count", 5).put(tensors_of_all).tensor(tensor, {4}, 0, 0);
  return file.pad(32).zeros(16).str();
}

std::string split_error(std::string first_name, const std::string& first,
                        std::vector<std::pair<std::string, std::string>> rest) {
  auto opened = open_gguf(testing::source_of(first, std::move(first_name)), testing::files_of(std::move(rest)));
  return opened ? "" : opened.error().text();
}

TEST(Gguf, OpensSplitModels) {
  const std::string second = part(1, 2, 2, "b");
  const auto opened = open_gguf(testing::source_of(part(0, 2, 2, "a"), "dir/m-00001-of-00002.gguf"),
                                testing::files_of({{"m-00002-of-00002.gguf", second}}));
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ((*opened)->files().size(), 2u);
  EXPECT_EQ((*opened)->find("b")->file, 1u);
  EXPECT_EQ((*opened)->bytes(*(*opened)->find("b"))->size(), 16u);
}

TEST(Gguf, ExplainsBrokenSplitModels) {
  const std::string name = "m-00001-of-00002.gguf", other = "m-00002-of-00002.gguf";
  const std::string first = part(0, 2, 2, "a"), second = part(1, 2, 2, "b");
  EXPECT_NE(split_error(other, second, {}).find("open m-00001-of-00002.gguf instead"), std::string::npos);
  EXPECT_NE(split_error(name, first, {}).find("download 'm-00002-of-00002.gguf'"), std::string::npos);
  EXPECT_NE(split_error("renamed.gguf", first, {{other, second}}).find("must end in '-00001-of-00002.gguf'"),
            std::string::npos);
  EXPECT_NE(split_error(name, first, {{other, part(1, 3, 2, "b")}}).find("mixed up"), std::string::npos);
  EXPECT_NE(split_error(name, first, {{other, part(1, 2, 2, "a")}}).find("twice"), std::string::npos);
  EXPECT_NE(split_error(name, part(0, 2, 5, "a"), {{other, second}}).find("5 tensors are promised"), std::string::npos);
  EXPECT_NE(split_error(name, part(3, 2, 2, "a"), {{other, second}}).find("cannot be"), std::string::npos);
  EXPECT_TRUE(is_later_gguf_part("m-00002-of-00002.gguf"));
  EXPECT_FALSE(is_later_gguf_part("m-00001-of-00002.gguf"));
  EXPECT_FALSE(is_later_gguf_part("q4-of-9.gguf"));
  hearth::testing::count_cases("malformed files", 7);
}

struct RandomModel {
  Metadata meta;
  std::vector<GgufTensor> tensors;
  std::vector<std::vector<std::byte>> storage;
  std::vector<std::span<const std::byte>> bytes;
};

// One tensor of every format that GGUF can hold, filled with noise.
RandomModel random_model() {
  RandomModel model;
  model.meta.set("general.architecture", "test");
  model.meta.set("count", int64_t{3000000000});
  model.meta.set("negative", int64_t{-3});
  model.meta.set("wide", int64_t{1} << 40);
  model.meta.set("huge", uint64_t{1} << 63);
  model.meta.set("half", 0.5);
  model.meta.set("beyond_float", 1e300);
  model.meta.set("flag", true);
  model.meta.set("list", std::vector<int64_t>{1, -2});
  model.meta.set("wide_list", std::vector<int64_t>{1, int64_t{1} << 40});
  model.meta.set("numbers", std::vector<double>{0.5, -4});
  model.meta.set("flags", std::vector<bool>{true, false, true});
  model.meta.set("texts", std::vector<std::string>{"", "b"});
  model.meta.set("none", std::vector<std::string>{});
  Random random(7);
  for (const quant::Format& format : quant::formats()) {
    if (format.gguf_id < 0) continue;
    model.tensors.push_back({fmt::format("t.{}", format.name), quant::id_of(format), Shape{3, format.block_values}});
    auto& noise = model.storage.emplace_back(size_t{3} * format.block_bytes);
    for (std::byte& b : noise) b = static_cast<std::byte>(random.next());
  }
  for (const auto& noise : model.storage) model.bytes.emplace_back(noise);
  return model;
}

void expect_same(const Checkpoint& read, const RandomModel& written) {
  for (const auto& [key, value] : written.meta.entries()) {
    const Metadata::Value* found = read.metadata().find(key);
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(*found, value) << key;
  }
  ASSERT_EQ(read.tensors().size(), written.tensors.size());
  for (size_t i = 0; i < written.tensors.size(); ++i) {
    const TensorInfo* tensor = read.find(written.tensors[i].name);
    ASSERT_NE(tensor, nullptr) << written.tensors[i].name;
    EXPECT_EQ(tensor->format, written.tensors[i].format);
    EXPECT_EQ(tensor->shape, written.tensors[i].shape);
    const auto bytes = *read.bytes(*tensor);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), written.bytes[i].begin(), written.bytes[i].end()))
        << tensor->name;
  }
}

TEST(GgufWriter, RoundTripsEveryFormat) {
  const RandomModel model = random_model();
  ASSERT_GE(model.tensors.size(), 20u);
  const auto image = gguf_image(model.meta, model.tensors, model.bytes);
  ASSERT_TRUE(image) << image.error().text();
  const auto opened = open_source(memory_source("image", *image), testing::no_siblings());
  ASSERT_TRUE(opened) << opened.error().text();
  expect_same(**opened, model);
  hearth::testing::count_cases("formats written and read", model.tensors.size());
}

TEST(GgufWriter, WritesTensorByTensor) {
  const RandomModel model = random_model();
  const hearth::testing::TestFolder folder;
  const std::string path = folder.path() + "/m.gguf";
  {
    auto writer = GgufWriter::create(path, model.meta, model.tensors);
    ASSERT_TRUE(writer) << writer.error().text();
    EXPECT_FALSE(writer->finish());
    EXPECT_FALSE(writer->append(std::span(model.bytes[0]).first(1)));
    for (const auto& bytes : model.bytes) ASSERT_TRUE(writer->append(bytes));
    EXPECT_FALSE(writer->append(model.bytes[0]));
    ASSERT_TRUE(writer->finish());
  }
  const auto opened = open(path);
  ASSERT_TRUE(opened) << opened.error().text();
  expect_same(**opened, model);
  {
    auto abandoned = GgufWriter::create(folder.path() + "/x.gguf", model.meta, model.tensors);
  }
  EXPECT_FALSE(file_exists(folder.path() + "/x.gguf.part"));
}

TEST(GgufWriter, RefusesWhatGgufCannotHold) {
  const auto f32 = format_id("f32");
  const auto error = [](std::vector<GgufTensor> tensors) { return gguf_header({}, tensors).error().text(); };
  EXPECT_NE(error({{"a", f32, {1}}, {"a", f32, {1}}}).find("twice"), std::string::npos);
  EXPECT_NE(error({{"a", format_id("q8_0"), {33}}}).find("whole blocks"), std::string::npos);
  EXPECT_NE(error({{"a", f32, {0}}}).find("empty"), std::string::npos);
  Metadata odd;
  odd.set("general.alignment", int64_t{24});
  EXPECT_NE(gguf_header(odd, {}).error().text().find("power of two"), std::string::npos);
}

TEST(Gguf, OpensTrainedModels) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  size_t files = 0;
  for (const auto& [name, format] : std::initializer_list<std::pair<const char*, const char*>>{{"F32", "f32"},
                                                                                               {"F16", "f16"},
                                                                                               {"BF16", "bf16"},
                                                                                               {"Q8_0", "q8_0"},
                                                                                               {"Q5_1", "q5_1"},
                                                                                               {"Q4_0", "q4_0"},
                                                                                               {"IQ4_NL", "iq4_nl"}}) {
    const auto opened = open(hearth::testing::shared_data() + "/models/stories260K/stories260K-" + name + ".gguf");
    ASSERT_TRUE(opened) << opened.error().text();
    const Checkpoint& model = **opened;
    EXPECT_EQ(*model.metadata().integer("llama.block_count"), 5);
    EXPECT_EQ(*model.metadata().integer("llama.attention.head_count_kv"), 4);
    EXPECT_TRUE(*model.metadata().boolean("hearth.rope.interleaved"));
    EXPECT_EQ(model.metadata().texts("tokenizer.ggml.tokens").size(), 512u);
    EXPECT_EQ(model.tensors().size(), 47u) << name;
    const TensorInfo* gate = model.find("blk.4.ffn_gate.weight");
    ASSERT_NE(gate, nullptr);
    EXPECT_EQ(gate->shape, (Shape{172, 64}));
    EXPECT_EQ(quant::format(gate->format).name, format);
    EXPECT_EQ(model.bytes(*gate)->size(), gate->bytes);
    ++files;
  }
  hearth::testing::count_cases("real model files", files);
}

TEST(Gguf, OpensVocabularies) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(hearth::testing::shared_data() + "/tokenizers/gguf_vocab")) {
    if (entry.path().extension() != ".gguf") continue;
    const auto opened = open(entry.path());
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_GE((*opened)->metadata().texts("tokenizer.ggml.tokens").size(), 30000u) << entry.path();
    EXPECT_TRUE((*opened)->tensors().empty());
    ++files;
  }
  EXPECT_EQ(files, 10u);
  hearth::testing::count_cases("real model files", files);
}

}  // namespace
}  // namespace hearth::checkpoint

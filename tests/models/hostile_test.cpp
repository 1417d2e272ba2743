// Files that lie: every metadata key and every tensor of every golden model, made wrong one by one. The model answers
// with an error that names the culprit, or loads and runs; it never crashes, hangs or asks for memory the file does not
// explain.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>

#include "base/test_folder.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"
#include "models/golden_case.h"
#include "models/paged_sequence.h"
#include "ops/reference/reference_backend.h"
#include "runner/shared_data.h"

namespace hearth::testing {
namespace {

// A checkpoint whose keys and tensors can be changed.
class EditedCheckpoint final : public checkpoint::Checkpoint {
 public:
  static constexpr size_t kKeepAll = SIZE_MAX;
  explicit EditedCheckpoint(std::shared_ptr<const checkpoint::Checkpoint> original, size_t without_tensor = kKeepAll)
      : original_(std::move(original)),
        metadata_(original_->metadata()),
        tensors_(original_->tensors().begin(), original_->tensors().end()),
        files_(original_->files().begin(), original_->files().end()) {
    if (without_tensor != kKeepAll) tensors_.erase(tensors_.begin() + static_cast<std::ptrdiff_t>(without_tensor));
    index_names();
  }
  std::string_view container() const override { return original_->container(); }
  const Metadata& metadata() const override { return metadata_; }
  std::span<const checkpoint::TensorInfo> tensors() const override { return tensors_; }
  std::span<const std::shared_ptr<ByteSource>> files() const override { return files_; }

  void set(const std::string& key, Metadata::Value value) { metadata_.set(key, std::move(value)); }
  void remove_key(std::string_view key) {
    Metadata kept;
    for (const auto& [name, value] : metadata_.entries())
      if (name != key) kept.set(name, value);
    metadata_ = std::move(kept);
  }
  void reshape(size_t index, Shape shape) { tensors_[index].shape = shape; }
  void retype(size_t index, std::string_view format) { tensors_[index].format = quant::id_of(*quant::find_format(format)); }

  // Beside the original's tensors and in a file of its own: one number.
  EditedCheckpoint(std::shared_ptr<const checkpoint::Checkpoint> original, const std::string& name, float value)
      : EditedCheckpoint(std::move(original), kKeepAll) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    tensors_.push_back({name, name, quant::id_of(*quant::find_format("f32")), Shape{1}, static_cast<uint32_t>(files_.size()), 0, bytes.size()});
    files_.push_back(memory_source("scales", {bytes.begin(), bytes.end()}));
    index_names();
  }

 private:
  std::shared_ptr<const checkpoint::Checkpoint> original_;
  Metadata metadata_;
  std::vector<checkpoint::TensorInfo> tensors_;
  std::vector<std::shared_ptr<ByteSource>> files_;
};

std::shared_ptr<const checkpoint::Checkpoint> open_golden(const std::string& path) {
  auto files = checkpoint::open(source_path("tests/golden/models/" + path));
  EXPECT_TRUE(files) << files.error().text();
  return *files;
}

// Loads and, where that works, runs three tokens. The error's text, or nothing.
std::string outcome(const checkpoint::Checkpoint& files) {
  const auto backend = ops::reference::make_backend();
  const auto model = model::load(files, *backend);
  if (!model) return model.error().text();
  PagedSequence sequence(**model, 3);
  const int32_t tokens[] = {1, 2, 0};
  sequence.append(tokens, /*are_generated=*/false);
  return "";
}

struct Lie {
  std::string key;
  Metadata::Value value;
};

TEST(Hostile, ErrorsNameTheKey) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Lie> lies = {
      {"llama.block_count", int64_t{0}},
      {"llama.block_count", int64_t{1'000'000'000}},
      {"llama.block_count", int64_t{-1}},
      {"llama.block_count", std::string("two")},
      {"llama.embedding_length", int64_t{0}},
      {"llama.embedding_length", int64_t{1} << 40},
      {"llama.feed_forward_length", int64_t{0}},
      {"llama.context_length", int64_t{0}},
      {"llama.attention.head_count", int64_t{0}},
      {"llama.attention.head_count", std::numeric_limits<int64_t>::max()},
      {"llama.attention.head_count_kv", int64_t{0}},
      {"llama.attention.head_count_kv", int64_t{3}},
      {"llama.attention.head_count_kv", std::vector<int64_t>{2}},
      {"llama.attention.head_count_kv", std::vector<int64_t>{2, -2}},
      {"llama.attention.head_count_kv", std::vector<int64_t>{4, 0}},
      {"llama.attention.key_length", int64_t{7}},
      {"llama.attention.key_length", int64_t{1} << 31},
      {"llama.attention.value_length", int64_t{6}},
      {"llama.attention.layer_norm_rms_epsilon", kNan},
      {"llama.attention.layer_norm_rms_epsilon", -1e-5},
      {"llama.attention.layer_norm_rms_epsilon", 1e300},
      {"llama.attention.sliding_window", int64_t{-5}},
      {"llama.attention.sliding_window_pattern", std::vector<bool>{true}},
      {"llama.rope.freq_base", 0.0},
      {"llama.rope.freq_base", kNan},
      {"llama.rope.dimension_count", int64_t{3}},
      {"llama.rope.dimension_count", int64_t{1000}},
      {"llama.rope.scaling.type", std::string("spiral")},
      {"llama.rope.scaling.factor", 0.0},
      {"llama.rope.scaling.original_context_length", int64_t{0}},
      {"llama.rope.scaling.short_factors", std::vector<double>{1, 2}},
      {"llama.expert_count", int64_t{1} << 33},
      {"llama.attention.causal", false},
      {"general.architecture", std::string("perceptron")},
      {"hearth.activation", std::string("snake")},
  };
  const auto files = open_golden("llama2/model.gguf");
  for (const Lie& lie : lies) {
    EditedCheckpoint edited(files);
    edited.set(lie.key, lie.value);
    if (lie.key.ends_with("short_factors")) edited.set("llama.rope.scaling.original_context_length", int64_t{256});
    const std::string error = outcome(edited);
    const std::string named = lie.key == "general.architecture" ? "perceptron" : lie.key;
    EXPECT_NE(error.find(named), std::string::npos) << lie.key << ": " << error;
  }
  count_cases("hostile models", lies.size());
}

// What files of 2023 and 2024 leave out or call otherwise means what it meant then.
TEST(OldFiles, LinearScalingByItsFirstName) {
  const auto files = open_golden("llama2/model.gguf");
  EditedCheckpoint edited(files);
  edited.set("llama.rope.scale_linear", 4.0);
  const auto plain = model::read_plan(*files), scaled = model::read_plan(edited);
  ASSERT_TRUE(plain && scaled);
  const auto &before = plain->ropes[0].inverse_frequencies, &after = scaled->ropes[0].inverse_frequencies;
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i], before[i] / 4);
}

TEST(OldFiles, Gemma2HasItsWindow) {
  EditedCheckpoint edited(open_golden("gemma2/model.gguf"));
  edited.remove_key("gemma2.attention.sliding_window");
  const auto plan = model::read_plan(edited);
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(std::get<model::Attention>(plan->layers[0].mixer).window, 4096u);
  EXPECT_EQ(std::get<model::Attention>(plan->layers[1].mixer).window, 0u);
}

TEST(Hostile, AMissingHeadIsNotTheEmbedding) {
  EditedCheckpoint edited(open_golden("lfm2/model.gguf"));
  EXPECT_EQ(outcome(edited), "");
  edited.set("hearth.tie_word_embeddings", false);
  EXPECT_NE(outcome(edited).find("no output head"), std::string::npos);
}

TEST(Hostile, AnUnknownArchitectureListsTheKnownOnes) {
  EditedCheckpoint edited(open_golden("llama2/model.gguf"));
  edited.set("general.architecture", std::string("perceptron"));
  const auto plan = model::read_plan(edited);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kUnsupported);
  for (const model::ArchSpec* spec : model::arch_specs())
    EXPECT_NE(plan.error().text().find(spec->names[0]), std::string::npos) << spec->names[0];
}

TEST(Hostile, QuantizedFoldersSayWhatTheyNeed) {
  EditedCheckpoint edited(open_golden("llama2"));
  edited.set("hearth.quantization", std::string("gptq"));
  const auto backend = ops::reference::make_backend();
  const auto model = model::load(edited, *backend);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(model.error().text().find("quantized with gptq"), std::string::npos) << model.error().text();
}

// Weights that are right only after a scale of another tensor are not taken for weights.
TEST(Hostile, CodesAreNoWeights) {
  for (const std::string& path : {"llama2/model.gguf", "qwen3moe", "qwen3moe/model.gguf"}) {
    const auto files = open_golden(path);
    for (size_t i = 0; i < files->tensors().size(); ++i) {
      const checkpoint::TensorInfo& tensor = files->tensors()[i];
      if (tensor.shape.rank() < 2) continue;
      EditedCheckpoint integers(files);
      integers.retype(i, "i8");
      EXPECT_NE(outcome(integers).find("tensor " + tensor.name + " holds integer codes"), std::string::npos) << tensor.name;
      const std::string scale = tensor.name.substr(0, tensor.name.rfind('.')) + ".scale";
      EXPECT_NE(outcome(EditedCheckpoint(files, scale, 0.5f)).find("tensor " + scale + " scales " + tensor.name), std::string::npos) << scale;
    }
    EXPECT_EQ(outcome(EditedCheckpoint(files, "blk.0.attn_q.scale", 1.0f)), "");
    EXPECT_EQ(outcome(EditedCheckpoint(files, "blk.0.attn_q.input_scale", 0.5f)), "");
  }
}

TEST(Hostile, AFileThatChangesWhileItIsReadIsRefused) {
  const TestFolder folder;
  const std::string path = folder.path("model.gguf");
  std::filesystem::copy_file(source_path("tests/golden/models/llama2/model.gguf"), path);
  const auto files = checkpoint::open(path);
  ASSERT_TRUE(files);
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_NE(outcome(**files).find(path + ": the file changed while it was read"), std::string::npos);
}

// Every key of every golden file absent and with every kind of wrong value: an error or a model that runs.
TEST(Hostile, NoKeyCanCrashTheModel) {
  const std::vector<Metadata::Value> values = {int64_t{0},
                                               int64_t{-1},
                                               int64_t{1},
                                               int64_t{3},
                                               int64_t{65536},
                                               int64_t{1} << 32,
                                               std::numeric_limits<int64_t>::max(),
                                               std::numeric_limits<uint64_t>::max(),
                                               std::numeric_limits<double>::quiet_NaN(),
                                               std::numeric_limits<double>::infinity(),
                                               -0.5,
                                               1e-30,
                                               1e30,
                                               false,
                                               true,
                                               std::string(),
                                               std::vector<bool>{true},
                                               std::vector<int64_t>{0, 0},
                                               std::vector<double>{std::numeric_limits<double>::quiet_NaN()},
                                               std::vector<std::string>{"x"}};
  const auto cases = golden_cases();
  ASSERT_TRUE(cases) << cases.error().text();
  size_t count = 0;
  for (const GoldenCase& golden : *cases)
    for (const std::string& path : {golden.name, golden.name + "/model.gguf"}) {
      const auto files = open_golden(path);
      for (const auto& [key, original] : files->metadata().entries()) {
        if (!key.starts_with(golden.arch) && !key.starts_with("hearth.")) continue;
        EditedCheckpoint without(files);
        without.remove_key(key);
        outcome(without);
        for (const Metadata::Value& value : values) {
          EditedCheckpoint edited(files);
          edited.set(key, value);
          outcome(edited);
        }
        count += 1 + values.size();
      }
    }
  count_cases("hostile models", count);
}

// Tensors that a file may lack: the head (then it is the embedding table), biases, and what only refines the rotation.
// A layer of experts that lacks its dense gate is taken for one with a router, and the router is named.
TEST(Hostile, MissingTensorsAreNamed) {
  const auto cases = golden_cases();
  ASSERT_TRUE(cases) << cases.error().text();
  size_t count = 0;
  for (const GoldenCase& golden : *cases) {
    const auto files = open_golden(golden.name + "/model.gguf");
    for (size_t i = 0; i < files->tensors().size(); ++i, ++count) {
      const std::string name = files->tensors()[i].name;
      const std::string error = outcome(EditedCheckpoint(files, /*without_tensor=*/i));
      const bool is_optional = name == "output.weight" || name.starts_with("rope_f") || name.ends_with(".bias");
      const bool names_router =
          name.ends_with("ffn_gate.weight") && error.find("ffn_gate_inp.weight") != std::string::npos;
      EXPECT_TRUE(is_optional || names_router || error.find(name) != std::string::npos)
          << golden.name << " without " << name << ": " << error;
    }
  }
  count_cases("hostile models", count);
}

TEST(Hostile, WrongShapesAreNamedWithThePlan) {
  const auto cases = golden_cases();
  ASSERT_TRUE(cases) << cases.error().text();
  size_t count = 0;
  for (const GoldenCase& golden : *cases) {
    const auto files = open_golden(golden.name + "/model.gguf");
    for (size_t i = 0; i < files->tensors().size(); ++i) {
      const checkpoint::TensorInfo& tensor = files->tensors()[i];
      const Shape swapped{tensor.shape.columns(), tensor.shape.rows()};
      if (tensor.shape.rank() < 2 || swapped == tensor.shape || tensor.name.ends_with("conv.weight")) continue;
      EditedCheckpoint edited(files);
      edited.reshape(i, swapped);
      const std::string error = outcome(edited);
      EXPECT_NE(error.find(fmt::format("tensor {} is {}, the plan says ", tensor.name, swapped.text())),
                std::string::npos)
          << golden.name << ": " << error;
      ++count;
    }
  }
  EXPECT_GT(count, 200u);
  count_cases("hostile models", count);
}

}  // namespace
}  // namespace hearth::testing

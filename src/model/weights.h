#pragma once
// Reads a checkpoint's tensors by canonical name, holds each to the shape the plan says, and packs them into a backend.
// The first error stays inside: after it every call returns nothing at once, and status() tells.
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"
#include "ops/backend.h"

namespace hearth::model {

// Numbers that operations read as plain f32: norms, biases, convolution kernels.
class Vector {
 public:
  Vector() = default;
  explicit Vector(Buffer memory) : memory_(std::move(memory)) {}
  const float* values() const { return memory_.size() == 0 ? nullptr : memory_.as<float>(); }  // null: absent
  bool empty() const { return memory_.size() == 0; }

 private:
  Buffer memory_;
};

using WeightPtr = std::unique_ptr<ops::Weight>;

class Weights {
 public:
  // kHeadersOnly: shapes are checked and sizes counted, but no tensor is read, and finish() must not be called.
  enum class Reading : uint8_t { kTensors, kHeadersOnly };

  Weights(const checkpoint::Checkpoint& files, ops::Backend& backend, const ModelPlan& plan,
          Reading reading = Reading::kTensors);

  const ModelPlan& plan() const { return plan_; }
  bool has(std::string_view name) const { return files_.find(name) != nullptr; }

  Result<void> status() const;

  // One matrix, or several stacked along their rows. Errors name the tensor that is missing or of another shape.
  struct Part {
    std::string name;
    uint64_t rows;
  };
  WeightPtr matrix(const std::string& name, uint64_t rows, uint32_t columns);
  WeightPtr stacked(std::span<const Part> parts, uint32_t columns);

  // The same rows, in the same parts, whether the file holds them in one tensor, `fused`, or in one tensor per part.
  WeightPtr fused_or_stacked(const std::string& fused, std::span<const Part> parts, uint32_t columns);

  // For each of `count` experts the rows of its parts, stacked, whether the file holds them in one tensor, `fused`, or apart. A
  // part is a tensor with the rows of all experts, "blk.0.ffn_up_exps.weight", or, where that is absent, one tensor per
  // expert, "blk.0.ffn_up.3.weight".
  std::vector<WeightPtr> experts(const std::string& fused, std::span<const Part> parts, uint32_t count, uint32_t columns);

  // Values of any shape, decoded, part after part. norm() adds the plan's norm_offset.
  Vector vector(const std::string& name, uint64_t count);
  Vector fused_or_joined(const std::string& fused, std::span<const Part> parts);
  Vector norm(const std::string& name, uint64_t count);

  // Packs what was asked for, all at once; before it no weight has values. Errors: kBadFile where a file changed meanwhile.
  Result<void> finish(const std::function<void(uint64_t done, uint64_t total)>& progress, ops::ImageStore* kept);

  uint64_t resident_bytes() const { return packing_->bytes() + vector_bytes_; }

  // Tensors nobody asked for, in one line: a file's vision tower, or, as a warning, a part of a layer that the plan overlooks.
  void report_unused() const;

 private:
  bool is_fused(const std::string& fused, std::span<const Part> parts);
  Result<const checkpoint::TensorInfo*> require(const std::string& name);
  Result<void> refuse_codes(const checkpoint::TensorInfo& tensor);
  Result<ops::WeightSource> source(const std::string& name, uint64_t rows, uint32_t columns);
  Result<ops::WeightSource> expert_source(const Part& part, uint32_t expert, uint32_t count, uint32_t columns);
  Result<WeightPtr> pack(std::span<const ops::WeightSource> sources);
  Result<Vector> decode(std::span<const Part> parts, float offset);
  Result<std::span<const std::byte>> bytes(const checkpoint::TensorInfo& tensor) const;
  void release(std::span<const std::byte> bytes) const;
  Failure wrong_shape(const checkpoint::TensorInfo& tensor, const std::string& planned) const;

  template <class T>
  T keep(Result<T> result);  // the value, or nothing and the error kept

  const checkpoint::Checkpoint& files_;
  ops::Backend& backend_;
  const ModelPlan& plan_;
  const Reading reading_;
  const std::unique_ptr<ops::Packing> packing_;
  std::set<const checkpoint::TensorInfo*> used_;
  uint64_t source_bytes_ = 0, decoded_bytes_ = 0, vector_bytes_ = 0;  // of the files: packed, decoded; of vectors in memory
  std::optional<Error> error_;
};

}  // namespace hearth::model

#pragma once
// A loaded model: a plan, its weights in a backend, and one step of arithmetic. It allocates no cache: it says what a
// page and a slot must hold, and is handed views of them.
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "model/arch.h"
#include "ops/backend.h"

namespace hearth::model {

// What one page and one slot of a sequence must hold, layer by layer.
struct StateShape {
  struct KvSpec {
    uint32_t layer, group, kv_heads, k_dim, v_dim;
  };
  struct SlotSpec {
    uint32_t layer, floats;
  };
  std::vector<KvSpec> kv;               // attention layers, ascending
  std::vector<SlotSpec> slots;          // recurrent layers, ascending
  std::vector<uint32_t> group_windows;  // [group]: the window of its layers, 0 = unbounded
};

// The same, resolved to memory by the engine's cache: one entry per entry of StateShape.
struct StateView {
  std::span<const ops::KvLayer> kv;
  std::span<const ops::SlotLayer> slots;
};

// What a step does with a model's weights; the measure of how fast it could be.
struct WeightUse {
  double bytes = 0;           // read, once for all rows of a generating step
  double layer_products = 0;  // multiplications by a weight, per row, in the layers
  double head_products = 0;   // the same in the head, per row of logits
};

struct LoadOptions {
  uint32_t context =
      0;  // tokens a sequence may reach; 0: the model's own limit. Long-rope models choose factors by it.
  std::function<void(uint64_t done, uint64_t total)> progress = {};  // bytes packed, from the loading thread
  ops::ImageStore* kept = nullptr;  // packed weights of earlier runs, if somebody keeps them
};

StateShape state_shape_of(const ModelPlan& plan);

// Bytes of activations in a step of `rows` tokens, `logit_rows` of which want logits, with the backend's copy of one input.
uint64_t step_bytes(const ModelPlan& plan, uint32_t rows, uint32_t logit_rows);

class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelPlan& plan() const = 0;
  virtual const StateShape& state_shape() const = 0;
  virtual uint64_t weight_bytes() const = 0;  // resident, in the backend
  // Of a step of so many generated rows. Of experts only the chosen ones count, as many as differ if rows choose evenly.
  virtual WeightUse weight_use(uint32_t rows) const { return {}; }

  // Runs the step: appends to the caches and writes logits (step.logit_rows.size(), vocab). One call at a time.
  virtual void forward(const ops::Step& step, const StateView& state, ops::Matrix logits) = 0;
};

// The plan alone, from metadata (and the names of tensors where only they tell, such as a tied head). Errors:
// kUnsupported names an unknown architecture and the known ones; kBadFile the key.
Result<ModelPlan> read_plan(const checkpoint::Checkpoint& files, uint32_t context = 0);

// Checks every tensor's shape against the plan, packs the weights. Errors name the tensor and both shapes. The model
// keeps no reference to `files`; `backend` must outlive it.
Result<std::unique_ptr<Model>> load(const checkpoint::Checkpoint& files, ops::Backend& backend,
                                    const LoadOptions& options = {});

// What Model::weight_bytes() would be after load(), told from headers alone: no tensor is read. Errors: as load().
Result<uint64_t> weight_bytes(const checkpoint::Checkpoint& files, ops::Backend& backend, uint32_t context = 0);

}  // namespace hearth::model

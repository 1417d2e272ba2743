#pragma once
// A model ready to answer: its files, a backend, its weights in it, and an engine. Owns all four in the right order.
#include <functional>
#include <memory>
#include <string>

#include "base/options/options.h"
#include "base/result.h"
#include "base/trace.h"
#include "engine/engine.h"
#include "model/model.h"
#include "ops/backend.h"
#include "service/model_files.h"
#include "service/packs/pack_cache.h"

namespace hearth::service {

// How a model is loaded, as users write it.
struct ModelOptions {
  uint32_t context = 0;
  uint32_t threads = 0;
  std::string kv_type = "f16", k_type, v_type;  // names of ops/kv/kv_types.h; the latter two empty: as kv_type
  std::string backend = "cpu";
  std::string isa;
  bool tuned = true;          // kernels switch where `hearth bench --tune` measured
  uint32_t prefill_chunk = 512, page_size = 16;
  bool pack_cache = false;
  uint32_t pack_cache_gib = 32;
  Trace* trace = nullptr;     // no option: records what runs, unless null; outlives the model
  const bool* fill = nullptr;  // no option: while it is true, steps fill the cache at random (ops/filling_backend.h); outlives the model

  struct KvTypes {
    ops::KvType k, v;
  };
  Result<KvTypes> kv_types() const;  // kConfig: an unknown name
};
void visit(options::OptionList& v, ModelOptions& o);
options::Traits kv_type_choice();

std::string tuning_folder();  // where measurements of this machine are kept; "" without a home

// The backend that the options name. Errors: as its maker's.
Result<std::unique_ptr<ops::Backend>> make_backend(const ModelOptions& options);

// What ModelOptions say about the engine, put into the engine's options. Errors: kConfig for an unknown KV type and
// a page that does not hold whole tiles.
Result<engine::EngineOptions> with_model_options(engine::EngineOptions engine_options, const ModelOptions& options);

struct Progress {
  std::function<void(uint64_t done, uint64_t total)> loading;  // bytes; may be empty
};

class LoadedModel {
 public:
  // `engine_options`: what is not in ModelOptions (the number of sequences, the prefix cache) is taken from it as it is.
  // Errors name the file.
  static Result<std::unique_ptr<LoadedModel>> load(ModelFiles files, const ModelOptions& options,
                                                   engine::EngineOptions engine_options = {}, const Progress& progress = {});

  const ModelFiles& files() const { return files_; }
  const model::Model& model() const { return *model_; }
  ops::Backend& backend() { return *backend_; }
  engine::Engine& engine() { return *engine_; }
  const engine::Engine& engine() const { return *engine_; }
  double load_seconds() const { return load_seconds_; }
  void finish_keeping() {  // for programs that end by themselves; others give up what is not on the disk yet
    if (pack_cache_) pack_cache_->wait();
  }

 private:
  explicit LoadedModel(ModelFiles files) : files_(std::move(files)) {}

  ModelFiles files_;
  std::unique_ptr<PackCache> pack_cache_;  // null unless asked for
  std::unique_ptr<ops::Backend> backend_;
  std::unique_ptr<model::Model> model_;
  std::unique_ptr<engine::Engine> engine_;
  double load_seconds_ = 0;
};

}  // namespace hearth::service

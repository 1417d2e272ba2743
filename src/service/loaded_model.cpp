#include "service/loaded_model.h"

#include <algorithm>
#include <chrono>

#include "base/options/sources.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/filling_backend.h"
#include "ops/reference/reference_backend.h"
#include "ops/traced_backend.h"
#include "service/packs/model_identity.h"

namespace hearth::service {

options::Traits kv_type_choice() {
  options::Traits traits;
  traits.choices = ops::kv_type_names();
  return traits;
}

void visit(options::OptionList& v, ModelOptions& o) {
  using options::any;
  v.section("Model");
  v("context", o.context, "tokens that prompt and answer may take together; 0 is the model's own limit",
    options::in_range(0, 1 << 28).short_flag('c'));
  v("threads", o.threads, "processors to use; 0 is all that this process may use", options::in_range(0, 4096).short_flag('t'));
  v("kv-type", o.kv_type, "how the cache of keys and values is stored", kv_type_choice());
  v("k-type", o.k_type, "how keys are stored, where it differs from values", kv_type_choice().or_else("as kv-type"));
  v("v-type", o.v_type, "how values are stored, where it differs from keys", kv_type_choice().or_else("as kv-type"));
  v("backend", o.backend, "what computes: the fast CPU kernels, or the slow reference in f32",
    options::one_of({"cpu", "reference"}));
  v("isa", o.isa, "force an instruction set of the cpu backend", any().named("NAME").or_else("best available"));
  v("tuned", o.tuned, "let kernels change where `hearth bench --tune` measured on this machine");
  v("prefill-chunk", o.prefill_chunk, "prompt tokens computed in one step", options::in_range(1, 1 << 20));
  v("page-size", o.page_size, "tokens in a page of the cache, a multiple of 16; only whole pages of a prompt are found again",
    options::in_range(16, 1024));
  v("pack-cache", o.pack_cache, "keep packed weights on disk and map them at the next start");
  v("pack-cache-size", o.pack_cache_gib, "gibibytes that kept weights may take; the model used longest ago goes first",
    options::in_range(1, 1 << 20).named("GIB"));
}

Result<ModelOptions::KvTypes> ModelOptions::kv_types() const {
  HEARTH_TRY(k, ops::find_kv_type(k_type.empty() ? kv_type : k_type));
  HEARTH_TRY(v, ops::find_kv_type(v_type.empty() ? kv_type : v_type));
  return KvTypes{k, v};
}

std::string tuning_folder() {
  const std::string folder = options::state_folder();
  return folder.empty() ? "" : folder + "/tuning";
}

Result<std::unique_ptr<ops::Backend>> make_backend(const ModelOptions& options) {
  auto backend = options.backend == "reference"
                     ? Result<std::unique_ptr<ops::Backend>>(ops::reference::make_backend())
                     : ops::cpu::make_backend({.threads = options.threads,
                                               .isa = options.isa,
                                               .tuning_folder = options.tuned ? tuning_folder() : "",
                                               .trace = options.trace});
  if (backend && options.fill != nullptr) backend = ops::make_filling_backend(std::move(*backend), *options.fill);
  if (backend && options.trace != nullptr) return ops::make_traced_backend(std::move(*backend), *options.trace);
  return backend;
}

// What decides the bits of a cached page beside its tokens: the weights, what the model does with them, and the kernels.
static std::string page_identity(const checkpoint::Checkpoint& weights, const ops::Backend& backend) {
  std::string kernels = backend.summary();
  kernels.resize(std::min(kernels.size(), kernels.rfind(", ")));  // the number of threads changes no bit
  const ModelIdentity identity = identify(weights);
  return fmt::format("{}\n{:016x} {:016x} {:016x}", kernels, identity.key, identity.stamp, metadata_hash(weights.metadata()));
}

Result<engine::EngineOptions> with_model_options(engine::EngineOptions engine_options, const ModelOptions& options) {
  HEARTH_TRY(kv_types, options.kv_types());
  engine_options.context = options.context;
  engine_options.prefill_chunk = options.prefill_chunk;
  if (options.page_size % ops::kKvTile != 0)
    return fail(ErrorCode::kConfig, "page-size is {}, it must be a multiple of {}, as keys and values lie in tiles of so many tokens",
                options.page_size, ops::kKvTile);
  engine_options.page_tokens = options.page_size;
  engine_options.k_type = kv_types.k;
  engine_options.v_type = kv_types.v;
  return engine_options;
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(ModelFiles files, const ModelOptions& options,
                                                       engine::EngineOptions engine_options, const Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_ptr<LoadedModel> loaded(new LoadedModel(std::move(files)));
  const std::string& path = loaded->files_.path();
  HEARTH_TRY(backend, make_backend(options));
  loaded->backend_ = std::move(backend);
  if (const std::string folder = pack_cache_folder(); options.pack_cache && !folder.empty())
    loaded->pack_cache_ = std::make_unique<PackCache>(
        loaded->files_.checkpoint(), PackCacheOptions{.folder = folder, .most_bytes = uint64_t{options.pack_cache_gib} << 30});
  auto model = model::load(loaded->files_.checkpoint(), *loaded->backend_,
                           {.context = options.context, .progress = progress.loading, .kept = loaded->pack_cache_.get()});
  if (!model) return at(path, std::move(model).error());
  loaded->model_ = std::move(*model);

  if (!engine_options.disk_cache.folder.empty() && engine_options.disk_cache.model.empty())
    engine_options.disk_cache.model = page_identity(loaded->files_.checkpoint(), *loaded->backend_);
  HEARTH_TRY(complete, with_model_options(std::move(engine_options), options));
  auto engine = engine::make_engine(*loaded->model_, *loaded->backend_, complete);
  if (!engine) return at(path, std::move(engine).error());
  loaded->engine_ = std::move(*engine);
  loaded->load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return loaded;
}

}  // namespace hearth::service

#include "apps/model_loading.h"

#include "base/log.h"

namespace hearth::apps {

Result<std::unique_ptr<service::LoadedModel>> load_model(const Console& console, service::ModelFiles files,
                                                         const service::ModelOptions& options,
                                                         engine::EngineOptions engine_options) {
  for (const auto& tensor : files.checkpoint().unreadable())
    log::info("{}: tensor {} is left out: {}", files.path(), tensor.name, tensor.reason);
  std::unique_ptr<service::LoadedModel> loaded;
  {
    ProgressLine line(console, "loading " + files.name());
    const service::Progress progress{[&](uint64_t done, uint64_t total) { line.update(done, total); }};
    HEARTH_TRY(model, service::LoadedModel::load(std::move(files), options, engine_options, progress));
    loaded = std::move(model);
  }
  log::info("{}: loaded in {:.2f} s; {}; {}", loaded->files().path(), loaded->load_seconds(), loaded->backend().summary(),
            loaded->engine().summary());
  const uint32_t limit = loaded->model().plan().context;
  if (limit != 0 && loaded->engine().context() > limit)
    console.note(fmt::format("the context of {} tokens is longer than the {} the model was made for",
                             loaded->engine().context(), limit));
  return loaded;
}

}  // namespace hearth::apps

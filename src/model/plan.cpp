// From metadata to a checked plan: finds the architecture, lets it describe the model, and holds the result to what the
// blocks rely on.
#include <algorithm>

#include "model/arch.h"
#include "model/model.h"

namespace hearth::model {

#define HEARTH_ARCH(spec) extern const ArchSpec spec;
#include "model/archs.def"
#undef HEARTH_ARCH

std::span<const ArchSpec* const> arch_specs() {
#define HEARTH_ARCH(spec) &spec,
  static constexpr const ArchSpec* kSpecs[] = {
#include "model/archs.def"
  };
#undef HEARTH_ARCH
  return kSpecs;
}

static Result<const ArchSpec*> find_arch(std::string_view name) {
  std::string known;
  for (const ArchSpec* spec : arch_specs()) {
    if (std::ranges::find(spec->names, name) != spec->names.end()) return spec;
    known += (known.empty() ? "" : ", ") + std::string(spec->names[0]);
  }
  return fail(ErrorCode::kUnsupported, "architecture \"{}\" is not supported; supported are {}", name, known);
}

static Result<void> check(const ModelPlan& plan) {
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const auto* attention = std::get_if<Attention>(&plan.layers[i].mixer);
    if (attention != nullptr && attention->kv_heads == 0)
      return fail(ErrorCode::kBadFile, "layer {} has attention, but key {}.attention.head_count_kv says 0 heads", i,
                  plan.arch);
  }
  return {};
}

Result<ModelPlan> read_plan(const checkpoint::Checkpoint& files, uint32_t context) {
  const Metadata& meta = files.metadata();
  if (files.tensors().empty()) return fail(ErrorCode::kUnsupported, "there are no weights in it, a vocabulary at most; get the whole model");
  HEARTH_TRY(name, meta.text("general.architecture"));
  HEARTH_TRY(spec, find_arch(name));
  HEARTH_TRY(plan, spec->plan({.meta = meta, .arch = name, .context = context, .files = files}));
  HEARTH_TRY_VOID(check(plan));
  return plan;
}

}  // namespace hearth::model

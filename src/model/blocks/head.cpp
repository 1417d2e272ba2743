#include "model/blocks/head.h"

namespace hearth::model {

Embedding::Embedding(Weights& weights) : width_(weights.plan().width), scale_(weights.plan().embed_scale) {
  table_ = weights.matrix("token_embd.weight", weights.plan().vocab, width_);
}

ops::Matrix Embedding::forward(ops::Backend& backend, Scratch& scratch, const ops::Step& step) const {
  const ops::Matrix x = scratch.matrix(Purpose::kResidual, step.rows(), width_);
  backend.embed(*table_, step.tokens, x);
  if (scale_ != 1) backend.scale(x, scale_);
  return x;
}

Head::Head(Weights& weights) : softcap_(weights.plan().logit_softcap), scale_(weights.plan().logit_scale) {
  const ModelPlan& plan = weights.plan();
  norm_ = weights.norm(std::string(plan.final_norm), plan.width);
  if (!plan.tied_head) own_ = weights.matrix("output.weight", plan.vocab, plan.width);
}

void Head::forward(const StepRun& run, const Embedding& embedding, ops::ConstMatrix x, ops::Matrix logits) const {
  const auto rows = run.step.logit_rows;
  if (rows.empty()) return;
  const ops::Matrix wanted = run.scratch.matrix(Purpose::kWanted, static_cast<uint32_t>(rows.size()), x.columns);
  run.backend.gather_rows(x, rows, wanted);
  const ops::NormOptions norm{.weight = norm_.values(), .eps = run.norm_eps};
  run.backend.matmul(weight(embedding), wanted, logits, {.norm = &norm});
  if (scale_ != 1) run.backend.scale(logits, scale_);
  if (softcap_ != 0) run.backend.softcap(logits, softcap_);
}

}  // namespace hearth::model

#pragma once
// Both ends of a model: token ids to the residual stream, and the stream's wanted rows to logits. A tied head is the
// embedding table used twice.
#include "model/blocks/block.h"

namespace hearth::model {

class Embedding {
 public:
  explicit Embedding(Weights& weights);
  ops::Matrix forward(ops::Backend& backend, Scratch& scratch, const ops::Step& step) const;  // (rows, width)
  const ops::Weight& table() const { return *table_; }

 private:
  uint32_t width_;
  float scale_;
  WeightPtr table_;
};

class Head {
 public:
  explicit Head(Weights& weights);
  // logits: (step.logit_rows.size(), vocab)
  void forward(const StepRun& run, const Embedding& embedding, ops::ConstMatrix x, ops::Matrix logits) const;
  const ops::Weight& weight(const Embedding& embedding) const { return own_ ? *own_ : embedding.table(); }

 private:
  float softcap_, scale_;
  Vector norm_;
  WeightPtr own_;  // null: tied
};

}  // namespace hearth::model

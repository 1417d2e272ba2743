#include "engine/runner.h"

#include "base/check.h"

namespace hearth::engine {

Runner::Runner(model::Model& model, ops::Backend& backend, PagePool& pages, RecurrentPool& slots)
    : model_(model), backend_(backend), pages_(pages), slots_(slots) {}

void Runner::add_rows(const Grant& grant) {
  const Sequence& sequence = *grant.sequence;
  const uint32_t first_row = static_cast<uint32_t>(tokens_.size());
  for (uint32_t i = 0; i < grant.rows; ++i) {
    tokens_.push_back(sequence.tokens()[sequence.past() + i]);
    positions_.push_back(static_cast<int32_t>(sequence.past() + i));
  }
  const uint32_t first_logit = sequence.first_logit_row(grant.rows);
  ranges_.push_back({first_logit, static_cast<uint32_t>(logit_rows_.size()), static_cast<uint32_t>(last_rows_.size())});
  for (uint32_t i = first_logit; i < grant.rows; ++i) logit_rows_.push_back(first_row + i);
  if (first_logit < grant.rows) last_rows_.push_back(static_cast<uint32_t>(logit_rows_.size() - 1));

  for (const auto& list : sequence.pages.lists) page_lists_.push_back(list);
  sequences_.push_back({.first_row = first_row, .rows = grant.rows, .past = sequence.past(), .pages = {}, .slot = sequence.slot()});
}

void Runner::move(std::span<const PageMove> pages, std::span<const SlotMove> slots) {
  for (const PageMove& move : pages) pages_.move(move);
  for (const SlotMove& move : slots) slots_.copy(move.from, move.to);
}

void Runner::run(std::span<const Grant> grants) {
  for (auto* column : {&tokens_, &positions_}) column->clear();
  page_lists_.clear();
  sequences_.clear();
  logit_rows_.clear();
  last_rows_.clear();
  ranges_.clear();
  uint32_t generated_rows = 0;
  for (const Grant& grant : grants) {
    if (grant.sequence->past() == 0) slots_.clear(grant.sequence->slot());
    if (!grant.sequence->is_in_prompt()) generated_rows += grant.rows;
    add_rows(grant);
  }
  const size_t groups = page_lists_.size() / grants.size();  // known only now that page_lists_ no longer moves
  for (size_t i = 0; i < sequences_.size(); ++i) sequences_[i].pages = std::span(page_lists_).subspan(i * groups, groups);

  const uint32_t vocab = model_.plan().vocab;
  const size_t bytes = logit_rows_.size() * vocab * sizeof(float);
  if (logits_.size() < bytes) logits_ = backend_.allocate(bytes);
  const ops::Step step{.tokens = tokens_, .positions = positions_, .sequences = sequences_, .generated_rows = generated_rows,
                       .logit_rows = logit_rows_};
  const ops::Matrix logits{.values = logits_.as<float>(), .rows = static_cast<uint32_t>(logit_rows_.size()), .columns = vocab, .stride = vocab};
  model_.forward(step, {.kv = pages_.layers(), .slots = slots_.layers()}, logits);
  sums_.resize(last_rows_.size());
  backend_.softmax_sums(logits, last_rows_, sums_);
}

std::span<const float> Runner::logits(size_t grant, uint32_t row) const {
  const LogitRange& range = ranges_[grant];
  HEARTH_CHECK(row >= range.first_row, "these logits were not wanted");
  const size_t vocab = model_.plan().vocab;
  return {logits_.as<float>() + (range.offset + row - range.first_row) * vocab, vocab};
}

}  // namespace hearth::engine

#pragma once
// Turns grants into one ops::Step, runs the model, and finds each sequence's logits.
#include <cstdint>
#include <span>
#include <vector>

#include "engine/cache/page_pool.h"
#include "engine/cache/recurrent_pool.h"
#include "engine/scheduler.h"
#include "model/model.h"
#include "ops/backend.h"

namespace hearth::engine {

class Runner {
 public:
  // All must outlive the runner. Logits must be addressable by this process.
  Runner(model::Model& model, ops::Backend& backend, PagePool& pages, RecurrentPool& slots);

  // Copies what the books have moved, in order. Before run().
  void move(std::span<const PageMove> pages, std::span<const SlotMove> slots);
  void run(std::span<const Grant> grants);

  // Of the last run: logits after `row` of the grant's rows, wanted by Sequence::first_logit_row. Valid until the next run.
  std::span<const float> logits(size_t grant, uint32_t row) const;
  // Of the logits after the grant's last row, where those are wanted.
  const ops::SoftmaxSums& sums(size_t grant) const { return sums_[ranges_[grant].sums]; }

 private:
  void add_rows(const Grant& grant);

  model::Model& model_;
  ops::Backend& backend_;
  PagePool& pages_;
  RecurrentPool& slots_;
  Buffer logits_;  // (rows, vocab), grown to the largest step

  // One step, rebuilt in place.
  std::vector<int32_t> tokens_, positions_;
  std::vector<std::span<const uint32_t>> page_lists_;  // [grant][group]
  std::vector<ops::SequenceRows> sequences_;
  std::vector<uint32_t> logit_rows_;
  struct LogitRange {
    uint32_t first_row, offset;  // row of the grant -> row of logits_
    uint32_t sums;               // place in sums_
  };
  std::vector<LogitRange> ranges_;       // [grant]
  std::vector<uint32_t> last_rows_;      // of logits_, of each grant that wants any
  std::vector<ops::SoftmaxSums> sums_;   // of these
};

}  // namespace hearth::engine

#pragma once
// One generation: what was asked, the tokens known so far, and how many of them are in the cache.
//
//   waiting --start--> prefilling --prompt cached--> decoding --finish--> finished
//      ^------------------- preempt -------------------'   (pages given back; everything known is computed again later)
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/cache/cache.h"
#include "engine/cache/persistent_key.h"
#include "engine/request.h"
#include "engine/sampling/chain.h"

namespace hearth::engine {

// What a sequence has to do with prefixes on disk (disk_tier.h).
struct DiskTrail {
  std::vector<PageKey> keys;        // of the whole pages of its prompt, as far as they are kept; empty: nothing to do with it
  uint32_t stored = 0;              // leading pages that are on disk or on the way
  uint64_t bytes = 0;               // of those, and of its states
  bool is_asked = false, is_waiting = false;
  uint32_t from = 0, to = 0;        // tokens of the prompt that came from the disk, in one part or several
};

class Sequence {
 public:
  enum class Stage : uint8_t { kWaiting, kPrefilling, kDecoding, kFinished };

  // Times are seconds of the engine's clock. Sequences of one family have the same prompt: the id of its first.
  Sequence(RequestId id, RequestId family, Request request, Chain chain, std::shared_ptr<EventSink> sink, double now);

  RequestId id() const { return id_; }
  RequestId family() const { return family_; }
  Stage stage() const { return stage_; }
  const Request& request() const { return request_; }          // its prompt moved to tokens()
  EventSink& sink() { return *sink_; }
  Chain& chain() { return chain_; }

  std::span<const int32_t> tokens() const { return tokens_; }  // prompt, then generated
  std::span<const int32_t> prompt() const { return tokens().first(prompt_tokens_); }
  uint32_t known() const { return static_cast<uint32_t>(tokens_.size()); }
  uint32_t prompt_tokens() const { return prompt_tokens_; }
  uint32_t generated_tokens() const { return known() - prompt_tokens_; }
  uint32_t past() const { return past_; }                      // tokens in the cache
  uint32_t slot() const { return slot_; }                      // while running, or swapped out
  const SnapshotStops& stops() const { return stops_; }
  void share_until(uint32_t position) { stops_.shared = position; }
  uint32_t passed_over() const { return passed_over_; }        // how many younger ones started before it
  void pass_over() { ++passed_over_; }
  bool has_started() const { return has_started_; }            // once at least
  double deadline() const;                                     // infinity: none

  // Prompt tokens and generated ones never share a step of one sequence: they go through different kernels.
  bool is_in_prompt() const { return past_ < prompt_tokens_; }
  uint32_t computable_rows() const { return (is_in_prompt() ? prompt_tokens_ : known()) - past_; }
  bool is_decoding() const { return !is_in_prompt() && computable_rows() == 1; }  // not so while recomputing after a preemption
  // Of the next `rows` rows, the first whose logits are wanted (== rows: none). From there on, all are.
  uint32_t first_logit_row(uint32_t rows) const;

  // waiting -> prefilling, with `cached` tokens found in the cache
  void start(uint32_t cached, uint32_t slot, const SnapshotStops& stops, double now);
  // waiting -> decoding, as a copy of one that has computed its prompt and chosen nothing
  void start_as_fork(const Sequence& leader, uint32_t slot, double now);
  void preempt();                              // -> waiting; its pages and slot are free for others
  void swap_out(uint32_t swap_slot);           // -> waiting, keeping what it has computed
  void resume(uint32_t slot);                  // waiting -> as it was before it was swapped out
  void start_over();                           // -> waiting; whatever books knew of it is void
  void advance(uint32_t rows);                 // so many more tokens are in the cache
  void expect_token() {  // append() will not fail
    if (tokens_.size() == tokens_.capacity()) tokens_.reserve(tokens_.size() + tokens_.size() / 2 + 1);
  }
  // A generated token; all known tokens were computed. Returns the seconds since the token before it, or since submit.
  double append(int32_t token, double now);
  uint32_t reported_prompt() const { return reported_prompt_; }  // leading prompt tokens the caller was told of
  void report_prompt() { reported_prompt_ = past_; }
  Finish finish(FinishReason reason);          // -> finished; the figures for the caller

  SequencePages pages;
  DiskTrail disk;
  std::optional<PrefixMiss> miss;

 private:
  void note_start(uint32_t cached, double now);

  const RequestId id_, family_;
  const uint32_t prompt_tokens_;
  std::vector<int32_t> tokens_;
  const Request request_;
  Stage stage_ = Stage::kWaiting;
  uint32_t past_ = 0, slot_ = 0, cached_ = 0, from_disk_ = 0, reported_prompt_ = 0;
  uint32_t preemptions_ = 0, passed_over_ = 0;
  SnapshotStops stops_;
  bool has_started_ = false;
  Chain chain_;
  std::shared_ptr<EventSink> sink_;
  const double submitted_;
  double started_ = 0, first_token_ = 0, last_token_ = 0, longest_gap_ = 0;
};

}  // namespace hearth::engine

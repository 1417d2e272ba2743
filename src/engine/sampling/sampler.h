#pragma once
// What a sampler is: one step of the chain that narrows or reweighs the candidates for the next token. One file per sampler
// in samplers/, one line in samplers.def.
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/options.h"

namespace hearth::engine {

// The choice of one token. Its one uniform number in [0, 1) serves every decision: who uses a part of it leaves a fresh one.
struct Turn {
  Candidates& candidates;
  std::span<const int32_t> history;  // the sequence so far, prompt included
  double& uniform;
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual void apply(Turn& turn) = 0;
  virtual void chosen(double probability) {}  // the token was chosen from what remained, where it had this probability
};

struct SamplerSpec {
  std::string_view name, alias;               // as users name it in SamplingOptions::order
  enum class Place : uint8_t { kFirst, kOrdered, kLast } place = Place::kOrdered;  // only kOrdered ones may be named there
  bool shapes_greedy = false;                 // takes part at temperature 0
  bool truncates = false;                     // mirostat replaces it
  Result<void> (*check)(const SamplingOptions& options, uint32_t vocab) = nullptr;  // its own fields
  std::unique_ptr<Sampler> (*make)(const SamplingOptions& options, uint32_t vocab) = nullptr;  // null: its options are neutral
};

// Refuses what is not a number, or outside [low, high]: "sampling.top_p is 1.5, it must be between 0 and 1".
Result<void> check_range(std::string_view field, double value, double low, double high);

// The newest tokens of `history`: `last_n` of them, or all where it is -1.
std::span<const int32_t> newest(std::span<const int32_t> history, int32_t last_n);

}  // namespace hearth::engine

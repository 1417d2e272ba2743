#pragma once
// What a server's metrics say at one moment, and what happened between two such moments.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/top/metrics_text.h"
#include "base/json.h"
#include "base/result.h"

namespace hearth::apps {

// A histogram: how many values were not above each bound. Bounds rise; the last is infinite.
struct Distribution {
  std::vector<double> bounds;
  std::vector<double> counts;

  double total() const { return counts.empty() ? 0 : counts.back(); }

  // The value that the share `q` of all values does not exceed, as far as the bounds tell: linear within its bucket, the
  // largest finite bound when it is above that. Nothing where there are no values.
  std::optional<double> quantile(double q) const;
};

struct ModelReading {
  std::string name;
  double running = 0, waiting = 0;                              // requests
  double pages_used = 0, pages_kept = 0, pages_free = 0;
  double prompt_tokens = 0, generated_tokens = 0;               // counters: computed, generated
  double asked_tokens = 0, cached_tokens = 0, disk_tokens = 0;  // counters: prompts of ended requests, of these from the cache; from disk
  double preemptions = 0, ended = 0, failed = 0;                // counters
  Distribution first_token, gap;                                // seconds
};

struct Reading {
  double seconds = 0;  // on any steady clock
  std::vector<ModelReading> models;
};

// Errors: kBadFile when these are not the metrics of a Hearth server, or a histogram is none.
Result<Reading> read_metrics(std::span<const Sample> samples, double seconds);

// A model now, and its counters' differences over `seconds`. A counter that fell belongs to a server that started anew, and
// counts from 0.
struct ModelActivity {
  ModelReading now, change;
  double seconds = 0;  // 0: there was no reading before

  double rate(double ModelReading::*counter) const { return seconds > 0 ? change.*counter / seconds : 0; }
  std::optional<double> memory_share() const;  // of the prompt tokens of requests that ended, 0 to 1
  std::optional<double> disk_share() const;
};
std::vector<ModelActivity> compare(const Reading* before, const Reading& now);

Json activity_json(std::span<const ModelActivity> models);

}  // namespace hearth::apps

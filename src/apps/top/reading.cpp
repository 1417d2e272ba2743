#include "apps/top/reading.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace hearth::apps {

namespace {

constexpr std::string_view kPrefix = "hearth:";

struct Field {
  std::string_view name, kind;  // of the metric, of its label "kind"
  double ModelReading::*value;
};
constexpr Field kGauges[] = {{"num_requests_running", "", &ModelReading::running},
                             {"num_requests_waiting", "", &ModelReading::waiting},
                             {"kv_pages", "used", &ModelReading::pages_used},
                             {"kv_pages", "kept", &ModelReading::pages_kept},
                             {"kv_pages", "free", &ModelReading::pages_free}};
constexpr Field kCounters[] = {{"engine_prompt_tokens_total", "", &ModelReading::prompt_tokens},
                               {"engine_generation_tokens_total", "", &ModelReading::generated_tokens},
                               {"prefix_cache_queries", "", &ModelReading::asked_tokens},
                               {"prefix_cache_hits", "", &ModelReading::cached_tokens},
                               {"disk_cache_tokens_total", "", &ModelReading::disk_tokens},
                               {"num_preemptions_total", "", &ModelReading::preemptions},
                               {"request_success_total", "", &ModelReading::ended},
                               {"request_failures_total", "", &ModelReading::failed}};

struct Histogram {
  std::string_view name;
  Distribution ModelReading::*value;
};
constexpr Histogram kHistograms[] = {{"time_to_first_token_seconds_bucket", &ModelReading::first_token},
                                     {"inter_token_latency_seconds_bucket", &ModelReading::gap}};

Result<void> add_bucket(Distribution& out, const Sample& sample) {
  const std::string_view text = sample.label("le");
  double bound = std::numeric_limits<double>::infinity();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bound);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  const bool rises = out.bounds.empty() || (bound > out.bounds.back() && sample.value >= out.counts.back());
  if ((text != "+Inf" && !is_number) || !rises || !(sample.value >= 0))
    return fail(ErrorCode::kBadFile, "{}: the bucket '{}' is out of order", sample.name, text);
  out.bounds.push_back(bound);
  out.counts.push_back(sample.value);
  return {};
}

Result<void> take(ModelReading& model, const Sample& sample, std::string_view name) {
  for (const auto& fields : {std::span<const Field>(kGauges), std::span<const Field>(kCounters)})
    for (const Field& field : fields)
      if (field.name == name && (field.kind.empty() || field.kind == sample.label("kind"))) model.*field.value += sample.value;
  for (const Histogram& histogram : kHistograms)
    if (histogram.name == name) HEARTH_TRY_VOID(add_bucket(model.*histogram.value, sample));
  return {};
}

Distribution difference(const Distribution& before, const Distribution& now) {
  Distribution out = now;
  if (before.bounds != now.bounds) return out;
  for (size_t i = 0; i < now.counts.size(); ++i)
    if (now.counts[i] < before.counts[i]) return out;
  for (size_t i = 0; i < now.counts.size(); ++i) out.counts[i] -= before.counts[i];
  return out;
}

ModelReading difference(const ModelReading& before, const ModelReading& now) {
  ModelReading out = now;
  for (const Field& field : kCounters) {
    const double change = now.*field.value - before.*field.value;
    out.*field.value = change < 0 ? now.*field.value : change;
  }
  for (const Histogram& histogram : kHistograms) out.*histogram.value = difference(before.*histogram.value, now.*histogram.value);
  return out;
}

Json or_null(std::optional<double> value) { return value ? Json(*value) : Json(); }

Json distribution_json(const Distribution& values) {
  return Json::object({{"count", values.total()}, {"p50", or_null(values.quantile(0.5))}, {"p99", or_null(values.quantile(0.99))}});
}

}  // namespace

std::optional<double> Distribution::quantile(double q) const {
  if (total() <= 0) return {};
  const double rank = q * total();
  const auto found = std::ranges::lower_bound(counts, rank);
  const auto i = static_cast<size_t>(found - counts.begin());
  const double low = i == 0 ? 0 : bounds[i - 1], below = i == 0 ? 0 : counts[i - 1];
  if (std::isinf(bounds[i])) return low;
  return counts[i] > below ? low + (bounds[i] - low) * (rank - below) / (counts[i] - below) : bounds[i];
}

Result<Reading> read_metrics(std::span<const Sample> samples, double seconds) {
  Reading out{.seconds = seconds, .models = {}};
  bool is_hearth = false;
  for (const Sample& sample : samples) {
    if (!sample.name.starts_with(kPrefix)) continue;
    is_hearth = true;
    const std::string_view model_name = sample.label("model_name");
    if (model_name.empty()) continue;
    auto model = std::ranges::find(out.models, model_name, &ModelReading::name);
    if (model == out.models.end()) {
      out.models.emplace_back().name = model_name;
      model = out.models.end() - 1;
    }
    HEARTH_TRY_VOID(take(*model, sample, std::string_view(sample.name).substr(kPrefix.size())));
  }
  if (!is_hearth) return fail(ErrorCode::kBadFile, "these are not the metrics of a Hearth server: no name begins with {}", kPrefix);
  for (const ModelReading& model : out.models)
    for (const Histogram& histogram : kHistograms)
      if (const auto& bounds = (model.*histogram.value).bounds; !bounds.empty() && !std::isinf(bounds.back()))
        return fail(ErrorCode::kBadFile, "{}{}: the bucket '+Inf' is missing", kPrefix, histogram.name);
  return out;
}

std::optional<double> ModelActivity::memory_share() const {
  if (change.asked_tokens <= 0) return {};
  return std::max(0.0, change.cached_tokens - change.disk_tokens) / change.asked_tokens;
}

std::optional<double> ModelActivity::disk_share() const {
  if (change.asked_tokens <= 0) return {};
  return std::min(change.disk_tokens, change.cached_tokens) / change.asked_tokens;
}

std::vector<ModelActivity> compare(const Reading* before, const Reading& now) {
  std::vector<ModelActivity> out;
  for (const ModelReading& model : now.models) {
    ModelActivity activity{.now = model, .change = {}, .seconds = 0};
    if (before != nullptr) {
      const auto found = std::ranges::find(before->models, model.name, &ModelReading::name);
      activity.change = found == before->models.end() ? model : difference(*found, model);
      activity.seconds = now.seconds - before->seconds;
    }
    out.push_back(std::move(activity));
  }
  return out;
}

Json activity_json(std::span<const ModelActivity> models) {
  Json out = Json::array();
  for (const ModelActivity& model : models) {
    out.push(Json::object({{"model", model.now.name},
                           {"seconds", model.seconds},
                           {"running", model.now.running},
                           {"waiting", model.now.waiting},
                           {"ended", model.change.ended},
                           {"failed", model.change.failed},
                           {"preemptions", model.change.preemptions},
                           {"prompt_tokens_per_second", model.rate(&ModelReading::prompt_tokens)},
                           {"generated_tokens_per_second", model.rate(&ModelReading::generated_tokens)},
                           {"first_token_seconds", distribution_json(model.change.first_token)},
                           {"gap_seconds", distribution_json(model.change.gap)},
                           {"pages", Json::object({{"used", model.now.pages_used}, {"kept", model.now.pages_kept}, {"free", model.now.pages_free}})},
                           {"cache_share", Json::object({{"memory", or_null(model.memory_share())}, {"disk", or_null(model.disk_share())}})}}));
  }
  return out;
}

}  // namespace hearth::apps

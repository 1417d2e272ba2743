#include "engine/sampling/chain.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace hearth::engine {

#define HEARTH_SAMPLER(spec) extern const SamplerSpec spec;
#include "engine/sampling/samplers.def"
#undef HEARTH_SAMPLER

namespace {

using Place = SamplerSpec::Place;

constexpr const SamplerSpec* kSamplers[] = {
#define HEARTH_SAMPLER(spec) &spec,
#include "engine/sampling/samplers.def"
#undef HEARTH_SAMPLER
};

const SamplerSpec* find(std::string_view name) {
  const auto found = std::ranges::find_if(kSamplers, [&](const SamplerSpec* spec) {
    return spec->place == Place::kOrdered && (spec->name == name || spec->alias == name);
  });
  return found == std::end(kSamplers) ? nullptr : *found;
}

Result<std::vector<const SamplerSpec*>> order_of(const SamplingOptions& options) {
  std::vector<const SamplerSpec*> order;
  for (const std::string& name : options.order) {
    const SamplerSpec* spec = find(name);
    if (spec == nullptr)
      return fail(ErrorCode::kInvalidArgument, "sampling.order names \"{}\", which is none of {}", name, fmt::join(sampler_names(), ", "));
    if (std::ranges::find(order, spec) != order.end())
      return fail(ErrorCode::kInvalidArgument, "sampling.order names {} twice", spec->name);
    order.push_back(spec);
  }
  const auto add = [&](Place place, auto where) {
    for (const SamplerSpec* spec : kSamplers)
      if (spec->place == place) where = order.insert(where, spec) + 1;
  };
  if (options.order.empty()) add(Place::kOrdered, order.begin());
  add(Place::kFirst, order.begin());
  add(Place::kLast, order.end());
  return order;
}

}  // namespace

std::vector<std::string_view> sampler_names() {
  std::vector<std::string_view> names;
  for (const SamplerSpec* spec : kSamplers)
    if (spec->place == Place::kOrdered) names.push_back(spec->name);
  return names;
}

Result<void> check_range(std::string_view field, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return fail(ErrorCode::kInvalidArgument, "sampling.{} is {}, it must be between {} and {}", field, value, low, high);
}

std::span<const int32_t> newest(std::span<const int32_t> history, int32_t last_n) {
  return last_n < 0 ? history : history.last(std::min(history.size(), static_cast<size_t>(last_n)));
}

Result<Chain> Chain::make(const SamplingOptions& options, uint32_t vocab) {
  for (const SamplerSpec* spec : kSamplers) HEARTH_TRY_VOID(spec->check(options, vocab));
  HEARTH_TRY(order, order_of(options));
  return Chain(options, vocab, order);
}

Chain::Chain(const SamplingOptions& options, uint32_t vocab, std::span<const SamplerSpec* const> order)
    : is_greedy_(options.temperature == 0), random_(options.seed) {
  for (const SamplerSpec* spec : order) {
    if (is_greedy_ && !spec->shapes_greedy) continue;
    if (options.mirostat && spec->truncates) continue;
    if (auto sampler = spec->make(options, vocab)) samplers_.push_back(std::move(sampler));
  }
}

Result<int32_t> Chain::choose(Candidates& scratch, std::span<const float> logits, const Distribution& distribution,
                              std::span<const int32_t> history) {
  scratch.reset(logits, distribution);
  Random random = random_;  // drawn from for good once a token is chosen: memory may run out before
  double uniform = random.uniform();
  Turn turn{scratch, history, uniform};
  for (const auto& sampler : samplers_) sampler->apply(turn);
  if (scratch.best() == -INFINITY) return fail(ErrorCode::kInvalidArgument, "sampling.logit_bias forbids every token that is left to choose from");
  if (is_greedy_) return scratch.ranked(1)[0].token;
  const Candidates::Draw draw = scratch.draw(uniform);
  random_ = random;
  for (const auto& sampler : samplers_) sampler->chosen(draw.probability);
  return draw.token;
}

}  // namespace hearth::engine

#include "apps/plan_words.h"

#include <utility>

namespace hearth::apps {

namespace {

std::string_view activation_name(ops::Activation activation) {
  static constexpr std::string_view kNames[] = {"SiLU", "GELU (tanh)", "GELU", "ReLU", "squared ReLU"};
  return kNames[static_cast<size_t>(activation)];
}

std::string describe(const model::Attention& a, const model::ModelPlan& plan) {
  std::string out = fmt::format("attention of {} heads, {} for keys and values, {} wide", a.heads, a.kv_heads, a.head_dim);
  if (a.rope < 0) out += ", no rotary positions";
  else {
    const auto& rope = plan.ropes[static_cast<size_t>(a.rope)];
    out += fmt::format(", rotary over {} {}", rope.dims(), rope.interleaved ? "in pairs" : "in halves");
  }
  out += a.window == 0 ? "" : fmt::format(", window {}", a.window);
  if (a.qk_norm == model::QkNorm::kPerHead) out += ", normalized queries and keys";
  if (a.softcap != 0) out += fmt::format(", soft cap {}", a.softcap);
  if (a.qkv_bias || a.out_bias) out += ", with bias";
  return out;
}

std::string describe(const model::ShortConv& c, const model::ModelPlan&) {
  return fmt::format("gated convolution over {} tokens", c.taps);
}

std::string describe(const model::Dense& d, const model::ModelPlan&) {
  return fmt::format("{} hidden, {}", d.hidden, activation_name(d.activation));
}

std::string describe(const model::Moe& m, const model::ModelPlan&) {
  return fmt::format("{} of {} experts, {} hidden each, {}", m.router.active, m.experts, m.hidden, activation_name(m.activation));
}

template <class Part>
std::string words(const Part& part, const model::ModelPlan& plan) {
  return std::visit([&](const auto& kind) { return describe(kind, plan); }, part);
}

// Layers of one description, and which they are.
struct LayerKind {
  std::string text;
  std::vector<size_t> layers;
};

std::vector<LayerKind> layer_kinds(const model::ModelPlan& plan) {
  std::vector<LayerKind> kinds;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const std::string text = words(plan.layers[i].mixer, plan) + "; feed-forward: " + words(plan.layers[i].ffn, plan);
    auto known = kinds.begin();
    while (known != kinds.end() && known->text != text) ++known;
    if (known == kinds.end()) known = kinds.insert(kinds.end(), {text, {}});
    known->layers.push_back(i);
  }
  return kinds;
}

// "0-4, 7"
std::string ranges(const std::vector<size_t>& numbers) {
  std::string out;
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    out += out.empty() ? "" : ", ";
    out += last == i ? fmt::format("{}", numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last + 1;
  }
  return out;
}

}  // namespace

std::vector<std::string> plan_sentences(const model::ModelPlan& plan) {
  std::vector<std::string> out;
  out.push_back(fmt::format("{}, {} layers, width {}, vocabulary {}, context {}", plan.arch, plan.layers.size(), plan.width,
                            plan.vocab, plan.context));
  for (const auto& kind : layer_kinds(plan))
    out.push_back(fmt::format("layer{} {}: {}", kind.layers.size() == 1 ? "" : "s", ranges(kind.layers), kind.text));
  out.emplace_back(plan.tied_head ? "the head is the embedding table" : "the head has its own table");
  return out;
}

Json plan_json(const model::ModelPlan& plan) {
  Json kinds = Json::array();
  for (const auto& kind : layer_kinds(plan)) {
    Json::Array layers(kind.layers.begin(), kind.layers.end());
    kinds.push(Json::object({{"description", kind.text}, {"layers", std::move(layers)}}));
  }
  return Json::object({{"architecture", plan.arch}, {"layers", plan.layers.size()}, {"width", plan.width},
                       {"vocabulary", plan.vocab}, {"context", plan.context}, {"tied_head", plan.tied_head},
                       {"layer_kinds", std::move(kinds)}});
}

}  // namespace hearth::apps

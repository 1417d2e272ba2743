// Rotary scaling. transformers 4 writes rope_theta and rope_scaling, transformers 5 one rope_parameters, which models
// with sliding layers nest by layer kind. The result is GGUF's keys; what GGUF keeps in tensors (llama3's and
// longrope's factors) stays as parameters under keys of our own.
#include <cmath>

#include "checkpoint/huggingface/config.h"

namespace hearth::checkpoint {

namespace {

struct Rope {
  const Json* global = nullptr;   // parameters of full-attention layers, null where plain
  const Json* sliding = nullptr;  // of sliding layers, null where the same
};

Rope find_rope(const Json& config) {
  const Json* parameters = present(config, "rope_parameters");
  if (parameters == nullptr) parameters = present(config, "rope_scaling");
  if (parameters == nullptr || !parameters->is_object()) return {};
  const Json* global = present(*parameters, "full_attention");
  const Json* sliding = present(*parameters, "sliding_attention");
  if (global == nullptr && sliding == nullptr) return {parameters, nullptr};
  return {global, sliding};
}

// Sets `to` where `rope` has `from`, which must be a number.
Result<void> copy_number(const Json& rope, std::string_view from, const std::string& to, Metadata& meta) {
  if (present(rope, from) == nullptr) return {};
  HEARTH_TRY(number, rope.number(from));
  meta.set(to, number);
  return {};
}

// GGUF's name of a scaling kind; "" for none. Kinds that GGUF lacks keep Hugging Face's name. Early Phi-3 files call LongRoPE
// "su" or "yarn".
std::string scaling_kind(const Json& rope, std::string_view arch) {
  const std::string kind = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (kind == "default" || kind == "mrope") return "";
  return kind == "su" || (kind == "yarn" && arch == "phi3") ? "longrope" : kind;
}

Result<void> copy_factors(const Json& rope, std::string_view from, const std::string& to, Metadata& meta) {
  const Json* list = present(rope, from);
  if (list == nullptr || !list->is_array())
    return fail(ErrorCode::kBadFile, "rope scaling needs {}, a list of numbers", from);
  std::vector<double> out;
  for (const Json& factor : list->as_array()) {
    if (!factor.is_number())
      return fail(ErrorCode::kBadFile, "{} holds {}; it must hold numbers", from, factor.type_name());
    out.push_back(factor.as_number());
  }
  meta.set(to, std::move(out));
  return {};
}

double yarn_magnitude(double factor, double scale) { return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1.0; }

// What cosines and sines are multiplied by (arXiv 2309.00071 section 3.4, arXiv 2402.13753 section 3.2).
double attention_factor(const Json& rope, const std::string& kind, double factor, double original) {
  if (const Json* stated = present(rope, "attention_factor"); stated != nullptr && stated->is_number())
    return stated->as_number();
  const double mscale = rope.number_or("mscale", 0), all = rope.number_or("mscale_all_dim", 0);
  if (kind == "yarn" && mscale > 0 && all > 0) return yarn_magnitude(factor, mscale) / yarn_magnitude(factor, all);
  if (kind == "yarn") return yarn_magnitude(factor, 1);
  if (kind == "longrope" && factor > 1 && original > 1) return std::sqrt(1 + std::log(factor) / std::log(original));
  return 1.0;
}

Result<void> add_scaling(const Json& config, const Json& rope, const std::string& arch, Metadata& meta) {
  const std::string kind = scaling_kind(rope, arch);
  if (kind.empty()) return {};
  const std::string prefix = arch + ".rope.scaling.";
  // Phi-3 states the original length beside the parameters, and that one counts.
  const int64_t context = meta.integer_or(arch + ".context_length", 0);
  const int64_t original = config.integer_or("original_max_position_embeddings",
                                             rope.integer_or("original_max_position_embeddings", context));
  const double ratio = original > 0 ? static_cast<double>(context) / static_cast<double>(original) : 1.0;
  const double factor = rope.number_or("factor", ratio);
  meta.set(prefix + "type", kind);
  meta.set(prefix + "factor", factor);
  if (kind != "linear" && kind != "dynamic") meta.set(prefix + "original_context_length", original);
  for (const auto& [from, to] : {std::pair{"low_freq_factor", "low_freq_factor"},
                                 {"high_freq_factor", "high_freq_factor"},
                                 {"beta_fast", "yarn_beta_fast"},
                                 {"beta_slow", "yarn_beta_slow"}})
    HEARTH_TRY_VOID(copy_number(rope, from, prefix + to, meta));
  if (kind == "longrope") {
    HEARTH_TRY_VOID(copy_factors(rope, "short_factor", prefix + "short_factors", meta));
    HEARTH_TRY_VOID(copy_factors(rope, "long_factor", prefix + "long_factors", meta));
  }
  if (kind == "yarn" || kind == "longrope")
    meta.set("hearth.rope.attention_factor", attention_factor(rope, kind, factor, static_cast<double>(original)));
  return {};
}

}  // namespace

Result<void> add_rope(const Json& config, const std::string& arch, Metadata& meta) {
  const Rope rope = find_rope(config);
  double part = config.number_or("partial_rotary_factor", 1.0);
  if (rope.global != nullptr) {
    HEARTH_TRY_VOID(copy_number(*rope.global, "rope_theta", arch + ".rope.freq_base", meta));
    part = rope.global->number_or("partial_rotary_factor", part);
  }
  if (rope.sliding != nullptr)
    HEARTH_TRY_VOID(copy_number(*rope.sliding, "rope_theta", arch + ".rope.freq_base_swa", meta));
  const int64_t head = meta.integer_or(arch + ".attention.key_length", 0);
  if (head > 0 && part > 0 && part <= 1)
    meta.set(arch + ".rope.dimension_count", static_cast<int64_t>(static_cast<double>(head) * part));
  if (rope.global == nullptr) return {};
  return add_scaling(config, *rope.global, arch, meta);
}

}  // namespace hearth::checkpoint

#include "apps/quality_options.h"

#include "base/file.h"

namespace hearth::apps {

using options::any;
using options::in_range;

Result<std::string> QualityOptions::prepare(std::string_view command) {
  if (text_file.empty()) return fail(ErrorCode::kUsage, "{} needs --text FILE", command);
  model.context = window;
  return read_text_file(text_file);
}

void visit_text(options::OptionList& v, QualityOptions& o) {
  v("text", o.text_file, "the text file to predict", any().named("FILE").flag_only());
  v("window", o.window, "tokens in one window; the second half of each is scored", in_range(4, 1 << 24).flag_only());
}

void visit_model(options::OptionList& v, QualityOptions& o) {
  v.section("Model");
  v("threads", o.model.threads, "processors to use; 0 is all that this process may use", in_range(0, 4096));
  v("kv-type", o.model.kv_type, "how the cache of keys and values is stored", service::kv_type_choice().flag_only());
  v("k-type", o.model.k_type, "how keys are stored, where it differs from values",
    service::kv_type_choice().or_else("as kv-type").flag_only());
  v("v-type", o.model.v_type, "how values are stored, where it differs from keys",
    service::kv_type_choice().or_else("as kv-type").flag_only());
  v("backend", o.model.backend, "what computes", options::one_of({"cpu", "reference"}));
  v("isa", o.model.isa, "force an instruction set of the cpu backend", any().named("NAME").or_else("best available"));
  v("prefill-chunk", o.model.prefill_chunk, "prompt tokens computed in one step", in_range(1, 1 << 20));
}

}  // namespace hearth::apps

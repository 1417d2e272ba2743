#include "apps/run_options.h"

namespace hearth::apps {

using options::any;

void visit(options::OptionList& v, ChatSettings& o) {
  v.section("Chat");
  v("think", o.think, "ask the model's template for reasoning, or against it", any().or_else("the template decides"));
  v("stats", o.stats, "tell counts and speed after each answer");
  service::visit(v, o.generation);
}

void visit(options::OptionList& v, RunOptions& o) {
  v.section("Chat");
  v("system", o.system, "the system message");
  v("raw", o.raw, "continue the prompt as it stands, without a chat template", any().flag_only());
  v("chat-template", o.template_file, "use this Jinja file instead of the model's template", any().named("FILE").flag_only());
  v("stream-json", o.stream_json, "print a JSON line for each piece of the answer, then the --json object", any().flag_only());
  visit(v, o.settings);
  service::visit(v, o.model);
  o.tracing.visit(v);
}

}  // namespace hearth::apps

#pragma once
// A conversation as the variables that templates expect: OpenAI's message objects, as transformers hands them over.
#include "text/chat/template.h"
#include "text/jinja/run/interpreter.h"

namespace hearth::text {

// What a template wants to see, where templates differ. Found by probing (template.cpp).
struct ContentForm {
  bool takes_strings = true;       // "content": "text"
  bool takes_parts = false;        // "content": [{"type": "text", "text": "..."}]
  bool arguments_as_text = false;  // a call's arguments as JSON text instead of an object
  bool null_beside_calls = false;  // null instead of "" as the content of a message that has only calls
  bool knows_developers = false;   // others would pass over what a developer says, and see it as said by the system
};

// Every string that came from the conversation counts as input, but for roles and types of the protocols' own
// vocabulary: some templates build control tokens of them ("<|" + role + "|>").
// Errors: kInvalidArgument where a message has pictures and the template takes none.
Result<jinja::Variables> conversation_variables(const TemplateInput& input, const ContentForm& form);
jinja::Variables raw_variables(const Json& variables);  // of an object

}  // namespace hearth::text

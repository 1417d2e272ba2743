#pragma once
// OpenAI's conversations: messages with text, calls and results of tools, and the tools themselves.
#include "api/fields.h"
#include "service/chat_request.h"

namespace hearth::api {

// "messages", "tools" and "tool_choice" of a body.
void read_conversation(Fields& fields, service::ChatRequest& request);

// "chat_template_kwargs" and "reasoning_effort": plain values only, for the template alone.
void read_template_variables(Fields& fields, service::ChatRequest& request);

}  // namespace hearth::api

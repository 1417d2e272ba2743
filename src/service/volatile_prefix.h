#pragma once
// What clients put at the front of system prompts and change with every request. It tells the model nothing, but two prompts
// that begin differently share nothing in the prefix cache.
#include <vector>

#include "text/chat/message.h"

namespace hearth::service {

// Drops such lines where they begin a text of a system prompt: Claude Code's "x-anthropic-billing-header: ...". A text of
// which nothing is left goes, and so does its message. Marks of what a client wants cached are no part of a conversation here.
void drop_volatile_prefixes(std::vector<text::Message>& messages);

}  // namespace hearth::service

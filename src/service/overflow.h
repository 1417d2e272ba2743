#pragma once
// What to leave out of a conversation that is longer than the context.
#include <functional>

#include "service/chat_service.h"

namespace hearth::service {

struct Shortened {
  Prompt prompt;
  uint32_t dropped_turns = 0, dropped_messages = 0;
};

// Leaves out the oldest turns, as few as make the prompt fit beside an answer of max_tokens (a quarter of the context where
// that is not given, and never more than half). A turn is a user's message and all that follows it up to the next one, so
// that calls of tools stay with their results. What stands before the first turn (system prompts) and the last turn stay.
// Errors: kContextExceeded when those alone are too long.
using Prepare = std::function<Result<Prompt>(const ChatRequest&)>;  // renders and tokenizes; may fail so for what is too long
Result<Shortened> truncate_oldest_turns(const ChatRequest& request, uint32_t context, const Prepare& prepare);

// The message at which each turn begins.
std::vector<size_t> turn_starts(const std::vector<text::Message>& messages);

}  // namespace hearth::service

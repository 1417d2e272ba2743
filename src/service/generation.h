#pragma once
// One request through an engine that the caller owns alone.
#include <atomic>

#include "engine/engine.h"
#include "service/chat_request.h"
#include "service/output_stream.h"

namespace hearth::service {

// Submits and steps until the request has finished. `interrupted` is looked at between steps.
Result<Outcome> generate(engine::Engine& engine, const text::Tokenizer& tokenizer, engine::Request request,
                         OutputOptions output, EventReceiver& receiver, const std::atomic<bool>& interrupted);

}  // namespace hearth::service

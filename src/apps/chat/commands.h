#pragma once
// What a chat understands beside messages: /help, /set, /regen, ... One list, from which /help is made.
#include <string>
#include <string_view>

#include "apps/chat/session.h"

namespace hearth::apps {

// Whether an input begins with the name of a command.
bool is_chat_command(std::string_view input);

// Runs an input that begins with a slash; unknown commands are told with the nearest known one. False when the user leaves.
bool run_chat_command(Session& session, const std::string& input);

}  // namespace hearth::apps

#pragma once
// A conversation as a file: {"version": 1, "model": "...", "messages": [{"role", "content", "thinking"?}, ...]}.
#include <string>
#include <vector>

#include "base/result.h"
#include "text/chat/message.h"

namespace hearth::service {

struct Conversation {
  std::string model;  // whose answers these are; for the reader's information
  std::vector<text::Message> messages;
};

Result<void> save_conversation(const std::string& path, const Conversation& conversation);  // kCannotCreate

// Errors: kNotFound, kBadFile with the place in the file.
Result<Conversation> load_conversation(const std::string& path);

}  // namespace hearth::service

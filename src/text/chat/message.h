#pragma once
// A conversation, neutral between protocols and templates.
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace hearth::text {

struct ToolCall {
  std::string id;    // may be empty
  std::string name;
  Json arguments;    // an object; a string where the model wrote something that is no JSON
};

// A run of content: text, or a picture (by reference into the request's media).
struct ContentPart {
  enum class Kind : uint8_t { kText, kImage } kind = Kind::kText;
  std::string text;    // the text, or the media reference
};

struct Message {
  std::string role;                  // "system", "user", "assistant", "tool", "developer"
  std::vector<ContentPart> content;  // one text part in the common case
  std::string thinking;              // an assistant's reasoning, kept apart from its answer
  std::vector<ToolCall> tool_calls;  // of an assistant
  std::string tool_call_id, name;    // of a tool's result

  std::string text() const {  // all text parts joined
    std::string out;
    for (const auto& part : content)
      if (part.kind == ContentPart::Kind::kText) out += part.text;
    return out;
  }
  static Message of(std::string role, std::string text) {
    Message message;
    message.role = std::move(role);
    message.content.push_back({ContentPart::Kind::kText, std::move(text)});
    return message;
  }
};

// A function that the model may call; `parameters` is a JSON Schema.
struct Tool {
  std::string name, description;
  Json parameters;
};

}  // namespace hearth::text

#include "service/conversation.h"

#include "base/file.h"
#include "base/json.h"

namespace hearth::service {

namespace {

constexpr int64_t kVersion = 1;

Result<text::Message> read_message(const Json& json) {
  HEARTH_TRY(role, json.text("role"));
  HEARTH_TRY(content, json.text("content"));
  if (role != "system" && role != "user" && role != "assistant")
    return fail(ErrorCode::kBadFile, "the role '{}' is unknown; system, user and assistant are known", role);
  auto message = text::Message::of(std::move(role), std::move(content));
  message.thinking = json.text_or("thinking", "");
  return message;
}

Result<Conversation> read_conversation(const Json& json) {
  HEARTH_TRY(version, json.integer("version"));
  if (version != kVersion) return fail(ErrorCode::kUnsupported, "version {} is not known; this build reads {}", version, kVersion);
  const Json* messages = json.find("messages");
  if (messages == nullptr || !messages->is_array()) return fail(ErrorCode::kBadFile, "'messages' must be an array");
  Conversation out{json.text_or("model", ""), {}};
  for (const auto& item : messages->as_array()) {
    auto message = read_message(item);
    if (!message) return at(fmt::format("messages[{}]", out.messages.size()), std::move(message).error());
    out.messages.push_back(std::move(*message));
  }
  return out;
}

}  // namespace

Result<void> save_conversation(const std::string& path, const Conversation& conversation) {
  Json messages = Json::array();
  for (const auto& message : conversation.messages) {
    Json json = Json::object({{"role", message.role}, {"content", message.text()}});
    if (!message.thinking.empty()) json.set("thinking", message.thinking);
    messages.push(std::move(json));
  }
  const Json json = Json::object({{"version", kVersion}, {"model", conversation.model}, {"messages", std::move(messages)}});
  return write_file(path, json.dump(2) + "\n", Readers::kOwner);
}

Result<Conversation> load_conversation(const std::string& path) {
  HEARTH_TRY(text, read_text_file(path, uint64_t{64} << 20));
  const auto json = Json::parse(text);
  if (!json) return at(path, json.error());
  auto conversation = read_conversation(*json);
  if (!conversation) return at(path, std::move(conversation).error());
  return conversation;
}

}  // namespace hearth::service

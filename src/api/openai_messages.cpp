#include "api/openai_messages.h"

#include <algorithm>

#include "api/http/limits.h"
#include "text/chat/message.h"

namespace hearth::api {

namespace {

constexpr Limits kLimits;
constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};

void read_part(Fields& message, const Json& part, const std::string& name, std::vector<text::ContentPart>& out) {
  Fields fields(part, message.path(name));
  const std::string type = fields.text("type").value_or("text");
  if (type == "text" || type == "refusal") out.push_back({text::ContentPart::Kind::kText, fields.text(type).value_or("")});
  else fields.fail_at("type", fmt::format("is '{}'; this server takes text", type), ErrorCode::kUnsupported);
  message.take(fields.done());
}

void read_content(Fields& message, std::vector<text::ContentPart>& out) {
  const Json* content = message.find("content");
  if (content == nullptr) return;
  if (content->is_string()) return out.push_back({text::ContentPart::Kind::kText, content->as_string()});
  if (!content->is_array()) return message.fail_at("content", fmt::format("is {}; it must be a string or an array of parts", content->type_name()));
  for (size_t i = 0; i < content->as_array().size(); ++i)
    read_part(message, content->as_array()[i], fmt::format("content[{}]", i), out);
}

// Arguments are JSON in a string, where many clients write none as "" or "null"; what is no JSON stays the string it is.
Json read_arguments(const Json* given) {
  if (given == nullptr) return Json::object();
  if (!given->is_string()) return *given;
  const std::string& text = given->as_string();
  if (text.find_first_not_of(" \t\r\n") == text.npos) return Json::object();
  auto parsed = Json::parse(text);
  if (parsed && parsed->is_null()) return Json::object();
  return parsed && parsed->is_object() ? std::move(*parsed) : *given;
}

void read_call(Fields& message, const Json& json, const std::string& name, std::vector<text::ToolCall>& out) {
  Fields fields(json, message.path(name));
  text::ToolCall call;
  call.id = fields.text("id").value_or("");
  if (const Json* function = fields.find("function")) {
    Fields inner(*function, fields.path("function"));
    call.name = inner.text("name").value_or("");
    call.arguments = read_arguments(inner.find("arguments"));
    if (call.name.empty()) inner.fail_at("name", "is missing; a call names its function");
    fields.take(inner.done());
  } else {
    fields.fail_at("function", "is missing; calls of functions are known");
  }
  message.take(fields.done());
  out.push_back(std::move(call));
}

void read_message(Fields& parent, const Json& json, size_t index, std::vector<text::Message>& out) {
  Fields fields(json, parent.path(fmt::format("messages[{}]", index)));
  text::Message message;
  message.role = fields.text("role").value_or("");
  if (std::ranges::find(kRoles, message.role) == std::end(kRoles))
    fields.fail_at("role", fmt::format("is '{}'; it must be system, developer, user, assistant or tool", message.role));
  read_content(fields, message.content);
  message.name = fields.text("name").value_or("");
  message.tool_call_id = fields.text("tool_call_id").value_or("");
  message.thinking = fields.text("reasoning_content").value_or("");
  if (message.thinking.empty()) message.thinking = fields.text("reasoning").value_or("");
  if (const Json::Array* calls = fields.array("tool_calls", kLimits.tools))
    for (size_t i = 0; i < calls->size(); ++i) read_call(fields, (*calls)[i], fmt::format("tool_calls[{}]", i), message.tool_calls);
  if (message.content.empty() && message.tool_calls.empty() && message.role != "assistant")
    fields.fail_at("content", "is missing; it must be a string or an array of parts");
  parent.take(fields.done());
  out.push_back(std::move(message));
}

void read_tool(Fields& parent, const Json& json, size_t index, std::vector<text::Tool>& out) {
  Fields fields(json, parent.path(fmt::format("tools[{}]", index)));
  const std::string type = fields.text("type").value_or("function");
  if (type != "function") fields.fail_at("type", fmt::format("is '{}'; this server takes functions", type), ErrorCode::kUnsupported);
  const Json* function = fields.find("function");
  if (function == nullptr) {
    fields.fail_at("function", "is missing; it must be an object");
  } else {
    Fields inner(*function, fields.path("function"));
    text::Tool tool{inner.text("name").value_or(""), inner.text("description").value_or(""), {}};
    if (tool.name.empty()) inner.fail_at("name", "is missing; a function needs one");
    if (inner.object("parameters") != nullptr) tool.parameters = *inner.find("parameters");
    fields.take(inner.done());
    out.push_back(std::move(tool));
  }
  parent.take(fields.done());
}

}  // namespace

void read_conversation(Fields& fields, service::ChatRequest& request) {
  const Json::Array* messages = fields.array("messages", kLimits.messages);
  if (messages == nullptr || messages->empty()) return fields.fail_at("messages", "is missing or empty; it must be an array of messages");
  for (size_t i = 0; i < messages->size(); ++i) read_message(fields, (*messages)[i], i, request.messages);
  if (const Json::Array* tools = fields.array("tools", kLimits.tools))
    for (size_t i = 0; i < tools->size(); ++i) read_tool(fields, (*tools)[i], i, request.tools);
  const Json* choice = fields.find("tool_choice");
  fields.find("parallel_tool_calls");
  if (choice == nullptr) return;
  const std::string word = choice->is_string() ? choice->as_string() : "an object";
  if (word == "none") request.tools.clear();
  else if (word != "auto") fields.fail_at("tool_choice", fmt::format("is {}; this server can promise 'auto' and 'none'", word), ErrorCode::kUnsupported);
}

void read_template_variables(Fields& fields, service::ChatRequest& request) {
  request.template_variables = Json::object();
  if (const auto effort = fields.text("reasoning_effort")) {
    constexpr std::string_view kEfforts[] = {"none", "minimal", "low", "medium", "high", "xhigh"};
    if (std::ranges::find(kEfforts, *effort) == std::end(kEfforts))
      fields.fail_at("reasoning_effort", fmt::format("is '{}'; it must be none, minimal, low, medium, high or xhigh", *effort));
    if (*effort == "none") request.think = false;
    request.template_variables.set("reasoning_effort", *effort);
  }
  const Json::Object* variables = fields.object("chat_template_kwargs");
  if (variables == nullptr) return;
  if (variables->size() > kLimits.template_variables)
    return fields.fail_at("chat_template_kwargs", fmt::format("has {} members; at most {} are allowed", variables->size(), kLimits.template_variables));
  for (const auto& [name, value] : *variables) {
    const std::string place = "chat_template_kwargs." + name;
    if (value.is_array() || value.is_object()) fields.fail_at(place, fmt::format("is {}; it must be a plain value", value.type_name()));
    else if (name != "enable_thinking") request.template_variables.set(name, value);
    else if (value.is_bool()) request.think = value.as_bool();
    else fields.fail_at(place, fmt::format("is {}; it must be true or false", value.type_name()));
  }
}

}  // namespace hearth::api

#include "text/chat/conversation.h"

#include <algorithm>

#include "text/jinja/value/print.h"

namespace hearth::text {

namespace {

using jinja::Traced;
using jinja::Value;
using Entries = std::vector<jinja::DictBody::Entry>;

Value literal(std::string_view text) { return Value::literal(text); }
Value input_text(const std::string& text) { return Value(Traced::input(text)); }

// Words of roles and part types that are the protocol's, whoever sends them.
Value vocabulary_word(const std::string& word) {
  constexpr std::string_view kWords[] = {"system", "user", "assistant", "tool",      "developer", "function", "ipython",
                                         "model",  "text", "image",     "image_url", "video",     "audio"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords) ? literal(word) : input_text(word);
}

Value content_value(const Message& message, const ContentForm& form) {
  const bool only_text = std::all_of(message.content.begin(), message.content.end(),
                                     [](const ContentPart& part) { return part.kind == ContentPart::Kind::kText; });
  const bool as_parts = !only_text || !form.takes_strings || (message.content.size() > 1 && form.takes_parts);
  if (!message.tool_calls.empty() && message.text().empty() && only_text && form.null_beside_calls)
    return Value::none();
  if (!as_parts || (only_text && !form.takes_parts)) return input_text(message.text());
  std::vector<Value> parts;
  for (const ContentPart& part : message.content) {
    if (part.kind == ContentPart::Kind::kImage) parts.push_back(Value::dict({{literal("type"), literal("image")}}));
    else parts.push_back(Value::dict({{literal("type"), literal("text")}, {literal("text"), input_text(part.text)}}));
  }
  return Value::list(std::move(parts));
}

Value arguments_value(const Json& arguments, const ContentForm& form) {
  const Value value = Value::from_json(arguments, /*input=*/true);
  if (!form.arguments_as_text || arguments.is_string()) return value;
  const auto text = jinja::to_json(value, {});
  return text ? input_text(text->bytes()) : value;  // what came as JSON goes back to it
}

Value call_value(const ToolCall& call, const ContentForm& form) {
  Value function = Value::dict(
      {{literal("name"), input_text(call.name)}, {literal("arguments"), arguments_value(call.arguments, form)}});
  Entries entries;
  if (!call.id.empty()) entries.emplace_back(literal("id"), input_text(call.id));
  entries.emplace_back(literal("type"), literal("function"));
  entries.emplace_back(literal("function"), std::move(function));
  return Value::dict(std::move(entries));
}

// Reasoning goes by both of its names, in the places where transformers puts them.
Value message_value(const Message& message, const ContentForm& form) {
  Entries entries;
  if (!message.thinking.empty()) entries.emplace_back(literal("thinking"), input_text(message.thinking));
  const bool is_developer = message.role == "developer" && !form.knows_developers;
  entries.emplace_back(literal("role"), is_developer ? literal("system") : vocabulary_word(message.role));
  entries.emplace_back(literal("content"), content_value(message, form));
  if (!message.tool_calls.empty()) {
    std::vector<Value> calls;
    for (const ToolCall& call : message.tool_calls) calls.push_back(call_value(call, form));
    entries.emplace_back(literal("tool_calls"), Value::list(std::move(calls)));
  }
  if (!message.tool_call_id.empty()) entries.emplace_back(literal("tool_call_id"), input_text(message.tool_call_id));
  if (!message.name.empty()) entries.emplace_back(literal("name"), input_text(message.name));
  if (!message.thinking.empty()) entries.emplace_back(literal("reasoning_content"), input_text(message.thinking));
  return Value::dict(std::move(entries));
}

Value tool_value(const Tool& tool) {
  static const Json kNoParameters = Json::object({{"type", "object"}, {"properties", Json::object()}});
  const Json& parameters = tool.parameters.is_object() ? tool.parameters : kNoParameters;
  return Value::dict(
      {{literal("type"), literal("function")},
       {literal("function"), Value::dict({{literal("name"), input_text(tool.name)},
                                          {literal("description"), input_text(tool.description)},
                                          {literal("parameters"), Value::from_json(parameters, /*input=*/true)}})}});
}

// JSON as it is, with the vocabulary's words recognised under "role" and "type".
Value raw_value(const Json& json) {
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json.as_array()) items.push_back(raw_value(item));
    return Value::list(std::move(items));
  }
  if (!json.is_object()) return Value::from_json(json, /*input=*/true);
  Entries entries;
  for (const auto& [key, item] : json.as_object()) {
    const bool is_word = (key == "role" || key == "type") && item.is_string();
    entries.emplace_back(input_text(key), is_word ? vocabulary_word(item.as_string()) : raw_value(item));
  }
  return Value::dict(std::move(entries));
}

}  // namespace

Result<jinja::Variables> conversation_variables(const TemplateInput& input, const ContentForm& form) {
  std::vector<Value> messages, tools;
  for (const Message& message : input.messages) {
    const bool has_images = std::any_of(message.content.begin(), message.content.end(),
                                        [](const ContentPart& part) { return part.kind == ContentPart::Kind::kImage; });
    if (has_images && !form.takes_parts)
      return fail(ErrorCode::kInvalidArgument,
                  "a message of '{}' has an image, and this model's chat template takes text only", message.role);
    messages.push_back(message_value(message, form));
  }
  for (const Tool& tool : input.tools) tools.push_back(tool_value(tool));

  jinja::Variables variables;
  variables["messages"] = Value::list(std::move(messages));
  variables["tools"] = tools.empty() ? Value::none() : Value::list(std::move(tools));
  variables["add_generation_prompt"] = Value(input.add_generation_prompt);
  variables["bos_token"] = literal(input.bos_token);
  variables["eos_token"] = literal(input.eos_token);
  if (input.extra.is_object())
    for (const auto& [name, value] : input.extra.as_object()) variables.try_emplace(name, raw_value(value));
  variables.try_emplace("documents", Value::none());
  if (input.enable_thinking) {  // templates know the switch by either name
    variables.insert_or_assign("enable_thinking", Value(*input.enable_thinking));
    variables.try_emplace("thinking", Value(*input.enable_thinking));
  }
  return variables;
}

jinja::Variables raw_variables(const Json& json) {
  jinja::Variables variables;
  for (const auto& [name, value] : json.as_object()) {
    const bool is_token = (name == "bos_token" || name == "eos_token") && value.is_string();
    variables[name] = is_token ? literal(value.as_string()) : raw_value(value);
  }
  return variables;
}

}  // namespace hearth::text

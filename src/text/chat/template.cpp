// A chat template is Jinja over a conversation. What form of message it wants is not written anywhere, so it is tried
// out when the template is parsed: a form that brings every word of a small conversation into the text is taken.
#include "text/chat/template.h"

#include <ctime>

#include "text/chat/conversation.h"
#include "text/jinja/template.h"

namespace hearth::text {

namespace {

constexpr std::string_view kNeedle = "Zq7needle", kOtherNeedle = "Zq8needle";

bool has(std::string_view text, std::string_view wanted) { return text.find(wanted) != text.npos; }

// What a template prints when it takes a value for a string that is none.
bool has_python_dict(std::string_view text) {
  return has(text, "{'type': ") || has(text, fmt::format("{{'{}'", kNeedle));
}

class JinjaTemplate final : public ChatTemplate {
 public:
  JinjaTemplate(std::string source, jinja::Template parsed) : source_(std::move(source)), template_(std::move(parsed)) {
    find_content_form();
    form_.knows_developers = has(source_, "'developer'") || has(source_, "\"developer\"");
    if (has(source_, "tool_calls")) find_call_form();
  }

  Result<Rendered> render(const TemplateInput& input) const override {
    HEARTH_TRY(variables, conversation_variables(input, form_));
    return run(variables, input.now_unix);
  }

  Result<Rendered> render_context(const Json& variables) const override {
    if (!variables.is_object())
      return fail(ErrorCode::kInvalidArgument, "the variables of a template must be an object, not {}",
                  variables.type_name());
    return run(raw_variables(variables), variables.integer_or("now_unix", 0));
  }

  std::string_view source() const override { return source_; }

 private:
  Result<Rendered> run(const jinja::Variables& variables, int64_t now_unix) const {
    HEARTH_TRY(text, template_.render(variables, now_unix != 0 ? now_unix : static_cast<int64_t>(std::time(nullptr))));
    return Rendered{text.bytes(), text.input_ranges()};
  }

  // The text of a conversation in a form; "" where the template refuses it.
  std::string attempt(std::vector<Message> messages, const ContentForm& form) const {
    TemplateInput input;
    input.messages = std::move(messages);
    input.add_generation_prompt = false;
    input.now_unix = 1;
    const auto variables = conversation_variables(input, form);
    if (!variables) return {};
    const auto text = template_.render(*variables, input.now_unix, {.work = 2'000'000});
    return text ? text->bytes() : "";
  }

  void find_content_form() {
    const std::vector<Message> probe = {Message::of("user", std::string(kNeedle))};
    const std::string as_string = attempt(probe, {.takes_strings = true, .takes_parts = false});
    const std::string as_parts = attempt(probe, {.takes_strings = false, .takes_parts = true});
    form_.takes_parts = has(as_parts, kNeedle) && !has_python_dict(as_parts);
    form_.takes_strings = has(as_string, kNeedle) || !form_.takes_parts;
  }

  void find_call_form() {
    Message calls;
    calls.role = "assistant";
    calls.content.push_back({ContentPart::Kind::kText, ""});
    calls.tool_calls.push_back({"zq0zq0zq0", std::string(kOtherNeedle), Json::object({{std::string(kNeedle), "v"}})});
    Message result = Message::of("tool", "r");
    result.tool_call_id = "zq0zq0zq0";
    result.name = kOtherNeedle;
    for (const bool null_beside_calls : {false, true})
      for (const bool arguments_as_text : {false, true}) {
        ContentForm form = form_;
        form.null_beside_calls = null_beside_calls;
        form.arguments_as_text = arguments_as_text;
        const std::string text = attempt({Message::of("user", "q"), calls, result}, form);
        const bool is_quoted_twice = has(text, fmt::format("{{\\\"{}", kNeedle));
        if (!has(text, kNeedle) || !has(text, kOtherNeedle) || has_python_dict(text) || is_quoted_twice) continue;
        form_ = form;
        return;
      }
  }

  std::string source_;
  jinja::Template template_;
  ContentForm form_;
};

}  // namespace

Result<std::shared_ptr<const ChatTemplate>> parse_chat_template(std::string source) {
  HEARTH_TRY(parsed, jinja::Template::parse(source));
  return std::make_shared<const JinjaTemplate>(std::move(source), std::move(parsed));
}

}  // namespace hearth::text

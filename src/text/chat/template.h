#pragma once
// Chat templates: a conversation in, the model's prompt out, exactly as the reference Jinja2 environment renders it.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/chat/message.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

struct TemplateInput {
  std::vector<Message> messages;
  std::vector<Tool> tools;
  bool add_generation_prompt = true;
  std::optional<bool> enable_thinking;   // passed only when set
  std::string bos_token, eos_token;
  Json extra;                            // further template variables (an object), from the caller's allow-list
  int64_t now_unix = 0;                  // for strftime_now; 0 = the current time
};

struct Rendered {
  std::string text;
  std::vector<TextRange> plain;  // ranges that came from the conversation, for EncodeOptions::plain
};

// A parsed template. Immutable; render() may run in several threads. Rendering is bounded in steps, depth and output.
class ChatTemplate {
 public:
  virtual ~ChatTemplate() = default;
  // Errors: kInvalidArgument carries what the template itself refused (raise_exception) or misses, with its line.
  virtual Result<Rendered> render(const TemplateInput& input) const = 0;
  // With a raw variable object, as `hearth render --context F.json` has it.
  virtual Result<Rendered> render_context(const Json& variables) const = 0;
  virtual std::string_view source() const = 0;
};

// Errors: kBadFile with the line and what was expected.
Result<std::shared_ptr<const ChatTemplate>> parse_chat_template(std::string source);

// For a model without a template: a plain "role: text" layout, or a known family's where the vocabulary's control tokens
// tell (ChatML when <|im_start|> exists, ...). `name` says which, so that it can be announced.
struct DefaultTemplate {
  std::string name, source;
};
DefaultTemplate default_chat_template(const Tokenizer& tokenizer);

}  // namespace hearth::text

// Templates for models that come without one. The control tokens of the vocabulary tell the family.
#include <algorithm>
#include <string_view>

#include "text/chat/template.h"

namespace hearth::text {

namespace {

struct Family {
  std::string_view name;
  std::string_view tokens[3];  // all of these must be in the vocabulary
  std::string_view source;
};

// Roles with begin and end of turn each; the most telling tokens first.
constexpr Family kFamilies[] = {
    {"Llama 3", {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}, R"({{- bos_token }}
{%- for message in messages %}
{{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ message.content | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %})"},
    {"ChatML", {"<|im_start|>", "<|im_end|>", ""}, R"({%- for message in messages %}
{{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})"},
    {"Gemma", {"<start_of_turn>", "<end_of_turn>", ""}, R"({{- bos_token }}
{%- set pending = namespace(system='') %}
{%- for message in messages %}
{%- if message.role == 'system' %}
{%- set pending.system = pending.system ~ message.content | trim ~ '\n\n' %}
{%- else %}
{{- '<start_of_turn>' ~ ('model' if message.role == 'assistant' else 'user') ~ '\n' ~ pending.system ~ message.content | trim ~ '<end_of_turn>\n' }}
{%- set pending.system = '' %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %})"},
    {"Phi 3", {"<|user|>", "<|assistant|>", "<|end|>"}, R"({%- for message in messages %}
{{- '<|' ~ message.role ~ '|>\n' ~ message.content ~ '<|end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %})"},
    {"Command R", {"<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>"}, R"({{- bos_token }}
{%- set speakers = {'system': '<|SYSTEM_TOKEN|>', 'assistant': '<|CHATBOT_TOKEN|>'} %}
{%- for message in messages %}
{{- '<|START_OF_TURN_TOKEN|>' ~ speakers.get(message.role, '<|USER_TOKEN|>') ~ message.content | trim ~ '<|END_OF_TURN_TOKEN|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %})"},
    {"Mistral", {"[INST]", "[/INST]", ""}, R"({{- bos_token }}
{%- set pending = namespace(system='') %}
{%- for message in messages %}
{%- if message.role == 'system' %}
{%- set pending.system = pending.system ~ message.content ~ '\n\n' %}
{%- elif message.role == 'assistant' %}
{{- ' ' ~ message.content | trim ~ eos_token }}
{%- else %}
{{- '[INST] ' ~ pending.system ~ message.content ~ '[/INST]' }}
{%- set pending.system = '' %}
{%- endif %}
{%- endfor %})"},
    {"Zephyr", {"<|user|>", "<|assistant|>", "<|system|>"}, R"({%- for message in messages %}
{{- '<|' ~ message.role ~ '|>\n' ~ message.content ~ eos_token ~ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %})"},
};

// Llama 2 marks turns with words, not with tokens, and nothing in the vocabulary tells a chat model of it; plain roles
// are what any base model continues.
constexpr std::string_view kPlain = R"({{- bos_token }}
{%- for message in messages %}
{{- message.role ~ ': ' ~ message.content | trim ~ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'assistant:' }}{% endif %})";

}  // namespace

DefaultTemplate default_chat_template(const Tokenizer& tokenizer) {
  const auto knows = [&](std::string_view token) {
    if (token.empty()) return true;
    const auto id = tokenizer.find(token);
    return id && (tokenizer.kind(*id) == TokenKind::kControl || tokenizer.kind(*id) == TokenKind::kUserDefined);
  };
  for (const Family& family : kFamilies)
    if (std::all_of(std::begin(family.tokens), std::end(family.tokens), knows))
      return {std::string(family.name), std::string(family.source)};
  return {"plain roles", std::string(kPlain)};
}

}  // namespace hearth::text

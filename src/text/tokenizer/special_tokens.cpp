// Which tokens begin a text, end it, and end a generation.
#include <algorithm>

#include "text/tokenizer/pipeline.h"

namespace hearth::text {

namespace {

// Tokens that end a turn or a file in the models that have them, as control or user-defined tokens.
constexpr std::string_view kEndMarkers[] = {
    "<|im_end|>",  // ChatML: Qwen, Yi, SmolLM, LFM2
    "<|eot_id|>",  // Llama 3
    "<|eom_id|>",  // Llama 3: the message goes on after a tool call
    "<|eot|>",     // Llama 4
    "<|eom|>",
    "<|end|>",  // Phi
    "<|return|>",
    "<|call|>",  // gpt-oss
    "<|flush|>",
    "<|calls|>",        // Solar Open
    "<|endoftext|>",    // GPT-2 and many others
    "<|end_of_text|>",  // Llama 3, Granite
    "<end_of_turn>",    // Gemma 2, 3
    "<turn|>",
    "<|tool_response>",    // Gemma 4
    "<end_of_utterance>",  // SmolDocling
    "<EOT>",
    "▁<EOT>",
    "[EOT]",
    "[EOS]",                  // CodeLlama, Kimi
    "<｜end▁of▁sentence｜>",  // DeepSeek
    "<|END_OF_TURN_TOKEN|>",  // Command R
    "<|user|>",
    "<|observation|>",  // GLM: the other side speaks
    "[e~[",             // MiniMax
    "<|fim_pad|>",
    "<|file_sep|>",
    "<|repo_name|>",  // Qwen Coder: the next file begins
};

void add_once(std::vector<TokenId>& ids, TokenId id) {
  if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

}  // namespace

bool is_end_marker(std::string_view text) {
  return text != "<|user|>" && text != "<|observation|>" && std::ranges::find(kEndMarkers, text) != std::end(kEndMarkers);
}

void complete_end_of_generation(const Vocabulary& vocabulary, Tokenizer::Special& special) {
  const auto marker = [&](std::string_view text) -> std::optional<TokenId> {
    const auto id = vocabulary.find(text);
    if (!id || (vocabulary.kind(*id) != TokenKind::kControl && vocabulary.kind(*id) != TokenKind::kUserDefined))
      return {};
    return id;
  };
  if (special.eos) add_once(special.end_of_generation, *special.eos);
  // gpt-oss and Solar close every message of one generation with <|end|>; only these others close the generation.
  const bool many_messages =
      (marker("<|return|>") && marker("<|call|>")) || (marker("<|calls|>") && marker("<|flush|>"));
  const bool is_glm = marker("[gMASK]").has_value();
  for (const std::string_view text : kEndMarkers) {
    if (text == "<|end|>" && many_messages) continue;
    if ((text == "<|user|>" || text == "<|observation|>") && !is_glm) continue;  // elsewhere they only open a turn
    if (const auto id = marker(text)) add_once(special.end_of_generation, *id);
  }
  std::ranges::sort(special.end_of_generation);
}

void set_bos_eos(TokenizerParts& parts) {
  const Tokenizer::Special& special = parts.special;
  parts.prefix.clear();
  parts.suffix.clear();
  if (special.adds_bos && special.bos) parts.prefix.push_back(*special.bos);
  if (special.adds_eos && special.eos) parts.suffix.push_back(*special.eos);
}

}  // namespace hearth::text

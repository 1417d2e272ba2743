#pragma once
// What OpenAI's completions and chat completions have in common, with the fields that llama.cpp and vLLM add.
#include "api/fields.h"
#include "api/protocol.h"

namespace hearth::api {

// Sampling options under their own names (top_k, min_p, ...) and those of others (repetition_penalty, ignore_eos, ...), seed,
// stop, logit_bias, max_tokens and its synonyms. Ranges are those of the options.
void read_generation(Fields& fields, service::GenerationOptions& generation);

// n, stream, stream_options; fields known and without effect here are taken note of.
void read_delivery(Fields& fields, Call& call);

std::string_view openai_finish_reason(service::FinishReason reason);  // "stop", "length"
Json truncation_json(const AnswerFacts& facts);                       // what was left out of a conversation that was too long

// "timings", llama.cpp's, of the last outcome; where it was asked for, "prefix_miss": where the prompt left the last one.
void set_figures(Json& out, const AnswerFacts& facts, std::span<const service::Outcome> outcomes);

// Events of a stream that carry a piece of text and nothing else, of which there are many: what is the same in all of them is
// written once.
class TextChunks {
 public:
  // `head`: an object's members before its choices; the text stands between `before` and `after` in a choice.
  TextChunks(const Json& head, std::string_view before, std::string_view after, bool has_usage);
  std::string chunk(uint32_t choice, std::string_view text) const;

 private:
  std::string start_, before_, end_;
};

// Counts over all choices: a prompt shared by several counts once per ask.
class UsageCount {
 public:
  void add(uint32_t choice, uint32_t choices_per_ask, const service::Outcome& outcome);
  Json json() const;

 private:
  uint64_t prompt_ = 0, cached_ = 0, generated_ = 0, thinking_ = 0;
};

}  // namespace hearth::api

#include "engine/request.h"

#include <cmath>

namespace hearth::engine {

static constexpr uint32_t kMostTopLogprobs = 1024;

static Result<void> check_tokens(std::string_view field, std::span<const int32_t> tokens, uint32_t vocab) {
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= vocab)
      return fail(ErrorCode::kInvalidArgument, "{}[{}] is {}, tokens of this model lie between 0 and {}", field, i, tokens[i], vocab - 1);
  return {};
}

Result<void> check_request(const Request& request, uint32_t vocab, uint32_t context) {
  if (request.prompt.empty()) return fail(ErrorCode::kInvalidArgument, "prompt is empty, it must have at least one token");
  HEARTH_TRY_VOID(check_tokens("prompt", request.prompt, vocab));
  HEARTH_TRY_VOID(check_tokens("stop_tokens", request.stop_tokens, vocab));
  if (request.top_logprobs > kMostTopLogprobs)
    return fail(ErrorCode::kInvalidArgument, "top_logprobs is {}, it must be at most {}", request.top_logprobs, kMostTopLogprobs);
  if (!std::isfinite(request.deadline_seconds) || request.deadline_seconds < 0)
    return fail(ErrorCode::kInvalidArgument, "deadline_seconds is {}, it must be 0 or more", request.deadline_seconds);
  if (request.prompt.size() >= context)
    return fail(ErrorCode::kDoesNotFit,
                "the prompt has {} tokens and the context holds {}, of which the answer needs one at least: shorten the prompt "
                "or raise the context",
                request.prompt.size(), context);
  return {};
}

// A step of splitmix64 apart: seeds of neighbours share no bits that matter.
uint64_t continuation_seed(uint64_t seed, uint32_t index) {
  if (index == 0) return seed;
  uint64_t z = seed + index * 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

}  // namespace hearth::engine

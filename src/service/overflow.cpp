#include "service/overflow.h"

#include <algorithm>

namespace hearth::service {

std::vector<size_t> turn_starts(const std::vector<text::Message>& messages) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < messages.size(); ++i)
    if (messages[i].role == "user") starts.push_back(i);
  return starts;
}

static ChatRequest without_turns(const ChatRequest& request, const std::vector<size_t>& starts, size_t dropped) {
  ChatRequest out = request;
  if (dropped == 0) return out;
  const auto at = [&](size_t turn) { return out.messages.begin() + static_cast<std::ptrdiff_t>(starts[turn]); };
  out.messages.erase(at(0), at(dropped));
  return out;
}

Result<Shortened> truncate_oldest_turns(const ChatRequest& request, uint32_t context, const Prepare& prepare) {
  const std::vector<size_t> starts = turn_starts(request.messages);
  const uint32_t wanted = request.generation.max_tokens;
  const uint32_t room = std::min(wanted == 0 ? context / 4 : wanted, context / 2);

  // Every turn less makes the prompt shorter: the fewest that fit lie between `low` (too few) and `high`.
  size_t low = 0, high = starts.empty() ? 0 : starts.size() - 1;
  HEARTH_TRY(shortest, prepare(without_turns(request, starts, high)));
  HEARTH_TRY(fitting, check_fits(std::move(shortest), context));
  Shortened best{std::move(fitting), static_cast<uint32_t>(high), 0};
  while (high > low + 1) {
    const size_t middle = low + (high - low) / 2;
    auto prompt = prepare(without_turns(request, starts, middle));
    if (!prompt && prompt.error().code != ErrorCode::kContextExceeded) return Failure(std::move(prompt).error());
    const bool fits = prompt && prompt->tokens.size() + room <= context;
    if (fits) best = {std::move(*prompt), static_cast<uint32_t>(middle), 0};
    (fits ? high : low) = middle;
  }
  if (best.dropped_turns > 0) best.dropped_messages = static_cast<uint32_t>(starts[best.dropped_turns] - starts[0]);
  return best;
}

}  // namespace hearth::service

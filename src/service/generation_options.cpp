#include "service/generation_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/random.h"

namespace hearth::service {

namespace {

using options::any;
using options::at_least;
using options::in_range;

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  std::string name;
  for (const char c : text) {
    if (c != ',' && c != ';' && c != ' ') name += c;
    else if (!name.empty()) names.push_back(std::exchange(name, {}));
  }
  if (!name.empty()) names.push_back(std::move(name));
  return names;
}

Result<std::pair<int32_t, float>> parse_bias(const std::string& text, size_t vocab) {
  int32_t id = -1;
  double bias = 0;
  const char* end = text.data() + text.size();
  const auto [equals, id_error] = std::from_chars(text.data(), end, id);
  const bool has_value = id_error == std::errc() && equals != end && *equals == '=';
  const auto [stop, bias_error] = has_value ? std::from_chars(equals + 1, end, bias) : std::from_chars_result{end, std::errc::invalid_argument};
  if (bias_error != std::errc() || stop != end || std::isnan(bias))
    return fail(ErrorCode::kInvalidArgument, "logit-bias takes ID=BIAS, such as 15=-1.5 or 15=-inf; it was given '{}'", text);
  if (id < 0 || static_cast<size_t>(id) >= vocab)
    return fail(ErrorCode::kInvalidArgument, "logit-bias names token {}; the vocabulary has 0 to {}", id, vocab - 1);
  return std::pair(id, static_cast<float>(bias));
}

Result<void> check_texts(std::string_view what, const std::vector<std::string>& texts) {
  if (texts.size() > kMaxStopStrings)
    return fail(ErrorCode::kInvalidArgument, "{} {}s were given; at most {} are allowed", texts.size(), what, kMaxStopStrings);
  for (const auto& text : texts)
    if (text.empty() || text.size() > kMaxStopBytes)
      return fail(ErrorCode::kInvalidArgument, "a {} has {} bytes; 1 to {} are allowed", what, text.size(), kMaxStopBytes);
  return {};
}

// Every token that holds such a text is a breaker; so are the tokens of a text that lies in several, without the space that some
// vocabularies put in front of it.
void set_dry_breakers(engine::SamplingOptions& sampling, const std::vector<std::string>& breakers, const text::Tokenizer& tokenizer) {
  for (text::TokenId id = 0; static_cast<size_t>(id) < tokenizer.size(); ++id) {
    const std::string piece = tokenizer.piece(id);
    const auto is_in_piece = [&](const std::string& breaker) { return piece.contains(breaker); };
    if (std::ranges::any_of(breakers, is_in_piece)) sampling.dry_breaker_tokens.push_back(id);
  }
  for (const auto& breaker : breakers) {
    auto tokens = tokenizer.encode(breaker, {.add_special = false});
    if (tokens.size() > 1 && breaker[0] != ' ' && tokenizer.piece(tokens[0]) == " ") tokens.erase(tokens.begin());
    if (tokens.size() > 1) sampling.dry_breakers.push_back(std::move(tokens));
  }
}

void visit_sampling(options::OptionList& v, engine::SamplingOptions& s) {
  v("temperature", s.temperature, "how bold the choice is; 0 always takes the likeliest token", in_range(0, 10));
  v("top-k", s.top_k, "choose among the N likeliest tokens; 0 is off");
  v("top-p", s.top_p, "choose among the likeliest tokens that sum to probability X; 1 is off", in_range(0, 1));
  v("min-p", s.min_p, "drop tokens below X times the likeliest one's probability; 0 is off", in_range(0, 1));
  v("typical-p", s.typical_p, "keep tokens of typical surprise that sum to probability X; 1 is off", in_range(0, 1));
  v("top-n-sigma", s.top_n_sigma, "keep logits within X standard deviations of the best; 0 is off", in_range(0, 100));
  v("repeat-penalty", s.repeat_penalty, "divide the logits of recent tokens by X; 1 is off", in_range(0.01, 10));
  v("repeat-last-n", s.repeat_last_n, "how many tokens count as recent; -1 is the whole context, 0 none", at_least(-1));
  v("frequency-penalty", s.frequency_penalty, "lower a recent token's logit by X each time it occurred", in_range(-10, 10));
  v("presence-penalty", s.presence_penalty, "lower a recent token's logit by X once", in_range(-10, 10));
  v("dynatemp-range", s.dynatemp_range, "let the temperature follow the entropy by up to X; 0 is off", in_range(0, 10));
  v("dynatemp-exponent", s.dynatemp_exponent, "how the entropy maps to the temperature", in_range(0, 10));
  v("xtc-probability", s.xtc_probability, "chance of dropping all but the last of the likely tokens; 0 is off", in_range(0, 1));
  v("xtc-threshold", s.xtc_threshold, "tokens above this probability are likely ones for XTC", in_range(0, 1));
  v("dry-multiplier", s.dry_multiplier, "strength of the penalty on repeated sequences (DRY); 0 is off", in_range(0, 10));
  v("dry-base", s.dry_base, "growth of the DRY penalty with the length of the repetition", in_range(1, 10));
  v("dry-allowed-length", s.dry_allowed_length, "the longest repetition that DRY leaves alone");
  v("dry-penalty-last-n", s.dry_penalty_last_n, "how far DRY looks back; -1 is the whole context", at_least(-1));
  v("mirostat", s.mirostat, "steer towards a constant surprise (Mirostat 2.0) instead of truncating");
  v("mirostat-tau", s.mirostat_tau, "the surprise Mirostat aims at", in_range(0, 100));
  v("mirostat-eta", s.mirostat_eta, "how fast Mirostat adapts", in_range(0, 10));
  v("min-keep", s.min_keep, "truncating samplers leave at least N tokens", at_least(1));
}

}  // namespace

// What people coming from other engines expect where the model itself names nothing.
GenerationOptions::GenerationOptions() {
  sampling.temperature = 0.8;
  sampling.top_k = 40;
  sampling.top_p = 0.95;
  sampling.min_p = 0.05;
}

void visit(options::OptionList& v, GenerationOptions& o) {
  v.section("Generation");
  v("max-tokens", o.max_tokens, "generate at most N tokens; 0 goes on until the context is full", any().short_flag('n'));
  v("stop", o.stop, "end the answer before this text; may be given several times");
  v("seed", o.seed, "start of the random stream; the same seed gives the same answer", any().or_else("random").short_flag('s'));
  v("ignore-end", o.ignore_end, "go on after end-of-generation tokens");
  v.section("Sampling");
  visit_sampling(v, o.sampling);
  v("dry-breaker", o.dry_breakers, "text across which DRY counts no repetition, or 'none'; may be given several times",
    any().or_else("line break, colon, quotation mark, asterisk"));
  v("samplers", o.samplers, "names of samplers in the order they apply, joined by commas", any().named("NAMES"));
  v("logit-bias", o.logit_bias, "add a bias to a token's logit; may be given several times", any().named("ID=BIAS"));
}

Result<engine::Request> engine_request(const GenerationOptions& o, const text::Tokenizer& tokenizer) {
  HEARTH_TRY_VOID(check_texts("stop string", o.stop));
  HEARTH_TRY_VOID(check_texts("dry breaker", o.dry_breakers));
  engine::Request request;
  request.max_tokens = o.max_tokens;
  request.sampling = o.sampling;
  request.sampling.seed = o.seed ? *o.seed : random_seed();
  request.sampling.order = split_names(o.samplers);
  const std::vector<std::string> none = {"none"}, usual = {"\n", ":", "\"", "*"};  // as in llama.cpp
  if (o.sampling.dry_multiplier != 0 && o.dry_breakers != none)
    set_dry_breakers(request.sampling, o.dry_breakers.empty() ? usual : o.dry_breakers, tokenizer);
  for (const auto& text : o.logit_bias) {
    HEARTH_TRY(bias, parse_bias(text, tokenizer.size()));
    request.sampling.logit_bias.push_back(bias);
  }
  request.top_logprobs = o.logprobs.value_or(0);
  request.key = o.key;
  request.priority = o.priority;
  if (!o.ignore_end) request.stop_tokens = tokenizer.special().end_of_generation;
  return request;
}

}  // namespace hearth::service

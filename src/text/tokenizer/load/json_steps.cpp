// The normalizer, pre_tokenizer and decoder sections of a tokenizer.json.
#include "text/tokenizer/load/base64.h"
#include "text/tokenizer/load/json_parts.h"
#include "text/tokenizer/split/script_split.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

// The steps of a section: itself, or the list of a Sequence.
Result<std::vector<const Json*>> steps_of(const Json& section, std::string_view list) {
  std::vector<const Json*> out;
  if (section.is_null()) return out;
  HEARTH_TRY(type, section.text("type"));
  if (type != "Sequence") return std::vector<const Json*>{&section};
  const Json* steps = section.find(list);
  if (steps == nullptr || !steps->is_array()) return fail(ErrorCode::kBadFile, "a Sequence lacks its list '{}'", list);
  for (const Json& step : steps->as_array()) {
    HEARTH_TRY(inner, steps_of(step, list));
    out.insert(out.end(), inner.begin(), inner.end());
  }
  return out;
}

// How many times longer the step may make a text.
double growth_of(const NormalStep& step) {
  if (const auto* text = std::get_if<ReplaceText>(&step); text != nullptr && !text->from.empty())
    return std::max(1.0, static_cast<double>(text->to.size()) / static_cast<double>(text->from.size()));
  const auto* all = std::get_if<ReplaceAll>(&step);
  return all == nullptr ? 1 : 1 + static_cast<double>(all->content.size());
}

Result<NormalStep> normal_step(const Json& step, const std::string& type) {
  if (type == "NFC") return NormalForm::kNfc;
  if (type == "NFD") return NormalForm::kNfd;
  if (type == "NFKC") return NormalForm::kNfkc;
  if (type == "NFKD") return NormalForm::kNfkd;
  if (type == "Lowercase") return Lowercase{};
  if (type == "StripAccents") return StripAccents{};
  if (type == "Nmt") return NmtNormalizer{};
  if (type == "ByteLevel") return SpellInBytes{};
  if (type == "Strip")
    return StripSpaces{.left = step.boolean_or("strip_left", true), .right = step.boolean_or("strip_right", true)};
  if (type == "Prepend") {
    HEARTH_TRY(text, step.text("prepend"));
    return PrependText{std::move(text)};
  }
  if (type == "Replace") {
    HEARTH_TRY(pattern, read_pattern(step));
    HEARTH_TRY(content, step.text("content"));
    if (!pattern.is_regex) return ReplaceText{std::move(pattern.text), std::move(content)};
    HEARTH_TRY(regex, Regex::compile(pattern.text, Anchors::kLine));
    return ReplaceAll{std::move(regex), std::move(content)};
  }
  if (type == "BertNormalizer") {
    const bool lower = step.boolean_or("lowercase", true);
    return BertNormalizer{.clean_text = step.boolean_or("clean_text", true),
                          .surround_ideographs = step.boolean_or("handle_chinese_chars", true),
                          .strip_accents = step.boolean_or("strip_accents", lower),
                          .lowercase = lower};
  }
  if (type == "Precompiled") {
    HEARTH_TRY(bytes, decode_base64(step.text_or("precompiled_charsmap", "")));
    HEARTH_TRY(map, PrecompiledMap::parse(bytes));
    return map;
  }
  return fail(ErrorCode::kUnsupported, "this build does not know the normalizer '{}'", type);
}

Result<SplitBehavior> behavior_of(const Json& step, std::string_view fallback) {
  const std::string name = step.text_or("behavior", fallback);
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return fail(ErrorCode::kUnsupported, "this build does not know the split behavior '{}'", name);
}

Result<Metaspace> metaspace(const Json& step) {
  Metaspace out{.mark = step.text_or("replacement", "\xE2\x96\x81"), .split = step.boolean_or("split", true)};
  // Older files say add_prefix_space instead of prepend_scheme.
  const std::string scheme =
      step.text_or("prepend_scheme", step.boolean_or("add_prefix_space", true) ? "always" : "never");
  if (scheme == "never") out.prepend = Metaspace::Prepend::kNever;
  else if (scheme == "first") out.prepend = Metaspace::Prepend::kFirst;
  else if (scheme != "always")
    return fail(ErrorCode::kUnsupported, "this build does not know the prepend_scheme '{}'", scheme);
  if (out.mark.empty()) return fail(ErrorCode::kBadFile, "the replacement of a Metaspace is empty");
  return out;
}

Result<PatternSplit> pattern_split(const Json& step) {
  HEARTH_TRY(pattern, read_pattern(step));
  HEARTH_TRY(behavior, behavior_of(step, "Isolated"));
  const bool invert = step.boolean_or("invert", false);
  if (pattern.is_regex) return split_by(pattern.text, behavior, invert, Anchors::kLine);
  HEARTH_TRY(literal, Regex::literal(pattern.text));
  return PatternSplit{std::move(literal), behavior, invert};
}

Result<std::vector<PreStep>> pre_steps(const Json& step, const std::string& type) {
  const auto one = [](PreStep made) { return std::vector<PreStep>{std::move(made)}; };
  if (type == "ByteLevel") {
    std::vector<PreStep> out;
    if (step.boolean_or("add_prefix_space", true)) out.emplace_back(PrefixSpace{});
    if (step.boolean_or("use_regex", true)) {
      HEARTH_TRY(words, split_by(pattern::kGpt2));
      out.emplace_back(std::move(words));
    }
    return out;
  }
  if (type == "Split") {
    HEARTH_TRY(split, pattern_split(step));
    return one(std::move(split));
  }
  if (type == "Digits") {
    HEARTH_TRY(split, split_by(step.boolean_or("individual_digits", false) ? pattern::kDigit : pattern::kDigits));
    return one(std::move(split));
  }
  if (type == "Punctuation") {
    HEARTH_TRY(behavior, behavior_of(step, "Isolated"));
    return one(PatternSplit{&scan_punctuation, behavior});
  }
  if (type == "Whitespace") {
    // \w as Rust's regex defines it: wider than Oniguruma's.
    HEARTH_TRY(
        words,
        split_by(
            R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\s]+)",
            SplitBehavior::kRemoved, true));
    return one(std::move(words));
  }
  if (type == "WhitespaceSplit") return one(PatternSplit{&scan_space, SplitBehavior::kRemoved});
  if (type == "BertPreTokenizer")
    return std::vector<PreStep>{PatternSplit{&scan_space, SplitBehavior::kRemoved},
                                PatternSplit{&scan_punctuation, SplitBehavior::kIsolated}};
  if (type == "CharDelimiterSplit") {
    HEARTH_TRY(delimiter, step.text("delimiter"));
    HEARTH_TRY(literal, Regex::literal(delimiter));
    return one(PatternSplit{std::move(literal), SplitBehavior::kRemoved});
  }
  if (type == "Metaspace") {
    HEARTH_TRY(made, metaspace(step));
    return one(std::move(made));
  }
  if (type == "UnicodeScripts") {
    HEARTH_TRY(split, split_by_script());
    return one(std::move(split));
  }
  return fail(ErrorCode::kUnsupported, "this build does not know the pre_tokenizer '{}'", type);
}

Result<std::vector<DecodeStep>> decode_steps(const Json& step, const std::string& type, bool fused) {
  const auto one = [](DecodeStep made) { return std::vector<DecodeStep>{std::move(made)}; };
  if (type == "ByteLevel") return one(DecodeBytes{});
  if (type == "ByteFallback") return one(DecodeByteFallback{});
  if (type == "Fuse") return std::vector<DecodeStep>{};
  if (type == "Replace") {
    HEARTH_TRY(pattern, read_pattern(step));
    HEARTH_TRY(content, step.text("content"));
    if (!pattern.is_regex) return one(DecodeReplaceText{std::move(pattern.text), std::move(content)});
    HEARTH_TRY(regex, Regex::compile(pattern.text, Anchors::kLine));
    return one(DecodeReplace{std::move(regex), std::move(content)});
  }
  if (type == "Strip") {
    const auto left = static_cast<size_t>(std::max<int64_t>(0, step.integer_or("start", 0)));
    const auto right = static_cast<size_t>(std::max<int64_t>(0, step.integer_or("stop", 0)));
    HEARTH_TRY(content, step.text("content"));
    if (content.empty() || content.size() != char_length(content[0]))
      return fail(ErrorCode::kBadFile, "the content of a Strip decoder is '{}'; it must be one character", content);
    if (!fused) return one(DecodeStrip{std::move(content), left, right});
    if (right > 0)
      return fail(ErrorCode::kUnsupported,
                  "a Strip decoder behind Fuse takes from the end of the text, which a stream cannot know");
    return one(DecodeStripText{std::move(content), left});
  }
  if (type == "Metaspace") {
    HEARTH_TRY(made, metaspace(step));
    std::vector<DecodeStep> out{DecodeReplaceText{made.mark, " "}};
    if (made.prepend != Metaspace::Prepend::kNever) out.emplace_back(DecodeStripText{" ", 1});
    return out;
  }
  if (type == "WordPiece") return one(DecodeWordPiece{step.text_or("prefix", "##"), step.boolean_or("cleanup", true)});
  if (type == "BPEDecoder") return one(DecodeWordEnd{step.text_or("suffix", "</w>")});
  if (type == "CTC")
    return one(DecodeCtc{step.text_or("pad_token", "<pad>"), step.text_or("word_delimiter_token", "|"),
                         step.boolean_or("cleanup", true)});
  return fail(ErrorCode::kUnsupported, "this build does not know the decoder '{}'", type);
}

}  // namespace

Result<JsonPattern> read_pattern(const Json& step) {
  const Json* pattern = step.find("pattern");
  if (pattern != nullptr && pattern->is_object() && pattern->as_object().size() == 1) {
    const auto& [kind, text] = pattern->as_object()[0];
    if (text.is_string() && (kind == "String" || kind == "Regex"))
      return JsonPattern{text.as_string(), kind == "Regex"};
  }
  return fail(ErrorCode::kBadFile, "'pattern' must be {{\"String\": text}} or {{\"Regex\": text}}");
}

Result<void> read_normalizer(const Json& section, Normalizer& out) {
  constexpr double kMaxGrowth = 256;  // known files: 4
  double growth = 1;
  HEARTH_TRY(steps, steps_of(section, "normalizers"));
  for (const Json* step : steps) {
    HEARTH_TRY(type, step->text("type"));
    HEARTH_TRY(made, normal_step(*step, type));
    growth *= growth_of(made);
    if (growth > kMaxGrowth)
      return fail(ErrorCode::kUnsupported, "the Replace steps may make a text more than {} times longer", kMaxGrowth);
    out.add(std::move(made));
  }
  return {};
}

Result<void> read_pre_tokenizer(const Json& section, PreTokenizer& out, JsonFacts& facts) {
  HEARTH_TRY(steps, steps_of(section, "pretokenizers"));
  for (const Json* step : steps) {
    HEARTH_TRY(type, step->text("type"));
    HEARTH_TRY(made, pre_steps(*step, type));
    for (PreStep& pre_step : made) out.add(std::move(pre_step));
    // Steps behind ByteLevel see the byte alphabet, and the model is fed with it. At the end, bytes themselves are
    // faster.
    if (type == "ByteLevel" && step == steps.back()) facts.byte_level = true;
    else if (type == "ByteLevel") out.add(SpellInBytes{});
    facts.split_name += (facts.split_name.empty() ? "" : "+") + type;
  }
  return {};
}

Result<void> read_decoder(const Json& section, Decoder& out) {
  HEARTH_TRY(steps, steps_of(section, "decoders"));
  bool fused = false;
  for (const Json* step : steps) {
    HEARTH_TRY(type, step->text("type"));
    HEARTH_TRY(made, decode_steps(*step, type, fused));
    for (DecodeStep& decode_step : made) out.add(std::move(decode_step));
    fused = fused || type == "Fuse";
  }
  return {};
}

}  // namespace hearth::text

#include "text/tokenizer/split/pre_tokenizer.h"

#include "text/tokenizer/byte_alphabet.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

// Joins matches and gaps, which arrive in order, as the behaviour says.
class Joiner {
 public:
  Joiner(const PatternSplit& split, std::string_view text, PieceSink& sink) : split_(split), text_(text), sink_(sink) {}

  void range(size_t begin, size_t end, bool is_match) {
    if (!is_match && begin == end) return;  // an empty gap is none; an empty match cuts
    is_match = is_match != split_.invert;
    if (pending_ && joins(is_match)) {
      end_ = end;
      // A match that was merged still counts as one; a gap that swallowed the match before it counts as a gap.
      is_match_ = is_match;
      return;
    }
    flush();
    begin_ = begin;
    end_ = end;
    is_match_ = is_match;
    pending_ = true;
  }
  void flush() {
    const bool removed = is_match_ && split_.behavior == SplitBehavior::kRemoved;
    if (pending_ && begin_ != end_ && !removed) sink_.piece(text_.substr(begin_, end_ - begin_));
    pending_ = false;
  }

 private:
  bool joins(bool is_match) const {
    switch (split_.behavior) {
      case SplitBehavior::kMergedWithPrevious: return is_match && !is_match_;
      case SplitBehavior::kMergedWithNext: return !is_match && is_match_;
      case SplitBehavior::kContiguous: return is_match == is_match_;
      default: return false;
    }
  }
  const PatternSplit& split_;
  std::string_view text_;
  PieceSink& sink_;
  size_t begin_ = 0, end_ = 0;
  bool is_match_ = false, pending_ = false;
};

void apply_scanner(Scanner scan, std::string_view text, Joiner& joiner, const PieceSink& sink) {
  const char *const begin = text.data(), *const end = begin + text.size();
  const char* gap = begin;
  for (const char* p = begin; p != end && sink.wants_more();) {
    const size_t length = scan(p, end);
    if (length == 0) {
      p += char_length(*p);
      continue;
    }
    joiner.range(static_cast<size_t>(gap - begin), static_cast<size_t>(p - begin), false);
    joiner.range(static_cast<size_t>(p - begin), static_cast<size_t>(p - begin) + length, true);
    gap = p += length;
  }
  joiner.range(static_cast<size_t>(gap - begin), text.size(), false);
}

// The usual case, without the joiner.
void isolate(Scanner scan, std::string_view text, PieceSink& sink) {
  const char *const end = text.data() + text.size(), *gap = text.data();
  for (const char* p = gap; p != end && sink.wants_more();) {
    const size_t length = scan(p, end);
    if (length == 0) {
      p += char_length(*p);
      continue;
    }
    if (gap != p) sink.piece({gap, static_cast<size_t>(p - gap)});
    sink.piece({p, length});
    gap = p += length;
  }
  if (gap != end) sink.piece({gap, static_cast<size_t>(end - gap)});
}

void apply_regex(const Regex& regex, std::string_view text, Joiner& joiner, const PieceSink& sink) {
  size_t gap = 0, from = 0;
  while (from <= text.size() && sink.wants_more()) {
    const auto match = regex.find(text, from);
    if (!match) break;
    joiner.range(gap, match->begin, false);
    joiner.range(match->begin, match->end, true);
    gap = match->end;
    // An empty match cuts; the search goes on one character further.
    from = match->end != match->begin ? match->end
           : match->end < text.size() ? match->end + char_length(text[match->end])
                                      : text.size() + 1;
  }
  joiner.range(gap, text.size(), false);
}

void apply(const PatternSplit& split, std::string_view text, bool, PieceSink& sink) {
  const auto* scanner = std::get_if<Scanner>(&split.pattern);
  if (scanner != nullptr && split.behavior == SplitBehavior::kIsolated && !split.invert)
    return isolate(*scanner, text, sink);
  Joiner joiner(split, text, sink);
  if (scanner != nullptr) apply_scanner(*scanner, text, joiner, sink);
  else apply_regex(std::get<Regex>(split.pattern), text, joiner, sink);
  joiner.flush();
}

void apply(const PrefixSpace&, std::string_view text, bool, PieceSink& sink) {
  if (text.starts_with(' ')) return sink.piece(text);
  sink.piece(' ' + std::string(text));
}

void apply(const SpellInBytes&, std::string_view text, bool, PieceSink& sink) { sink.piece(spell_bytes(text)); }

void apply(const Metaspace& step, std::string_view text, bool at_start, PieceSink& sink) {
  std::string marked;
  marked.reserve(text.size() + text.size() / 4 + step.mark.size());
  const bool prepends =
      step.prepend == Metaspace::Prepend::kAlways || (step.prepend == Metaspace::Prepend::kFirst && at_start);
  if (prepends && !text.starts_with(' ') && !text.starts_with(step.mark)) marked = step.mark;
  for (const char c : text) {
    if (c == ' ') marked += step.mark;
    else marked += c;
  }
  if (!step.split) return sink.piece(marked);
  size_t begin = 0;
  for (size_t i = marked.find(step.mark, 1); i != std::string::npos; i = marked.find(step.mark, i + 1)) {
    sink.piece(std::string_view(marked).substr(begin, i - begin));
    begin = i;
  }
  sink.piece(std::string_view(marked).substr(begin));
}

void apply(const DigitThrees& step, std::string_view text, bool, PieceSink& sink) {
  const char *const end = text.data() + text.size(), *piece = text.data();
  const auto cut = [&](const char* p) {
    if (p != piece) sink.piece({piece, static_cast<size_t>(p - piece)});
    piece = p;
  };
  for (const char* p = text.data(); p != end;) {
    size_t digits = 0;
    const char *run = p, *behind = p;
    uint16_t follower = 0;
    while (behind != end) {
      const char* next = behind;
      follower = char_class(take_char(next));
      if ((follower & kDecimal) == 0) break;
      behind = next;
      follower = 0;
      ++digits;
    }
    if (digits == 0 || (step.before_word_border && (follower & kWordChar) != 0)) {
      p = digits == 0 ? p + char_length(*p) : behind;
      continue;
    }
    if (step.isolated) cut(run);
    for (p = run; p != behind; --digits) {
      if (digits % 3 == 0) cut(p);
      p += char_length(*p);
    }
    if (step.isolated) cut(behind);
  }
  cut(end);
}

}  // namespace

void PreTokenizer::add(PreStep step) { steps_.push_back(std::move(step)); }

void PreTokenizer::run(size_t step, std::string_view text, bool at_start, PieceSink& sink) const {
  if (step == steps_.size()) return sink.piece(text);
  struct Next final : PieceSink {
    Next(const PreTokenizer& owner, size_t step, bool at_start, PieceSink& sink)
        : owner(owner), step(step), at_start(at_start), sink(sink) {}
    void piece(std::string_view text) override { owner.run(step, text, std::exchange(at_start, false), sink); }
    bool wants_more() const override { return sink.wants_more(); }
    const PreTokenizer& owner;
    size_t step;
    bool at_start;
    PieceSink& sink;
  };
  const auto apply_step = [&](PieceSink& to) {
    std::visit([&](const auto& s) { apply(s, text, at_start, to); }, steps_[step]);
  };
  if (step + 1 == steps_.size()) return apply_step(sink);
  Next next(*this, step + 1, at_start, sink);
  apply_step(next);
}

Result<PatternSplit> split_by(std::string_view pattern, SplitBehavior behavior, bool invert, Anchors anchors) {
  if (const Scanner scanner = find_scanner(pattern)) return PatternSplit{scanner, behavior, invert};
  // The same matches, but not sought anew from every place in a long run of white space.
  if (pattern == R"(\s+$)") pattern = R"((?<!\s)\s+$)";
  HEARTH_TRY(regex, Regex::compile(pattern, anchors));
  return PatternSplit{std::move(regex), behavior, invert};
}

}  // namespace hearth::text

#pragma once
// Cuts normalized text into the words that the model encodes one by one: a chain of steps, each fed the pieces of the
// one before.  (The vocabulary of steps is Hugging Face's `pre_tokenizers`; GGUF names are chains of the same steps.)
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/tokenizer/split/regex.h"
#include "text/tokenizer/split/scanners.h"

namespace hearth::text {

// What becomes of the matches of a pattern.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct PatternSplit {
  std::variant<Scanner, Regex> pattern;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // the gaps count as matches and the matches as gaps
};

// A space in front of every piece that has none.
struct PrefixSpace {};

// Spaces become `mark`, one is put in front, and pieces begin at marks.
struct Metaspace {
  enum class Prepend { kNever, kFirst, kAlways };  // kFirst: only at the very start of the text
  std::string mark;
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};

// Runs of decimal digits fall into threes counted from their right end: 1|234|567.
struct DigitThrees {
  bool isolated = false;            // the groups are pieces of their own; else only cuts between them
  bool before_word_border = false;  // not for runs that a letter, mark or connector follows
};

struct SpellInBytes {};  // every byte as its letter of GPT-2's alphabet, for steps that look at those

using PreStep = std::variant<PatternSplit, PrefixSpace, Metaspace, DigitThrees, SpellInBytes>;

class PieceSink {
 public:
  virtual void piece(std::string_view text) = 0;  // never empty; valid during the call
  virtual bool wants_more() const { return true; }  // false: what follows is of no use

 protected:
  ~PieceSink() = default;
};

class PreTokenizer {
 public:
  void add(PreStep step);
  // `at_start`: the text is the beginning of what the user gave, not a part behind a control token.
  void split(std::string_view text, bool at_start, PieceSink& sink) const { run(0, text, at_start, sink); }

 private:
  void run(size_t step, std::string_view text, bool at_start, PieceSink& sink) const;
  std::vector<PreStep> steps_;
};

// Isolates the matches of a pattern, by its scanner where there is one.
Result<PatternSplit> split_by(std::string_view pattern, SplitBehavior behavior = SplitBehavior::kIsolated,
                              bool invert = false, Anchors anchors = Anchors::kText);

}  // namespace hearth::text

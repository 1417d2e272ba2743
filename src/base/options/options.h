#pragma once
// Options as data. One visit() line gives an option its flag, HEARTH_* variable, config file key, help and documentation:
//   void visit(options::OptionList& v) { v("top-p", top_p, "keep the likeliest tokens ...", in_range(0, 1)); }
// makes --top-p, HEARTH_TOP_P and the config key top_p. Not thread-safe; a list lives in one command.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hearth::options {

// Where a value came from. A stronger source (later here) wins, in whatever order the sources are applied.
enum class Source : uint8_t { kDefault, kModel, kConfig, kEnvironment, kFlag, kSession };
std::string_view source_name(Source source);  // "the model", "the config file", ...

// The variable that an option fills. Unset optionals mean "not given".
using Target = std::variant<bool*, std::optional<bool>*, int32_t*, uint32_t*, uint64_t*, std::optional<uint64_t>*, double*,
                            std::string*, std::vector<std::string>*>;

// What an option accepts and how it reads; made by the functions below and refined by the methods.
struct Traits {
  std::optional<double> low, high;         // numbers, inclusive
  std::vector<std::string_view> choices;   // texts; empty: any
  std::string_view placeholder;            // "FILE"; empty: by type
  std::string_view unset;                  // how the empty default reads: "random"
  char letter = 0;                         // short flag
  bool persistent = true;                  // false: a flag only, neither variable nor config key

  Traits named(std::string_view value) && { return placeholder = value, std::move(*this); }
  Traits or_else(std::string_view words) && { return unset = words, std::move(*this); }
  Traits short_flag(char c) && { return letter = c, std::move(*this); }
  Traits flag_only() && { return persistent = false, std::move(*this); }
};
Traits any();
Traits in_range(double low, double high);
Traits at_least(double low);
Traits one_of(std::initializer_list<std::string_view> choices);

struct Option {
  std::string name;          // "top-p"
  std::string help;          // a sentence without its full stop
  std::string section;       // heading in help
  Target target;
  Traits traits;
  std::string default_text;  // as documentation shows it; empty when there is none
  Source source = Source::kDefault;

  std::string variable() const;      // "HEARTH_TOP_P"
  std::string key() const;           // "top_p"
  bool takes_value() const;          // false for switches: --quiet, --no-quiet
  bool is_textual() const;
  std::string placeholder() const;   // "N", "X", "TEXT", "f16|f32"
  std::string accepts() const;       // "a number from 0 to 1", for error sentences
  std::string value_text() const;    // as the user would write it; lists joined by ", "
};

class OptionList {
 public:
  void section(std::string_view heading) { section_ = heading; }  // of the options that follow

  template <class T>
  void operator()(std::string_view name, T& value, std::string_view help, Traits traits = {}) {
    add(name, Target(&value), help, std::move(traits));
  }

  std::span<Option> all() { return options_; }
  std::span<const Option> all() const { return options_; }
  Option* find(std::string_view name);  // dashes and underscores are alike; null if unknown
  Option* find_letter(char letter);

  // Parses and assigns, unless the present value has a stronger source. An empty text clears lists and optionals. `spelled`
  // is how the user wrote the option, for the sentence. Errors: kUsage from flags, kConfig from variables and config files,
  // kInvalidArgument else.
  Result<void> assign(Option& option, std::string_view spelled, std::string_view text, Source source);

  // The same by name, with the nearest known name when there is no such option. For `/set NAME VALUE` and model defaults.
  Result<void> set(std::string_view name, std::string_view text, Source source);

 private:
  void add(std::string_view name, Target target, std::string_view help, Traits traits);

  std::vector<Option> options_;
  std::string section_;
};

// The candidate most like `name`, or "" when none is close.
std::string nearest(std::string_view name, std::span<const std::string> candidates);

// ", did you mean X?" or "".
std::string suggestion(std::string_view prefix, std::string_view name, std::span<const std::string> candidates);

}  // namespace hearth::options

#pragma once
// How the program speaks: answers on standard output, everything about them on standard error; colours only where a
// terminal wants them (NO_COLOR is respected); --quiet and --json change the manner, never the answer.
#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/options/options.h"
#include "base/result.h"

namespace hearth::apps {

// Options of every command.
struct CommonOptions {
  bool json = false, quiet = false, help = false;
  std::string log_level = "warn";
};
void visit(options::OptionList& v, CommonOptions& o);

class Console {
 public:
  explicit Console(const CommonOptions& options);

  bool json() const { return json_; }
  bool quiet() const { return quiet_; }

  void print(std::string_view text) const;               // to standard output, at once
  void print_json(const Json& value) const;              // one line, or indented on a terminal
  void note(std::string_view sentence) const;            // what was defaulted, truncated or fell back; not with --quiet
  void status(std::string_view text) const;              // to standard error, not with --quiet

  // Text in a terminal style, or as it is where standard output wants no colours.
  std::string dim(std::string_view text) const { return styled("2", text); }
  std::string bold(std::string_view text) const { return styled("1", text); }
  std::string accent(std::string_view text) const { return styled("36", text); }
  std::string styled(std::string_view code, std::string_view text) const;

  bool output_is_terminal() const { return output_is_terminal_; }
  bool colours() const { return colours_; }  // a terminal that wants more than plain characters
  size_t columns() const;  // of the terminal, 100 elsewhere

 private:
  bool json_, quiet_, output_is_terminal_, colours_;
};

// Whether everything printed so far arrived. Errors: kCannotCreate. Any thread.
Result<void> output_result();

// "hearth: <sentence>", or {"error": {...}} with --json, on standard error. Returns the exit code.
int report(const Error& error, bool json);

// One line on a terminal's standard error that appears when a wait gets long (half a second) and goes when it ends.
class ProgressLine {
 public:
  ProgressLine(const Console& console, std::string_view what);
  ~ProgressLine();
  void update(uint64_t done, uint64_t total);

 private:
  std::string what_;
  bool enabled_, visible_ = false;
  std::chrono::steady_clock::time_point begin_, drawn_;
};

std::string size_text(uint64_t bytes);    // "258.7 KB", "4.1 GB"
std::string number_text(uint64_t value);  // "1 290 547"

// Everything on standard input. Errors: kIo.
Result<std::string> read_standard_input();

// The same where standard input is a file, or a pipe or socket on which something comes within five seconds; else "". Scripts and
// services hand pipes on that nobody will ever write to or close: such a one is told of and left alone.
Result<std::string> read_piped_input(const Console& console);

}  // namespace hearth::apps

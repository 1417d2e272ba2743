#pragma once
// What a person types in a chat: line editing with history across sessions, and messages of several lines.
#include <memory>
#include <optional>
#include <string>

namespace hearth::apps {

// One at a time, on the terminal of standard input. `history_file` may be empty: then nothing is kept.
class LineEditor {
 public:
  LineEditor(std::string prompt, std::string continuation_prompt, std::string history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  struct Input {
    enum class Kind { kMessage, kInterrupted, kEnd } kind = Kind::kEnd;  // Ctrl-C: kInterrupted; Ctrl-D on an empty line: kEnd
    std::string text;
  };
  // One message: a line, lines that were pasted together, lines joined by a backslash at their ends, or everything between two lines
  // of """.
  Input read_message();

 private:
  struct Terminal;
  std::optional<std::string> read_line(const std::string& prompt);  // empty at the end of input

  std::unique_ptr<Terminal> terminal_;
  std::string prompt_, continuation_prompt_;
};

}  // namespace hearth::apps

#include "apps/chat/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <sys/stat.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "apps/chat/editing_mode.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define HEARTH_LEAKS_OF_OTHERS __lsan::ScopedDisabler leaks_of_others
#endif
#endif
#ifndef HEARTH_LEAKS_OF_OTHERS
#define HEARTH_LEAKS_OF_OTHERS
#endif

namespace hearth::apps {

namespace {

constexpr int kHistoryLines = 2000;
constexpr char kStyleMark = '\1';  // brackets bytes of a prompt that take no room on the screen
constexpr std::string_view kFence = "\"\"\"";

// libedit needs a UTF-8 locale to count columns; machines without one configured still have C.UTF-8.
void choose_locale() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::Terminal {
  EditLine* line = nullptr;
  ::History* history = nullptr;
  HistEvent event{};
  std::string prompt, history_file;
  bool interrupted = false;

  static Terminal& of(EditLine* line) {
    void* self = nullptr;
    ::el_get(line, EL_CLIENTDATA, &self);
    return *static_cast<Terminal*>(self);
  }

  static char* shown_prompt(EditLine* line) { return of(line).prompt.data(); }

  // Bound to Ctrl-C: forgets the line and ends it.
  static unsigned char interrupt(EditLine* line, int) {
    const LineInfo* info = ::el_line(line);
    const auto length = static_cast<int>(info->lastchar - info->buffer);
    ::el_cursor(line, static_cast<int>(info->lastchar - info->cursor));
    ::el_deletestr(line, length);
    of(line).interrupted = true;
    return CC_NEWLINE;
  }

  // Bound to what a terminal sends before a paste: all up to what it sends after one is text, with its line breaks. The last of these
  // is left to the user, who ends the message; Ctrl-C leaves a paste whose end never comes.
  static unsigned char paste(EditLine* line, int) {
    constexpr std::wstring_view kEnd = L"\x1b[201~";
    std::wstring text;
    wchar_t c = 0;
    while (!text.ends_with(kEnd)) {
      if (::el_wgetc(line, &c) != 1) return CC_EOF;
      if (c == L'\3') return interrupt(line, 0);
      if (c != 0) text += c == L'\r' ? L'\n' : c;
    }
    text.resize(text.size() - kEnd.size());
    if (text.ends_with(L'\n')) text.pop_back();
    ::el_winsertstr(line, text.c_str());
    return CC_REFRESH;
  }

  void remember(const char* text) {
    if (text[0] == '\n' || text[0] == '\0') return;
    ::history(history, &event, H_ENTER, text);
    if (!history_file.empty()) ::history(history, &event, H_SAVE, history_file.c_str());
  }
};

LineEditor::LineEditor(std::string prompt, std::string continuation_prompt, std::string history_file)
    : terminal_(std::make_unique<Terminal>()), prompt_(std::move(prompt)), continuation_prompt_(std::move(continuation_prompt)) {
  choose_locale();
  Terminal& t = *terminal_;
  t.line = ::el_init("hearth", stdin, stdout, stderr);
  t.history = ::history_init();
  t.history_file = std::move(history_file);
  ::history(t.history, &t.event, H_SETSIZE, kHistoryLines);
  ::history(t.history, &t.event, H_SETUNIQUE, 1);
  if (!t.history_file.empty()) {
    std::error_code unwritable;  // then history lasts for this session
    std::filesystem::create_directories(std::filesystem::path(t.history_file).parent_path(), unwritable);
    ::history(t.history, &t.event, H_LOAD, t.history_file.c_str());
    const mode_t old = ::umask(0077);  // what people type is theirs
    if (std::FILE* file = std::fopen(t.history_file.c_str(), "a")) std::fclose(file);
    ::umask(old);
  }
  ::el_set(t.line, EL_CLIENTDATA, &t);
  ::el_set(t.line, EL_PROMPT_ESC, &Terminal::shown_prompt, kStyleMark);
  ::el_set(t.line, EL_EDITOR, "emacs");
  ::el_set(t.line, EL_HIST, ::history, t.history);
  {
    HEARTH_LEAKS_OF_OTHERS;  // libedit keeps copies of the texts and never frees them
    ::el_set(t.line, EL_ADDFN, "hearth-interrupt", "forget this line", &Terminal::interrupt);
    ::el_set(t.line, EL_ADDFN, "hearth-paste", "take pasted lines as they are", &Terminal::paste);
  }
  ::el_set(t.line, EL_BIND, "^C", "hearth-interrupt", nullptr);
  ::el_set(t.line, EL_BIND, "\\e[200~", "hearth-paste", nullptr);
  ::el_set(t.line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  ::el_set(t.line, EL_SETTY, "-d", "-isig", nullptr);  // while editing, Ctrl-C is a key
}

LineEditor::~LineEditor() {
  ::el_end(terminal_->line);
  ::history_end(terminal_->history);
}

std::optional<std::string> LineEditor::read_line(const std::string& prompt) {
  Terminal& t = *terminal_;
  t.prompt = prompt;
  t.interrupted = false;
  int length = 0;
  const EditingMode mode;
  ::el_set(t.line, EL_PREP_TERM, 1);  // before the prompt invites keys; libedit itself does it after
  errno = 0;
  const char* text = ::el_gets(t.line, &length);
  if (text == nullptr && errno == EINTR) t.interrupted = true;  // Ctrl-C before the editor had the terminal
  if (t.interrupted) {
    std::fputs("^C\n", stdout);
    std::fflush(stdout);
    return "";
  }
  if (text == nullptr || length <= 0) return std::nullopt;
  std::string line(text, static_cast<size_t>(length));
  t.remember(line.c_str());
  if (line.ends_with('\n')) line.pop_back();
  return line;
}

LineEditor::Input LineEditor::read_message() {
  using Kind = Input::Kind;
  std::optional<std::string> line = read_line(prompt_);
  if (!line) return {};
  if (terminal_->interrupted) return {Kind::kInterrupted, {}};
  const bool fenced = line->starts_with(kFence);
  std::string text;
  if (fenced) line->erase(0, kFence.size());
  while (true) {
    const bool ends = fenced ? line->ends_with(kFence) : !line->ends_with('\\');
    if (fenced && ends) line->resize(line->size() - kFence.size());
    if (!fenced && !ends) line->pop_back();
    text += *line;
    if (ends) return {Kind::kMessage, std::move(text)};
    if (!(fenced && text.empty())) text += '\n';  // the line of the opening fence itself adds none
    line = read_line(continuation_prompt_);
    if (!line) return {Kind::kMessage, std::move(text)};
    if (terminal_->interrupted) return {Kind::kInterrupted, {}};
  }
}

}  // namespace hearth::apps

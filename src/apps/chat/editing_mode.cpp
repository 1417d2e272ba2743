#include "apps/chat/editing_mode.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace hearth::apps {

namespace {

constexpr std::string_view kBracketsOn = "\x1b[?2004h", kBracketsOff = "\x1b[?2004l";
constexpr int kSignals[] = {SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

struct sigaction g_actions[std::size(kSignals)];  // those of before
termios g_terminal;                               // that of before

void write_out(std::string_view text) {
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) return;  // a terminal that is gone needs nothing
}

bool knows_brackets() {
  const char* name = std::getenv("TERM");
  return name != nullptr && std::string_view(name) != "dumb" && ::isatty(STDOUT_FILENO) == 1;
}

// Gives the terminal back and lets the signal do what it did before; where that only stopped the program, editing goes on.
void on_signal(int number) {
  const int error = errno;
  termios editing{};
  ::tcgetattr(STDIN_FILENO, &editing);
  write_out(kBracketsOff);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &g_terminal);
  size_t i = 0;
  while (kSignals[i] != number) ++i;
  struct sigaction ours {};
  ::sigaction(number, &g_actions[i], &ours);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, number);
  ::raise(number);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);  // now it comes
  ::sigaction(number, &ours, nullptr);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &editing);
  write_out(kBracketsOn);
  errno = error;
}

}  // namespace

EditingMode::EditingMode() : active_(knows_brackets() && ::tcgetattr(STDIN_FILENO, &g_terminal) == 0) {
  if (!active_) return;
  struct sigaction action {};
  action.sa_handler = &on_signal;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &action, &g_actions[i]);
  write_out(kBracketsOn);
}

EditingMode::~EditingMode() {
  if (!active_) return;
  write_out(kBracketsOff);
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &g_actions[i], nullptr);
}

}  // namespace hearth::apps

#include "apps/top/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/check.h"
#include "base/file.h"

namespace hearth::apps {

namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
std::atomic<bool> g_quits{false}, g_resized{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the flags are set in signal handlers");

void on_signal(int number) { (number == SIGWINCH ? g_resized : g_quits).store(true, std::memory_order_relaxed); }

void write_out(std::string_view text) {
  if (!write_all(STDOUT_FILENO, text)) g_quits.store(true);
}

winsize terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  return size;
}

}  // namespace

Screen::Screen() {
  g_quits = false;
  g_resized = false;
  HEARTH_CHECK(::tcgetattr(STDIN_FILENO, &before_) == 0, "standard input is no terminal");
  struct sigaction action {};
  action.sa_handler = &on_signal;  // no SA_RESTART: poll() ends too
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &action, &actions_[i]);
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped program would leave its picture and no cursor
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_out("\x1b[?1049h\x1b[?25l");
}

Screen::~Screen() {
  write_out("\x1b[?25h\x1b[?1049l");
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &actions_[i], nullptr);
}

// Each line wipes only what is behind it, so that nothing is ever empty in between.
void Screen::draw(const std::vector<std::string>& lines) {
  std::string out = "\x1b[?2026h\x1b[H";  // terminals that know synchronized updates show the picture whole
  const size_t shown = std::min(lines.size(), rows());
  for (size_t i = 0; i < shown; ++i) out += lines[i] + "\x1b[K" + (i + 1 < shown ? "\r\n" : "");
  if (shown < rows()) out += "\r\n\x1b[J";
  write_out(out + "\x1b[?2026l");
}

Screen::Event Screen::wait(std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (g_quits) return Event::kQuit;
    if (g_resized.exchange(false)) return Event::kResize;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Event::kTimeout;
    pollfd keys{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&keys, 1, static_cast<int>(left.count())) <= 0) continue;
    char key = 0;
    const ssize_t n = ::read(STDIN_FILENO, &key, 1);
    if (n == 0 || (n < 0 && errno != EINTR) || (n == 1 && (key == 'q' || key == 'Q'))) g_quits = true;
  }
}

size_t Screen::columns() const { return terminal_size().ws_col; }
size_t Screen::rows() const { return terminal_size().ws_row; }
const std::atomic<bool>& Screen::quits() const { return g_quits; }

}  // namespace hearth::apps

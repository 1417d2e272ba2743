#include "apps/console.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "base/log.h"

namespace hearth::apps {

namespace {

constexpr int kPatienceSeconds = 5;

std::atomic<int> g_output_error{0};

log::Level level_of(const CommonOptions& options) {
  if (options.quiet || options.log_level == "quiet") return log::Level::kQuiet;
  if (options.log_level == "info") return log::Level::kInfo;
  return options.log_level == "debug" ? log::Level::kDebug : log::Level::kWarn;
}

}  // namespace

void visit(options::OptionList& v, CommonOptions& o) {
  v.section("Common");
  v("json", o.json, "print one JSON object instead of text; errors too", options::any().flag_only());
  v("quiet", o.quiet, "print the answer and nothing else");
  v("log-level", o.log_level, "how much is told on standard error", options::one_of({"quiet", "warn", "info", "debug"}));
  v("help", o.help, "show this help", options::any().flag_only().short_flag('h'));
}

Console::Console(const CommonOptions& options)
    : json_(options.json), quiet_(options.quiet), output_is_terminal_(::isatty(STDOUT_FILENO) == 1) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool is_dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
  colours_ = output_is_terminal_ && !is_dumb && (no_color == nullptr || *no_color == 0);
  log::set_level(level_of(options));
}

void Console::print(std::string_view text) const {
  const bool is_whole = write_all(STDOUT_FILENO, text);
  if (!is_whole && errno != EPIPE && g_output_error == 0) g_output_error = errno;  // who closes a pipe has what they wanted
}

Result<void> output_result() {
  if (g_output_error == 0) return {};
  return fail(ErrorCode::kCannotCreate, "standard output cannot be written: {}", std::strerror(g_output_error.load()));
}

void Console::print_json(const Json& value) const { print(value.dump(output_is_terminal_ ? 2 : 0) + "\n"); }

void Console::note(std::string_view sentence) const { status(fmt::format("note: {}\n", sentence)); }

void Console::status(std::string_view text) const {
  if (!quiet_) write_all(STDERR_FILENO, text);
}

std::string Console::styled(std::string_view code, std::string_view text) const {
  return colours_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

size_t Console::columns() const {
  winsize size{};
  const bool known = output_is_terminal_ && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40;
  return known ? size.ws_col : 100;
}

int report(const Error& error, bool json) {
  const ErrorFacts& facts = error_facts(error.code);
  if (json) {
    Json body = Json::object({{"code", facts.name}, {"message", error.message}});
    if (!error.where.empty()) body.set("where", error.where);
    write_all(STDERR_FILENO, Json::object({{"error", std::move(body)}}).dump() + "\n");
  } else {
    write_all(STDERR_FILENO, fmt::format("hearth: {}\n", error.text()));
  }
  return facts.exit_code;
}

ProgressLine::ProgressLine(const Console& console, std::string_view what)
    : what_(what), enabled_(!console.quiet() && !console.json() && ::isatty(STDERR_FILENO) == 1),
      begin_(std::chrono::steady_clock::now()), drawn_(begin_) {}

ProgressLine::~ProgressLine() {
  if (visible_) write_all(STDERR_FILENO, "\r\x1b[K");
}

void ProgressLine::update(uint64_t done, uint64_t total) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (!enabled_ || now - begin_ < 500ms || (visible_ && now - drawn_ < 100ms) || total == 0) return;
  visible_ = true;
  drawn_ = now;
  write_all(STDERR_FILENO, fmt::format("\r{} {:3}%\x1b[K", what_, done * 100 / total));
}

std::string size_text(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string number_text(uint64_t value) {
  std::string out = fmt::format("{}", value);
  for (size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, " ");
  return out;
}

Result<std::string> read_standard_input() {
  std::string out;
  char chunk[1 << 16];
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::kIo, "standard input cannot be read: {}", std::strerror(errno));
    if (n == 0) return out;
    out.append(chunk, static_cast<size_t>(n));
  }
}

Result<std::string> read_piped_input(const Console& console) {
  struct stat facts {};
  if (::fstat(STDIN_FILENO, &facts) != 0) return "";
  if (S_ISREG(facts.st_mode)) return read_standard_input();
  if (!S_ISFIFO(facts.st_mode) && !S_ISSOCK(facts.st_mode)) return "";  // a terminal, /dev/null
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  int ready = 0;
  do ready = ::poll(&input, 1, kPatienceSeconds * 1000);
  while (ready < 0 && errno == EINTR);
  if (ready != 0) return read_standard_input();
  console.note(fmt::format("nothing came on standard input for {} seconds: the prompt goes without it", kPatienceSeconds));
  return "";
}

}  // namespace hearth::apps

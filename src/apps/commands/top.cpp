// hearth top: what a running server does, live.
#include <unistd.h>

#include <chrono>
#include <thread>

#include "apps/command.h"
#include "apps/top/reading.h"
#include "apps/top/screen.h"
#include "apps/top/view.h"
#include "base/http_client.h"

namespace hearth::apps {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A server that may come back, in contrast to one that will say the same again.
bool may_pass(const Error& error) { return error.code == ErrorCode::kUnavailable; }

class Top final : public Command {
 public:
  void visit(options::OptionList& v) override {
    v.section("Watching");
    v("interval", interval_, "seconds between two readings", options::in_range(0.1, 3600));
    v("api-key", keys_, "a key that the server accepts", options::any().named("KEY"));
    v("once", once_, "print what happens within one interval, and end", options::any().flag_only());
  }

  Result<void> run(const Invocation& call) override {
    if (!call.arguments.empty()) url_ = call.arguments[0];
    while (url_.ends_with('/')) url_.pop_back();
    const Console& console = call.console;
    const bool is_live = !once_ && !console.json() && console.output_is_terminal() && ::isatty(STDIN_FILENO) == 1;
    return is_live ? watch(console) : shoot(console);
  }

 private:
  milliseconds interval() const { return milliseconds(static_cast<int64_t>(interval_ * 1000)); }

  Result<Reading> read(const std::atomic<bool>* is_cancelled) const {
    http::Request request{.url = url_ + "/metrics", .timeout = milliseconds(5000), .is_cancelled = is_cancelled};
    if (!keys_.empty()) request.headers.push_back({"Authorization", "Bearer " + keys_[0]});
    HEARTH_TRY(response, http::get(request));
    const double seconds = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
    if (response.status == 401)
      return fail(ErrorCode::kUnauthorized, "{}: the server wants {} key: --api-key", url_, keys_.empty() ? "a" : "another");
    if (response.status >= 500) return fail(ErrorCode::kUnavailable, "{}: the server answers with status {}", request.url, response.status);
    if (response.status != 200)
      return fail(ErrorCode::kNotFound, "{}: no metrics there, the answer has status {}", request.url, response.status);
    const auto samples = parse_metrics(response.body);
    if (!samples) return at(request.url, samples.error());
    auto reading = read_metrics(*samples, seconds);
    if (!reading) return at(request.url, reading.error());
    return reading;
  }

  Result<void> shoot(const Console& console) const {
    HEARTH_TRY(before, read(nullptr));
    std::this_thread::sleep_for(interval());
    HEARTH_TRY(now, read(nullptr));
    const auto models = compare(&before, now);
    if (console.json()) {
      console.print_json(Json::object({{"url", url_}, {"models", activity_json(models)}}));
      return {};
    }
    for (const Line& line : top_lines(url_, "", models)) console.print(line_text(line, line_limit(console), console.colours()) + "\n");
    return {};
  }

  static size_t line_limit(const Console& console) { return console.output_is_terminal() ? console.columns() : 1000; }

  // What was read last stays on the screen while the server is away.
  Result<void> watch(const Console& console) const {
    Screen screen;
    std::optional<Reading> last;
    std::vector<ModelActivity> models;
    Clock::time_point answered = Clock::now();
    std::string news = "asking the server ...";
    const auto draw = [&] {
      std::vector<std::string> lines;
      for (const Line& line : top_lines(url_, news, models)) lines.push_back(line_text(line, screen.columns() - 1, console.colours()));
      screen.draw(lines);
    };
    draw();
    while (true) {
      const auto due = Clock::now() + interval();
      auto reading = read(&screen.quits());
      if (screen.quits()) return {};
      if (reading) {
        models = compare(last ? &*last : nullptr, *reading);
        last = std::move(*reading);
        answered = Clock::now();
        news.clear();
      } else if (may_pass(reading.error())) {
        const auto away = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - answered);
        news = fmt::format("{} (for {} s; trying again every {} s)", reading.error().text(), away.count(), interval_);
      } else {
        return Failure(reading.error());
      }
      draw();
      while (true) {
        const auto left = std::chrono::ceil<milliseconds>(due - Clock::now());
        const auto event = screen.wait(std::max(left, milliseconds(0)));
        if (event == Screen::Event::kQuit) return {};
        if (event == Screen::Event::kTimeout) break;
        draw();
      }
    }
  }

  std::string url_ = "http://127.0.0.1:8080";
  std::vector<std::string> keys_;
  double interval_ = 2;
  bool once_ = false;
};

}  // namespace

extern const CommandFacts kTop{
    .name = "top",
    .arguments = "[URL]",
    .summary = "watch a running server: requests, rates, latencies, cache",
    .notes = "Without a URL it is http://127.0.0.1:8080. Ends with q or Ctrl-C. --once, --json and output that is no terminal print one\n"
             "interval. Numbers are of the last interval; percentiles are as fine as the server's histograms.",
    .min_arguments = 0,
    .max_arguments = 1,
    .make = &make_command<Top>};

}  // namespace hearth::apps

#include "api/traces/exporter.h"

#include <algorithm>
#include <iterator>

#include "base/http_client.h"
#include "base/log.h"

namespace hearth::api {

std::string traces_url(std::string_view base) {
  constexpr std::string_view kPath = "/v1/traces";
  while (base.ends_with('/')) base.remove_suffix(1);
  return base.ends_with(kPath) ? std::string(base) : fmt::format("{}{}", base, kPath);
}

Exporter::Exporter(ExporterOptions options) : options_(std::move(options)), thread_([this] { run(); }) {}

Exporter::~Exporter() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  news_.notify_all();
  thread_.join();
  if (dropped_ > 0) log::warn("{} spans were lost", dropped_.load());
}

void Exporter::add(std::vector<Span> spans) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() + spans.size() <= options_.queue) {
      std::ranges::move(spans, std::back_inserter(queue_));
      if (queue_.size() >= options_.batch) news_.notify_all();
      return;
    }
  }
  drop(spans.size(), "the queue is full");
}

// Said once: a collector that is away must not fill the log.
void Exporter::drop(size_t spans, std::string_view why) {
  dropped_ += spans;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_said_dropped_, true)) return;
  }
  log::warn("{}: spans are lost: {}; how many is said at the end", options_.url, why);
}

void Exporter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    news_.wait_for(lock, options_.delay, [&] { return is_closing_ || queue_.size() >= options_.batch; });
    if (queue_.empty()) {
      if (is_closing_) return;
      continue;
    }
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.batch));
    const std::vector<Span> batch(std::move_iterator(queue_.begin()), std::move_iterator(end));
    queue_.erase(queue_.begin(), end);
    lock.unlock();
    const bool is_sent = send(batch);
    lock.lock();
    if (is_sent || !is_closing_) continue;
    const size_t left = queue_.size();  // the collector is away: the rest would meet the same
    queue_.clear();
    lock.unlock();
    if (left > 0) drop(left, "the server ends and the collector is away");
    return;
  }
}

// The queue fills meanwhile; its bound is what limits a collector's absence.
bool Exporter::send(const std::vector<Span>& batch) {
  const std::string body = otlp_json(batch, options_.service, options_.version).dump();
  auto pause = options_.first_pause;
  while (true) {
    const bool is_last = is_closing_;
    const Sent sent = try_once(body);
    if (sent == Sent::kYes) return true;
    if (sent == Sent::kNever || is_last) {
      drop(batch.size(), sent == Sent::kNever ? "the collector refuses them" : "the server ends and the collector is away");
      return false;
    }
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, pause, [&] { return is_closing_.load(); });
    pause = std::min(2 * pause, options_.longest_pause);
  }
}

Exporter::Sent Exporter::try_once(const std::string& body) {
  http::Request request{.url = options_.url, .headers = {{"Content-Type", "application/json"}}, .body = body};
  request.timeout = options_.patience;
  if (is_closing_) request.timeout = request.connect_timeout = std::min(options_.patience, std::chrono::milliseconds(2'000));
  const auto response = http::post(request);
  if (!response) {
    log::debug("spans: {}", response.error().text());
    return response.error().code == ErrorCode::kUnavailable ? Sent::kLater : Sent::kNever;
  }
  const int status = response->status;
  if (status >= 200 && status < 300) return Sent::kYes;
  log::debug("spans: {}: status {}", options_.url, status);
  return status == 429 || status == 502 || status == 503 || status == 504 ? Sent::kLater : Sent::kNever;  // as OTLP lists them
}

}  // namespace hearth::api

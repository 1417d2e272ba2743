#include "api/http/exchange.h"

#include <fmt/format.h>

#include <utility>

#include "api/http/errors.h"
#include "base/check.h"

namespace hearth::api {

Exchange::Exchange(std::shared_ptr<const Request> request, size_t unread_bytes, std::function<void()> wake)
    : request_(std::move(request)), unread_bytes_(unread_bytes), wake_(std::move(wake)), keeps_alive_(request_->keeps_alive) {
  headers_.push_back({"x-request-id", request_->id});
}

Exchange::~Exchange() = default;

void Exchange::add_header(std::string name, std::string value) {
  const std::lock_guard lock(mutex_);
  headers_.push_back({std::move(name), std::move(value)});
}

std::string Exchange::head(const Response& response, bool whole) {
  status_ = response.status;
  is_chunked_ = !whole && !request_->is_http_1_0;
  keeps_alive_ = keeps_alive_ && (whole || is_chunked_);
  has_body_ = request_->method != "HEAD" && response.status != 204;
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, status_text(response.status));
  if (!response.content_type.empty() && response.status != 204) out += fmt::format("Content-Type: {}\r\n", response.content_type);
  if (whole && response.status != 204) out += fmt::format("Content-Length: {}\r\n", response.body.size());
  if (is_chunked_) out += "Transfer-Encoding: chunked\r\n";
  if (!keeps_alive_) out += "Connection: close\r\n";
  else if (request_->is_http_1_0) out += "Connection: keep-alive\r\n";
  headers_.insert(headers_.end(), response.headers.begin(), response.headers.end());
  for (const auto& header : headers_) out += fmt::format("{}: {}\r\n", header.name, header.value);
  return out + "\r\n";
}

void Exchange::send(Response response) {
  std::function<void()> dropped;  // destroyed outside the lock: it may hold the last reference to a writer
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kWaiting) return;
    dropped.swap(when_gone_);
    pending_ += head(response, /*whole=*/true);
    if (has_body_) pending_ += response.body;
    state_ = State::kEnded;
  }
  wake_();
}

void Exchange::begin(Response response) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kWaiting) return;
    pending_ += head(response, /*whole=*/false);
    is_event_stream_ = response.content_type.starts_with("text/event-stream");
    state_ = State::kStreaming;
    frame(response.body);
  }
  wake_();
}

// A chunk of its own for whatever is written at once; the socket sees all that is pending as one.
void Exchange::frame(std::string_view bytes) {
  if (bytes.empty() || !has_body_) return;
  if (is_chunked_) fmt::format_to(std::back_inserter(pending_), "{:x}\r\n", bytes.size());
  pending_ += bytes;
  if (is_chunked_) pending_ += "\r\n";
}

bool Exchange::write(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    HEARTH_CHECK(state_ != State::kWaiting, "a stream is written before it has begun");
    if (state_ != State::kStreaming || is_gone_ || is_cut_) return false;
    frame(bytes);
    is_cut_ = pending_.size() > unread_bytes_;
    if (is_cut_) pending_.clear();
  }
  wake_();
  return true;
}

void Exchange::end() {
  std::function<void()> dropped;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kStreaming) return;
    if (is_chunked_ && has_body_) pending_ += "0\r\n\r\n";
    state_ = State::kEnded;
    dropped.swap(when_gone_);
  }
  wake_();
}

void Exchange::abandon() {
  std::function<void()> dropped;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kEnded) return;
    dropped.swap(when_gone_);
    if (state_ == State::kStreaming) {
      keeps_alive_ = false, is_cut_ = true;
    } else if (!is_gone_) {
      const Response failed = error_response({ErrorCode::kInternal, "the request failed inside the server", {}});
      pending_ += head(failed, /*whole=*/true);
      if (has_body_) pending_ += failed.body;
    }
    state_ = State::kEnded;
  }
  wake_();
}

void Exchange::when_gone(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kEnded) return;
    if (!is_gone_) {
      when_gone_ = std::move(call);
      return;
    }
  }
  call();
}

Exchange::News Exchange::take() {
  const std::lock_guard lock(mutex_);
  News news{std::exchange(pending_, {}), state_ == State::kEnded, is_cut_};
  sent_bytes_ += news.bytes.size();
  return news;
}

void Exchange::leave() {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    is_gone_ = true;
    call = std::exchange(when_gone_, nullptr);
  }
  if (call) call();
}

void Exchange::closes_connection() {
  const std::lock_guard lock(mutex_);
  keeps_alive_ = false;
}

bool Exchange::keeps_alive() const {
  const std::lock_guard lock(mutex_);
  return keeps_alive_;
}

bool Exchange::is_cut() const {
  const std::lock_guard lock(mutex_);
  return is_cut_;
}

bool Exchange::is_gone() const {
  const std::lock_guard lock(mutex_);
  return is_gone_ || is_cut_;
}

size_t Exchange::sent_bytes() const {
  const std::lock_guard lock(mutex_);
  return sent_bytes_;
}

int Exchange::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

bool Exchange::is_event_stream() const {
  const std::lock_guard lock(mutex_);
  return is_event_stream_;
}

}  // namespace hearth::api

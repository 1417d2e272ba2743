#include "api/http/connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/http/access.h"
#include "api/http/errors.h"
#include "base/log.h"
#include "base/random.h"

namespace hearth::api {

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using boost::system::error_code;

constexpr std::chrono::milliseconds kForEver{24LL * 3600 * 1000};
constexpr std::chrono::milliseconds kLingerTime{1000};
constexpr size_t kReadBytes = 16 << 10;

// A client's own id is taken over where it can stand in logs and headers as it is.
std::string request_id(const Request& request) {
  const std::string_view given = request.header("x-request-id");
  const auto is_sane = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == ':';
  };
  if (!given.empty() && given.size() <= 128 && std::ranges::all_of(given, is_sane)) return std::string(given);
  return fmt::format("req-{:016x}", random_seed());
}

Error no_room(const Limits& limits) {
  constexpr uint32_t kRetryAfter = 5;  // seconds
  Error busy{ErrorCode::kBusy,
             fmt::format("large requests on their way in fill the {} MB for their bodies, or this key's part of them: try again in {} s",
                         limits.arriving_bytes >> 20, kRetryAfter),
             {}};
  busy.retry_after_seconds = kRetryAfter;
  return busy;
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, std::unique_ptr<Stream> stream, const ServerOptions& options,
                       const Handler& handler, const Admission& admits, BodyRoom& bodies)
    : executor_(executor), stream_(std::move(stream)), options_(options), limits_(options.limits), handler_(handler), admits_(admits),
      bodies_(bodies), parser_(limits_.header_bytes, limits_.body_bytes), deadline_(executor), news_(executor), room_(executor) {}

void Connection::expire_in(Milliseconds time) {
  is_late_ = false;
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->deadline_.expiry() > Clock::now()) return;
    self->is_late_ = true;
    if (self->is_writing_) self->close();
    self->wake();
  });
}

awaitable<bool> Connection::wait(Milliseconds most) {
  error_code error;
  news_.expires_after(most);
  co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return error == asio::error::operation_aborted;
}

// A client that does not read keeps a write waiting: it ends with the socket.
void Connection::on_news() {
  const auto exchange = exchange_.lock();
  if (is_writing_ && exchange != nullptr && exchange->is_cut()) close();
  wake();
}

void Connection::close() {
  error_code ignored;
  stream_->socket().close(ignored);
}

void Connection::drain() {
  is_draining_ = true;
  if (const auto exchange = exchange_.lock()) exchange->closes_connection();
  wake();
}

void Connection::cut() {
  is_over_ = true;
  close();
  wake();
}

awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  error_code error;
  is_writing_ = true;  // a late handshake closes the socket
  expire_in(limits_.header_time);
  co_await stream_->handshake(error);
  is_writing_ = false;
  if (!error) {
    asio::co_spawn(executor_, [self]() { return self->read_loop(); }, asio::detached);
    while (true) {
      auto request = co_await next_request();
      if (!request) {
        co_await refuse(std::move(request).error());
        co_await linger();
        break;
      }
      if (!*request) break;
      (*request)->id = request_id(**request);
      const bool goes_on = co_await answer(std::move(**request));
      if (leaves_body_) co_await linger();
      if (!goes_on || leaves_body_) break;
    }
  }
  never_expire();
  close();
  room_.cancel();
}

awaitable<void> Connection::read_loop() {
  const auto self = shared_from_this();
  const size_t most = std::max(limits_.header_bytes, kReadBytes) + kReadBytes;
  std::string chunk(kReadBytes, '\0');
  error_code error;
  while (!is_over_) {
    if (input_.size() >= most) {
      room_.expires_after(kForEver);
      co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (!stream_->socket().is_open()) break;
      continue;
    }
    const size_t bytes = co_await stream_->read_some(asio::buffer(chunk), error);
    if (error) break;
    input_.append(chunk, 0, bytes);
    wake();
  }
  is_over_ = true;
  wake();
}

// Room for a body of so many bytes; no more than a buffer's worth of it is read meanwhile. Null: the connection was cut.
awaitable<Result<std::unique_ptr<BodyRoom::Claim>>> Connection::find_room(size_t bytes) {
  const auto head = parser_.head();
  auto claim = bodies_.claim(head ? client_key(*head) : "", bytes, [this] { wake(); });
  expire_in(limits_.room_time);
  while (!claim->has_room()) {
    if (!stream_->socket().is_open()) co_return nullptr;
    if (is_late_) co_return Failure(no_room(limits_));
    co_await wait(kForEver);
  }
  co_return claim;
}

// Nothing: the connection ends between requests.
awaitable<Result<std::optional<Request>>> Connection::next_request() {
  bool has_begun = false, is_in_body = false, is_continued = false;
  size_t most_body = 0;
  std::unique_ptr<BodyRoom::Claim> room;  // of a body that is not small
  idle_since_ = Clock::now();
  expire_in(limits_.idle_time);
  while (true) {
    size_t taken = 0;
    if (!input_.empty()) {
      if (!has_begun) expire_in(limits_.header_time);
      has_begun = true;
      idle_since_.reset();
      const auto fed = parser_.feed(input_);
      if (!fed) co_return Failure(fed.error());
      taken = *fed;
      input_.erase(0, taken);
      room_.cancel();
    }
    if (parser_.is_done()) break;
    if (parser_.has_header() && !is_in_body) {
      is_in_body = true;
      auto head = parser_.head();
      if (!head) co_return Failure(head.error());
      const auto body_bytes = admits_(*head);
      if (!body_bytes) {
        leaves_body_ = true;
        head->keeps_alive = false;
        never_expire();
        co_return std::optional<Request>(std::move(*head));
      }
      if (const auto fits = parser_.limit_body(*body_bytes); !fits) co_return Failure(fits.error());
      most_body = parser_.announced_body().value_or(*body_bytes);
      expire_in(limits_.body_time);
    }
    if (is_in_body && room == nullptr && parser_.announced_body().value_or(parser_.arrived_body()) > limits_.free_body_bytes) {
      auto found = co_await find_room(most_body);
      if (!found) co_return Failure(std::move(found).error());
      if (*found == nullptr) co_return std::optional<Request>();
      room = std::move(*found);
      expire_in(limits_.body_time);
    }
    if (is_in_body && !is_continued && parser_.expects_continue()) {
      is_continued = true;
      if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n")) co_return std::optional<Request>();
      expire_in(limits_.body_time);
    }
    if (taken > 0 && !input_.empty()) continue;
    if (is_over_ || (!has_begun && (is_late_ || is_draining_))) co_return std::optional<Request>();
    if (is_late_) co_return fail(ErrorCode::kTimeout, "the request did not arrive in time");
    co_await wait(kForEver);
  }
  never_expire();
  auto request = parser_.take();
  if (!request) co_return Failure(request.error());
  co_return std::optional<Request>(std::move(*request));
}

std::shared_ptr<Exchange> Connection::open_exchange(std::shared_ptr<const Request> request) {
  auto exchange = std::make_shared<Exchange>(
      std::move(request), limits_.unread_bytes, [executor = executor_, weak = weak_from_this()] {
        asio::post(executor, [weak] {
          if (const auto self = weak.lock()) self->on_news();
        });
      });
  if (is_draining_) exchange->closes_connection();
  exchange_ = exchange;
  return exchange;
}

// Returns whether the connection goes on. The body is the handler's alone, so that it goes when nobody needs it any more.
awaitable<bool> Connection::answer(Request whole) {
  const auto begin = Clock::now();
  std::string body = std::exchange(whole.body, {});
  const auto request = std::make_shared<const Request>(whole);
  whole.body = std::move(body);
  const auto exchange = open_exchange(request);
  handler_(std::make_shared<const Request>(std::move(whole)),
           std::shared_ptr<ResponseWriter>(exchange.get(), [exchange](ResponseWriter*) { exchange->abandon(); }));
  bool is_whole = false;
  while (!is_whole) {
    const Exchange::News news = exchange->take();
    if (news.is_cut) break;
    if (!news.bytes.empty() && !co_await write(news.bytes)) break;
    is_whole = news.is_complete;
    if (is_whole || !news.bytes.empty()) continue;
    if (is_over_) break;
    const bool has_news = co_await wait(limits_.ping_time);
    if (!has_news && exchange->is_event_stream()) exchange->write(":\n\n");
  }
  if (!is_whole && (is_late_ || exchange->is_cut()))
    log::warn("request {}: the client reads too slowly, its answer is cut", request->id);
  if (!is_whole) exchange->leave();
  options_.answered(exchange->status());
  log::event(log::Level::kInfo, "request",
             Json::object({{"id", request->id}, {"method", request->method}, {"path", request->path}, {"status", exchange->status()},
                           {"bytes", exchange->sent_bytes()}, {"whole", is_whole},
                           {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count()}}));
  co_return is_whole && exchange->keeps_alive();
}

awaitable<void> Connection::refuse(Error error) {
  const auto request = std::make_shared<Request>(parser_.has_header() ? parser_.head().value_or(Request()) : Request());
  request->id = request_id(*request);
  request->keeps_alive = false;
  Exchange exchange(request, limits_.unread_bytes, [] {});
  exchange.send(error_response(error));
  options_.answered(exchange.status());
  log::event(log::Level::kInfo, "request",
             Json::object({{"id", request->id}, {"method", request->method}, {"path", request->path}, {"status", exchange.status()},
                           {"refused", error.text()}}));
  const std::string bytes = exchange.take().bytes;
  co_await write(bytes);
}

awaitable<bool> Connection::write(const std::string& bytes) {
  error_code error;
  is_writing_ = true;
  expire_in(limits_.write_time);
  co_await stream_->write(asio::buffer(bytes), error);
  is_writing_ = false;
  if (!is_late_) never_expire();
  co_return !error;
}

// Closing while unread bytes wait resets the connection, and the client may lose the answer: its bytes are read for a while.
awaitable<void> Connection::linger() {
  error_code error;
  stream_->socket().shutdown(Socket::shutdown_send, error);
  expire_in(kLingerTime);
  while (!error && !is_over_ && !is_late_) {
    input_.clear();
    room_.cancel();
    co_await wait(kLingerTime);
  }
}

}  // namespace hearth::api

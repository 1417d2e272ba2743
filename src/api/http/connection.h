#pragma once
// One connection: its requests one after the other. A reader coroutine fills a bounded buffer all the time, so that a client
// that goes is noticed while its answer is being made; a second coroutine parses, hands over and writes. Included by the
// server alone; everything runs on its thread.
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "api/http/body_room.h"
#include "api/http/exchange.h"
#include "api/http/parser.h"
#include "api/http/server.h"
#include "api/http/stream.h"

namespace hearth::api {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::any_io_executor executor, std::unique_ptr<Stream> stream, const ServerOptions& options, const Handler& handler,
             const Admission& admits, BodyRoom& bodies);

  boost::asio::awaitable<void> run();  // to the connection's end

  void drain();  // ends after the present request, at once if there is none
  void cut();    // ends now

  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> idle_since() const { return idle_since_; }  // nothing of a next request is here

 private:
  using Milliseconds = std::chrono::milliseconds;

  boost::asio::awaitable<void> read_loop();
  boost::asio::awaitable<Result<std::optional<Request>>> next_request();
  boost::asio::awaitable<Result<std::unique_ptr<BodyRoom::Claim>>> find_room(size_t bytes);
  boost::asio::awaitable<bool> answer(Request request);
  boost::asio::awaitable<void> refuse(Error error);
  boost::asio::awaitable<bool> write(const std::string& bytes);
  boost::asio::awaitable<void> linger();
  boost::asio::awaitable<bool> wait(Milliseconds most);  // false: the time is over
  std::shared_ptr<Exchange> open_exchange(std::shared_ptr<const Request> request);
  void wake() { news_.cancel(); }
  void on_news();  // of the exchange
  void expire_in(Milliseconds time);
  void never_expire() { deadline_.cancel(); }
  void close();

  boost::asio::any_io_executor executor_;
  std::unique_ptr<Stream> stream_;
  const ServerOptions& options_;
  const Limits& limits_;
  const Handler& handler_;
  const Admission& admits_;
  BodyRoom& bodies_;
  RequestParser parser_;
  boost::asio::steady_timer deadline_, news_, room_;
  std::string input_;                  // read and not yet parsed
  std::weak_ptr<Exchange> exchange_;   // of the present request
  bool is_over_ = false;               // nothing more can be read
  bool is_late_ = false;               // a deadline has passed
  bool is_draining_ = false, is_writing_ = false;
  bool leaves_body_ = false;           // of a request that was refused before it
  std::optional<Clock::time_point> idle_since_;
};

}  // namespace hearth::api

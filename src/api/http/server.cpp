#include "api/http/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <new>
#include <set>

#include "api/http/connection.h"
#include "base/log.h"

namespace hearth::api {

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

class AsioServer final : public Server {
 public:
  explicit AsioServer(const ServerOptions& options)
      : options_(options), bodies_(options.limits.arriving_bytes), workers_(options.workers), brief_worker_(1), signals_(io_), tcp_(io_), local_(io_),
        patience_(io_) {}
  ~AsioServer() override {
    join_workers();
    if (local_.is_open() || is_bound_locally_) ::unlink(options_.unix_socket.c_str());
  }

  Result<void> open() {
    if (!options_.tls_certificate.empty() || !options_.tls_key.empty()) HEARTH_TRY_VOID(load_certificate());
    return options_.unix_socket.empty() ? open_tcp() : open_local();
  }

  void run(Handler handler, Admission admits, std::function<void()> draining) override;
  void stop() override {
    asio::post(io_, [this] { drain(); });
  }
  Result<void> work(size_t bytes, std::function<void()> task) override;
  void work_briefly(std::function<void()> task) override {
    asio::post(brief_worker_, [this, task = std::move(task)] { run_task(task); });
  }
  std::string address() const override { return address_; }

 private:
  Result<void> load_certificate();
  Result<void> open_tcp();
  Result<void> open_local();
  template <class Acceptor>
  awaitable<void> accept_loop(Acceptor& acceptor);
  void start(Socket socket);
  bool make_room();
  void run_task(const std::function<void()>& task) const;
  void join_workers() {
    {
      const std::lock_guard lock(working_);
      has_ended_ = true;
    }
    workers_.join();
    brief_worker_.join();
  }
  void wait_for_signal();
  void drain();
  void cut();

  const ServerOptions options_;
  BodyRoom bodies_;                   // outlives the connections, which end with io_
  asio::io_context io_{1};
  asio::thread_pool workers_, brief_worker_;
  std::mutex working_;                // guards the next two
  size_t waiting_bytes_ = 0;          // of tasks for workers
  bool has_ended_ = false;            // workers take no more
  std::atomic<bool> is_cut_{false};   // nobody waits for what has not begun
  asio::signal_set signals_;
  std::unique_ptr<asio::ssl::context> tls_;
  tcp::acceptor tcp_;
  Local::acceptor local_;
  asio::steady_timer patience_;   // with those who drain
  std::string address_;
  bool is_bound_locally_ = false, is_draining_ = false;
  Handler handler_;
  Admission admits_;
  std::function<void()> draining_;
  std::set<std::shared_ptr<Connection>> connections_;
};

Result<void> AsioServer::load_certificate() {
  error_code error;
  tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  tls_->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
  if (!error) tls_->use_certificate_chain_file(options_.tls_certificate, error);
  if (error) return fail(ErrorCode::kInvalidArgument, "the certificate '{}' cannot be used: {}", options_.tls_certificate, error.message());
  tls_->use_private_key_file(options_.tls_key, asio::ssl::context::pem, error);
  if (error) return fail(ErrorCode::kInvalidArgument, "the key '{}' cannot be used: {}", options_.tls_key, error.message());
  return {};
}

Result<void> AsioServer::open_tcp() {
  error_code error;
  tcp::resolver resolver(io_);
  const auto found = resolver.resolve(options_.host, std::to_string(options_.port), tcp::resolver::passive, error);
  if (error || found.empty())
    return fail(ErrorCode::kInvalidArgument, "there is no address '{}' to listen on: {}", options_.host, error.message());
  const tcp::endpoint endpoint = found.begin()->endpoint();
  tcp_.open(endpoint.protocol(), error);
  if (!error) tcp_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) tcp_.bind(endpoint, error);
  if (!error) tcp_.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return fail(ErrorCode::kUnavailable, "cannot listen on {} port {}: {} (choose another with --port)", options_.host,
                options_.port, error.message());
  const std::string shown = options_.host.contains(':') ? "[" + options_.host + "]" : options_.host;
  address_ = fmt::format("http{}://{}:{}", tls_ ? "s" : "", shown, tcp_.local_endpoint(error).port());
  return {};
}

Result<void> AsioServer::open_local() {
  const std::string& path = options_.unix_socket;
  error_code error;
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) {  // left behind by a server that was killed, or in use
    Local::socket probe(io_);
    if (S_ISSOCK(found.st_mode)) probe.connect(Local::endpoint(path), error);
    if (!S_ISSOCK(found.st_mode) || !error) return fail(ErrorCode::kCannotCreate, "'{}' exists already and is in use", path);
    ::unlink(path.c_str());
  }
  if (path.size() >= 108) return fail(ErrorCode::kInvalidArgument, "the path of a unix socket has at most 107 bytes, '{}' has {}", path, path.size());
  error = {};
  local_.open(Local(), error);
  const mode_t before = ::umask(0117);  // for its owner and group
  if (!error) local_.bind(Local::endpoint(path), error);
  ::umask(before);
  is_bound_locally_ = !error;
  if (!error) local_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(ErrorCode::kCannotCreate, "cannot listen on '{}': {}", path, error.message());
  address_ = "unix:" + path;
  return {};
}

Result<void> AsioServer::work(size_t bytes, std::function<void()> task) {
  const size_t counted = std::max<size_t>(bytes, 64 << 10);
  const std::lock_guard lock(working_);
  if (has_ended_) return fail(ErrorCode::kUnavailable, "the server is shutting down");
  if (waiting_bytes_ + counted > options_.limits.work_bytes) return fail(ErrorCode::kBusy, "too many requests wait to be read; try again");
  asio::post(workers_, [this, counted, task = std::move(task)] {
    {
      const std::lock_guard lock(working_);
      waiting_bytes_ -= counted;
    }
    run_task(task);
  });
  waiting_bytes_ += counted;  // the task waits for the lock
  return {};
}

// A task without memory ends what it was about: its writer goes with it, and the request has failed.
void AsioServer::run_task(const std::function<void()>& task) const {
  if (is_cut_) return;
  try {
    task();
  } catch (const std::bad_alloc&) {
    log::warn("memory ran out in a request");
  }
}

template <class Acceptor>
awaitable<void> AsioServer::accept_loop(Acceptor& acceptor) {
  while (acceptor.is_open()) {
    Socket socket(io_);
    error_code error;
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
    if (!error) {
      start(std::move(socket));
      continue;
    }
    log::warn("a connection cannot be accepted: {}", error.message());
    asio::steady_timer pause(io_, std::chrono::milliseconds(100));  // file descriptors may be used up
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

// The connection that has waited longest for a next request ends. Otherwise one peer could hold all of them.
bool AsioServer::make_room() {
  if (connections_.size() < options_.limits.connections) return true;
  std::shared_ptr<Connection> longest;
  for (const auto& connection : connections_) {
    if (connection->idle_since() && (longest == nullptr || *connection->idle_since() < *longest->idle_since())) longest = connection;
  }
  if (longest == nullptr) return false;
  longest->cut();
  connections_.erase(longest);
  return true;
}

void AsioServer::start(Socket socket) {
  error_code ignored;
  if (!make_room()) {
    log::warn("{} connections are in use, another is refused", connections_.size());
    socket.non_blocking(true, ignored);
    if (!tls_) socket.write_some(asio::buffer(kFull), ignored);
    return;
  }
  if (tcp_.is_open()) socket.set_option(tcp::no_delay(true), ignored);
  auto stream = tls_ ? make_tls_stream(std::move(socket), *tls_) : make_plain_stream(std::move(socket));
  auto connection = std::make_shared<Connection>(io_.get_executor(), std::move(stream), options_, handler_, admits_, bodies_);
  connections_.insert(connection);
  asio::co_spawn(io_, [connection] { return connection->run(); }, [this, connection](std::exception_ptr thrown) {
    if (thrown) log::warn("a connection failed: it is closed");
    connections_.erase(connection);
    if (is_draining_ && connections_.empty()) io_.stop();
  });
}

void AsioServer::wait_for_signal() {
  signals_.async_wait([this](error_code error, int) {
    if (error) return;
    is_draining_ ? cut() : drain();
    wait_for_signal();
  });
}

void AsioServer::drain() {
  if (is_draining_) return;
  is_draining_ = true;
  error_code ignored;
  tcp_.close(ignored);
  local_.close(ignored);
  draining_();
  log::info("stopping: {} connections are open", connections_.size());
  if (connections_.empty()) return io_.stop();
  for (const auto& connection : connections_) connection->drain();
  patience_.expires_after(options_.drain_time);
  patience_.async_wait([this](error_code error) {
    if (!error) cut();
  });
}

void AsioServer::cut() {
  log::warn("stopping: {} connections are cut", connections_.size());
  is_cut_ = true;
  for (const auto& connection : std::set(connections_)) connection->cut();
}

void AsioServer::run(Handler handler, Admission admits, std::function<void()> draining) {
  handler_ = std::move(handler);
  admits_ = std::move(admits);
  draining_ = std::move(draining);
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  wait_for_signal();
  if (tcp_.is_open()) asio::co_spawn(io_, accept_loop(tcp_), asio::detached);
  if (local_.is_open()) asio::co_spawn(io_, accept_loop(local_), asio::detached);
  io_.run();
  error_code ignored;
  signals_.clear(ignored);
  join_workers();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(const ServerOptions& options) {
  auto server = std::make_unique<AsioServer>(options);
  HEARTH_TRY_VOID(server->open());
  return server;
}

}  // namespace hearth::api

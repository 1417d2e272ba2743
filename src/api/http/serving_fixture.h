#pragma once
// A server on a free port, and clients that write its bytes by hand: what tests over real sockets share.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "api/http/errors.h"
#include "api/http/server.h"
#include "base/test_folder.h"

namespace hearth::api {

using namespace std::chrono_literals;

// A blocking socket; reads give up after ten seconds.
class Client {
 public:
  explicit Client(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  explicit Client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connect(reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  ~Client() { ::close(socket_); }

  void send(std::string_view bytes) { ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Until `end` stands in what came, or the server closes.
  std::string read_until(std::string_view end) {
    std::string out;
    char chunk[4096];
    while (out.find(end) == out.npos) {
      const ssize_t n = ::recv(socket_, chunk, sizeof chunk, 0);
      if (n <= 0) break;
      out.append(chunk, static_cast<size_t>(n));
    }
    return out;
  }
  std::string read_all() { return read_until("\x01never"); }

 private:
  void connect(sockaddr* address, socklen_t size) {
    const timeval patience{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(socket_, address, size), 0) << std::strerror(errno);
  }
  int socket_;
};

// What a test waits for.
class Event {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    came_.notify_all();
  }
  bool wait(std::chrono::milliseconds most = 10s) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, most, [this] { return is_set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  bool is_set_ = false;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

class Serving : public ::testing::Test {
 protected:
  void start(Handler handler) {
    options_.port = 0;
    auto server = Server::listen(options_);
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    const std::string address = server_->address();
    if (options_.unix_socket.empty()) port_ = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    thread_ = std::thread([this, handler] { server_->run(handler, admits_, [] {}); });
  }
  void echo() {
    start([](auto request, auto writer) { writer->send({.body = request->path + request->body, .content_type = "text/plain"}); });
  }
  Admission admits_ = [](const Request&) { return std::optional<size_t>(1 << 20); };
  void TearDown() override {
    if (server_ != nullptr) server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  uint16_t port_ = 0;
};

}  // namespace hearth::api

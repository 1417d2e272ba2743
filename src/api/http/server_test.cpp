// The server over real sockets: what is answered, what is cut, what ends it.
#include "api/http/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "api/http/errors.h"
#include "base/test_folder.h"

namespace hearth::api {
namespace {

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

TEST_F(Serving, AnswersInOrderOnOneConnection) {
  echo();
  Client client(port_);
  client.send(std::string(kGet) + "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy" + "GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_all();
  const size_t a = all.find("\r\n\r\n/aHTTP"), b = all.find("\r\n\r\n/bxyHTTP"), c = all.find("\r\n\r\n/c");
  EXPECT_TRUE(a < b && b < c && c == all.size() - 6) << all;
}

TEST_F(Serving, SaysWhatIsWrongAndCloses) {
  options_.limits.body_bytes = 10;
  options_.limits.header_bytes = 200;
  echo();
  for (const auto& [bytes, status] : {std::pair<std::string, std::string>("NONSENSE\r\n\r\n", "400 Bad Request"),
                                      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", "413 Content Too Large"},
                                      {"GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(300, 'x') + "\r\n\r\n", "413 Content Too Large"}}) {
    Client client(port_);
    client.send(bytes);
    const std::string answer = client.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + status)) << answer;
    EXPECT_NE(answer.find("Connection: close"), answer.npos);
    EXPECT_NE(answer.find("\"error\""), answer.npos);
  }
}

TEST_F(Serving, ARefusedBodyDoesNotCostTheAnswer) {
  options_.limits.body_bytes = 10;
  echo();
  Client client(port_);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + std::string(200'000, 'x'));
  EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 413 "));
}

TEST_F(Serving, SlowRequestsAreEnded) {
  options_.limits.header_time = 100ms;
  options_.limits.body_time = 100ms;
  echo();
  Client header(port_), body(port_);
  header.send("GET / HT");
  body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_TRUE(header.read_all().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(body.read_all().starts_with("HTTP/1.1 408 "));
}

TEST_F(Serving, IdleConnectionsAreEnded) {
  options_.limits.idle_time = 100ms;
  echo();
  EXPECT_EQ(Client(port_).read_all(), "");
}

TEST_F(Serving, DripsDoNotExtendADeadline) {
  options_.limits.header_time = 200ms;
  echo();
  Client client(port_);
  client.send("GET / HTTP/1.1\r\n");
  Event done;
  std::thread dripping([&] {
    for (int i = 0; i < 100 && !done.wait(20ms); ++i) client.send("A: b\r\n");
  });
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 408 "));
  done.set();
  dripping.join();
}

TEST_F(Serving, ContinuesWhenAsked) {
  echo();
  Client client(port_);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_NE(client.read_until("/xok").find("200 OK"), std::string::npos);
}

TEST_F(Serving, ABodyThatWasAskedForMustCome) {
  options_.limits.body_time = 100ms;
  echo();
  Client client(port_);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  const std::string all = client.read_all();
  EXPECT_NE(all.find("HTTP/1.1 408 "), std::string::npos) << all;
}

TEST_F(Serving, WhoIsRefusedSendsNoBody) {
  admits_ = [](const Request& head) { return head.header("x-key") == "k" ? std::optional<size_t>(100) : std::nullopt; };
  start([](auto request, auto writer) {
    writer->add_header("X-Seen", request->path);
    if (request->header("x-key") != "k") return writer->send(error_response({ErrorCode::kUnauthorized, "no key", {}}));
    writer->send({.body = request->path + request->body, .content_type = "text/plain"});
  });
  for (const char* expects : {"", "Expect: 100-continue\r\n"}) {
    Client refused(port_), admitted(port_);
    refused.send(fmt::format("POST /x HTTP/1.1\r\nHost: h\r\n{}Content-Length: 30000000\r\n\r\nab", expects));
    const std::string answer = refused.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 401 ")) << answer;
    EXPECT_NE(answer.find("X-Seen: /x"), std::string::npos) << answer;
    admitted.send(fmt::format("POST /x HTTP/1.1\r\nHost: h\r\nX-Key: k\r\n{}Content-Length: 4\r\n\r\nab", expects));
    admitted.send("cd");
    EXPECT_NE(admitted.read_until("/xabcd").find("200 OK"), std::string::npos);
  }
}

TEST_F(Serving, BodiesAreAsLargeAsTheirPathWants) {
  admits_ = [](const Request&) { return std::optional<size_t>(4); };
  echo();
  for (const char* body : {"Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\n"}) {
    Client client(port_);
    client.send(fmt::format("POST /x HTTP/1.1\r\nHost: h\r\n{}", body));
    EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 413 ")) << body;
  }
  Client client(port_);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
  client.send("2\r\ncd\r\n0\r\n\r\n");
  EXPECT_NE(client.read_until("/xabcd").find("200 OK"), std::string::npos);
}

// Bodies beyond 1 KB share room for 300 KB; all of one key, so one is read at a time.
class LargeBodies : public Serving {
 protected:
  LargeBodies() {
    options_.limits.free_body_bytes = 1 << 10;
    options_.limits.arriving_bytes = 300 << 10;
  }
  static std::string head(const std::string& length) { return fmt::format("POST / HTTP/1.1\r\nHost: h\r\n{}\r\n\r\n", length); }
  void count() {
    start([this](auto request, auto writer) {
      if (request->body.size() > 1 << 10) ++answered_;
      writer->send({.body = fmt::format("{} bytes.", request->body.size()), .content_type = "text/plain"});
    });
  }
  // Sends half of a body that has room.
  void begin(Client& client) {
    client.send(head(fmt::format("Expect: 100-continue\r\nContent-Length: {}", kBytes)));
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(half_);
  }
  static constexpr size_t kBytes = 200'000;
  const std::string half_ = std::string(kBytes / 2, 'x');
  const std::string announced_ = head(fmt::format("Content-Length: {}", kBytes)), in_chunks_ = head("Transfer-Encoding: chunked");
  const std::string chunk_ = fmt::format("{:x}\r\n{}\r\n", half_.size(), half_);
  std::atomic<int> answered_{0};
};

TEST_F(LargeBodies, WaitForEachOtherAndSmallOnesPass) {
  count();
  Client first(port_);
  begin(first);
  Client second(port_), third(port_);
  second.send(announced_ + half_ + half_);
  third.send(in_chunks_ + chunk_ + chunk_ + "0\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    Client small(port_);
    small.send(head("Content-Length: 1024") + std::string(1024, 'x'));
    EXPECT_NE(small.read_until("1024 bytes.").find("200 OK"), std::string::npos);
  }
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(answered_, 0);
  Client other(port_);
  other.send(head("Authorization: Bearer other\r\nContent-Length: 90000") + std::string(90'000, 'x'));
  EXPECT_NE(other.read_until("90000 bytes.").find("200 OK"), std::string::npos);
  first.send(half_);
  for (Client* client : {&first, &second, &third}) EXPECT_NE(client->read_until("200000 bytes.").find("200 OK"), std::string::npos);
}

TEST_F(LargeBodies, AreRefusedWhereNoRoomComesInTime) {
  options_.limits.room_time = 100ms;
  count();
  Client first(port_);
  begin(first);
  for (const std::string& request : {announced_ + half_ + half_, in_chunks_ + chunk_}) {
    Client second(port_);
    second.send(request);
    const std::string answer = second.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 429 ")) << answer;
    EXPECT_NE(answer.find("Retry-After: 5"), answer.npos) << answer;
    EXPECT_NE(answer.find("large requests on their way in"), answer.npos) << answer;
  }
  first.send(half_);
  EXPECT_NE(first.read_until("200000 bytes.").find("200 OK"), std::string::npos);
}

TEST_F(LargeBodies, GiveTheirRoomBackWhenTheirClientGoes) {
  count();
  auto first = std::make_unique<Client>(port_);
  begin(*first);
  Client second(port_);
  second.send(announced_ + half_ + half_);
  first.reset();
  EXPECT_NE(second.read_until("200000 bytes.").find("200 OK"), std::string::npos);
}

TEST_F(LargeBodies, AreAskedForOnceThereIsRoom) {
  count();
  Client first(port_);
  begin(first);
  Client second(port_);
  second.send(head(fmt::format("Expect: 100-continue\r\nContent-Length: {}", kBytes)));
  first.send(half_);
  EXPECT_NE(first.read_until("200000 bytes.").find("200 OK"), std::string::npos);
  EXPECT_EQ(second.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  second.send(half_ + half_);
  EXPECT_NE(second.read_until("200000 bytes.").find("200 OK"), std::string::npos);
}

// All have sent half of what they will, which together is far more than there is room.
TEST_F(LargeBodies, ComeToTheirEndHoweverManyHaveBegun) {
  count();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(std::make_unique<Client>(port_));
    clients.back()->send(i % 2 == 0 ? announced_ + half_ : in_chunks_ + chunk_);
  }
  for (size_t i = 30; i-- > 0;) clients[i]->send(i % 2 == 0 ? half_ : chunk_ + "0\r\n\r\n");
  for (auto& client : clients) EXPECT_NE(client->read_until("200000 bytes.").find("200 OK"), std::string::npos);
  EXPECT_EQ(answered_, 30);
}

TEST_F(Serving, ABodyGoesWhenItsHandlerNeedsItNoMore) {
  std::weak_ptr<const Request> whole;
  std::shared_ptr<ResponseWriter> held;
  start([&](auto request, auto writer) {
    whole = request;
    held = writer;
    writer->begin({.body = "begun", .content_type = "text/plain"});
  });
  Client client(port_);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy");
  EXPECT_NE(client.read_until("begun").find("200 OK"), std::string::npos);
  EXPECT_TRUE(whole.expired());
  held.reset();
}

TEST_F(Serving, BoundsWhatWaitsForAWorker) {
  options_.limits.work_bytes = 300 << 10;
  options_.workers = 1;
  echo();
  const auto holds = std::make_shared<Event>(), first = std::make_shared<Event>();
  EXPECT_TRUE(server_->work(0, [=] { first->set(), holds->wait(); }));
  EXPECT_TRUE(first->wait());
  EXPECT_TRUE(server_->work(200 << 10, [] {}));
  EXPECT_TRUE(server_->work(1, [] {}));
  const auto refused = server_->work(64 << 10, [] {});
  holds->set();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
}

TEST_F(Serving, BoundsConnections) {
  std::vector<std::shared_ptr<ResponseWriter>> held;
  options_.limits.connections = 2;
  start([&held](auto request, auto writer) {
    writer->begin({.body = request->path, .content_type = "text/plain"});
    request->path == "/held" ? held.push_back(writer) : writer->end();
  });
  Client first(port_), second(port_);
  for (Client* client : {&second, &first}) {
    client->send(kGet);
    EXPECT_NE(client->read_until("0\r\n\r\n").find("200 OK"), std::string::npos);
  }
  Client third(port_);  // takes the place of the one that has waited longest for a next request
  EXPECT_EQ(second.read_all(), "");
  for (Client* client : {&first, &third}) {
    client->send("GET /held HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_NE(client->read_until("/held").find("200 OK"), std::string::npos);
  }
  Client fourth(port_);
  EXPECT_TRUE(fourth.read_all().starts_with("HTTP/1.1 503 "));
}

// A handler that begins a stream and keeps its writer for the test.
class Streaming : public Serving {
 protected:
  void begin() {
    start([this](auto, auto writer) {
      writer->begin({.body = "first", .content_type = "text/event-stream"});
      writer->when_gone([this] { gone_.set(); });
      writer_ = writer;
      asked_.set();
    });
  }
  void TearDown() override {
    writer_.reset();
    Serving::TearDown();
  }
  std::shared_ptr<ResponseWriter> writer_;
  Event asked_, gone_;
};

TEST_F(Streaming, HearsAClientGo) {
  begin();
  {
    Client client(port_);
    client.send(kGet);
    client.read_until("first");
  }
  EXPECT_TRUE(gone_.wait());
  EXPECT_FALSE(writer_->write("more"));
}

TEST_F(Streaming, CutsAClientThatDoesNotRead) {
  options_.limits.unread_bytes = 1 << 16;
  begin();
  Client client(port_);
  client.send(kGet);
  ASSERT_TRUE(asked_.wait());
  const std::string piece(1 << 14, 'x');
  for (int i = 0; i < 10'000 && writer_->write(piece); ++i) std::this_thread::yield();  // sockets hold a few megabytes
  EXPECT_TRUE(gone_.wait());
  EXPECT_FALSE(writer_->write("more"));
}

TEST_F(Streaming, CutsAClientThatTakesTooLong) {
  options_.limits.write_time = 200ms;
  options_.limits.unread_bytes = size_t{1} << 30;
  begin();
  Client client(port_);
  client.send(kGet);
  ASSERT_TRUE(asked_.wait());
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 30; ++i) writer_->write(piece);
  EXPECT_TRUE(gone_.wait());
}

TEST_F(Streaming, PingsWhileThereIsNoNews) {
  options_.limits.ping_time = 50ms;
  begin();
  Client client(port_);
  client.send(kGet);
  EXPECT_NE(client.read_until("3\r\n:\n\n\r\n").find("first"), std::string::npos);
}

TEST_F(Streaming, DrainsWhatRuns) {
  begin();
  Client client(port_), idle(port_);
  client.send(kGet);
  ASSERT_TRUE(asked_.wait());
  server_->stop();
  EXPECT_EQ(idle.read_all(), "");  // nothing was under way
  writer_->write("last");
  writer_->end();
  EXPECT_TRUE(client.read_all().ends_with("last\r\n0\r\n\r\n"));
  thread_.join();
}

TEST_F(Streaming, CutsWhatOutlastsTheDrain) {
  options_.drain_time = 100ms;
  begin();
  Client client(port_);
  client.send(kGet);
  ASSERT_TRUE(asked_.wait());
  server_->stop();
  EXPECT_FALSE(client.read_all().ends_with("0\r\n\r\n"));
  EXPECT_TRUE(gone_.wait());
  thread_.join();
}

TEST_F(Serving, AnswersFromOtherThreads) {
  start([this](auto request, auto writer) {
    EXPECT_TRUE(server_->work(0, [request, writer] { writer->send({.body = "worked"}); }));
  });
  Client client(port_);
  client.send(kGet);
  EXPECT_NE(client.read_until("worked").find("200 OK"), std::string::npos);
}

TEST_F(Serving, NoRequestStaysUnanswered) {
  start([](auto, auto) {});
  Client client(port_);
  client.send(kGet);
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 500 "));
}

TEST_F(Serving, TakesOverSaneRequestIds) {
  echo();
  for (const auto& [given, is_taken] : {std::pair("abc-1.2_3:4", true), {"a b", false}, {"a\tb", false}, {"<x>", false}}) {
    Client client(port_);
    client.send(fmt::format("GET /a HTTP/1.1\r\nHost: h\r\nX-Request-Id: {}\r\n\r\n", given));
    EXPECT_EQ(client.read_until("/a").find(fmt::format("x-request-id: {}\r\n", given)) != std::string::npos, is_taken) << given;
  }
}

TEST_F(Serving, ListensOnAUnixSocket) {
  const hearth::testing::TestFolder folder;
  options_.unix_socket = folder.path("socket");
  echo();
  {
    Client client(options_.unix_socket);
    client.send(kGet);
    EXPECT_NE(client.read_until("/a").find("200 OK"), std::string::npos);
  }
  EXPECT_EQ(Server::listen(options_).error().code, ErrorCode::kCannotCreate);  // taken
  server_->stop();
  thread_.join();
  server_.reset();
  EXPECT_NE(::access(options_.unix_socket.c_str(), F_OK), 0);
}

TEST_F(Serving, RefusesWhatItCannotListenOn) {
  echo();
  ServerOptions taken;
  taken.port = port_;
  EXPECT_EQ(Server::listen(taken).error().code, ErrorCode::kUnavailable);
  ServerOptions nowhere;
  nowhere.host = "no.such.host.invalid";
  EXPECT_EQ(Server::listen(nowhere).error().code, ErrorCode::kInvalidArgument);
  ServerOptions uncertified;
  uncertified.port = 0;
  uncertified.tls_certificate = uncertified.tls_key = "/nowhere";
  EXPECT_EQ(Server::listen(uncertified).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth::api

// The server over real sockets: what is answered, what is cut, what ends it.
#include "api/http/server.h"

#include <thread>

#include "api/http/serving_fixture.h"

namespace hearth::api {
namespace {

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

// Large bodies over real sockets: which wait for room, which are refused, when they go.
#include <atomic>
#include <thread>

#include "api/http/serving_fixture.h"

namespace hearth::api {
namespace {

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

}  // namespace
}  // namespace hearth::api

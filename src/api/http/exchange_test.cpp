#include "api/http/exchange.h"

#include <gtest/gtest.h>

namespace hearth::api {
namespace {

class Answers : public ::testing::Test {
 protected:
  Answers() {
    request_->id = "r1";
    request_->method = "GET";
  }
  std::shared_ptr<Exchange> exchange(size_t unread = 1000) {
    return std::make_shared<Exchange>(request_, unread, [this] { ++woken_; });
  }
  std::shared_ptr<Request> request_ = std::make_shared<Request>();
  int woken_ = 0;
};

TEST_F(Answers, WholeOnesHaveALength) {
  const auto answer = exchange();
  answer->add_header("Vary", "Origin");
  answer->send({.status = 404, .body = "{}"});
  const auto news = answer->take();
  EXPECT_EQ(news.bytes,
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\nx-request-id: r1\r\nVary: Origin\r\n\r\n{}");
  EXPECT_TRUE(news.is_complete);
  EXPECT_TRUE(answer->keeps_alive());
  EXPECT_EQ(woken_, 1);
  answer->send({.body = "again"});  // only the first one counts
  EXPECT_EQ(answer->take().bytes, "");
}

TEST_F(Answers, StreamsAreChunked) {
  const auto answer = exchange();
  answer->begin({.body = "a", .content_type = "text/event-stream"});
  EXPECT_TRUE(answer->write("0123456789abcdef"));
  EXPECT_TRUE(answer->write(""));  // an empty chunk would end the stream
  EXPECT_TRUE(answer->is_event_stream());
  answer->end();
  const auto news = answer->take();
  EXPECT_TRUE(news.bytes.ends_with("\r\n\r\n1\r\na\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")) << news.bytes;
  EXPECT_TRUE(news.is_complete);
  EXPECT_FALSE(answer->write("late"));
}

TEST_F(Answers, OldClientsGetTheEndOfTheConnection) {
  request_->is_http_1_0 = true;
  const auto answer = exchange();
  answer->begin({.body = "", .content_type = "text/plain"});
  answer->write("abc");
  answer->end();
  const std::string bytes = answer->take().bytes;
  EXPECT_TRUE(bytes.ends_with("\r\n\r\nabc")) << bytes;
  EXPECT_NE(bytes.find("Connection: close"), bytes.npos);
  EXPECT_FALSE(answer->keeps_alive());
}

TEST_F(Answers, HeadHasNoBody) {
  request_->method = "HEAD";
  const auto answer = exchange();
  answer->send({.body = "hello"});
  const std::string bytes = answer->take().bytes;
  EXPECT_TRUE(bytes.ends_with("\r\n\r\n")) << bytes;
  EXPECT_NE(bytes.find("Content-Length: 5"), bytes.npos);
}

TEST_F(Answers, SlowReadersAreCut) {
  const auto answer = exchange(/*unread=*/500);
  answer->begin({.body = ""});
  answer->take();
  for (int i = 0; i < 20; ++i) {  // a client that keeps up may read for ever
    EXPECT_TRUE(answer->write(std::string(400, 'x')));
    EXPECT_FALSE(answer->take().is_cut);
  }
  EXPECT_TRUE(answer->write(std::string(400, 'x')));
  answer->write(std::string(400, 'x'));
  EXPECT_FALSE(answer->write("more"));
  const auto news = answer->take();
  EXPECT_TRUE(news.is_cut);
  EXPECT_EQ(news.bytes, "");  // what was held is let go at once
}

TEST_F(Answers, LeavingIsHeardOnce) {
  int calls = 0;
  const auto answer = exchange();
  answer->begin({.body = ""});
  answer->when_gone([&] { ++calls; });
  answer->leave();
  answer->leave();
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(answer->write("x"));
  answer->when_gone([&] { ++calls; });  // too late to wait for it
  EXPECT_EQ(calls, 2);

  const auto ended = exchange();
  ended->when_gone([&] { ++calls; });
  ended->send({.body = ""});
  ended->leave();
  EXPECT_EQ(calls, 2);
}

TEST_F(Answers, NobodyIsLeftWithoutOne) {
  const auto silent = exchange();
  silent->abandon();
  EXPECT_TRUE(silent->take().bytes.starts_with("HTTP/1.1 500 "));
  const auto torn = exchange();
  torn->begin({.body = ""});
  torn->abandon();
  EXPECT_TRUE(torn->take().is_cut);
  const auto whole = exchange();
  whole->send({.body = "x"});
  whole->abandon();
  const auto news = whole->take();
  EXPECT_TRUE(news.bytes.starts_with("HTTP/1.1 200 "));
  EXPECT_FALSE(news.is_cut);
}

}  // namespace
}  // namespace hearth::api

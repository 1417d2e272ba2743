#include "base/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

namespace hearth::http {
namespace {

// Answers one connection with bytes written beforehand, and keeps what it was asked.
class Canned {
 public:
  explicit Canned(std::string answer) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url = fmt::format("http://127.0.0.1:{}/x?y=1", ntohs(address.sin_port));
    thread_ = std::thread([this, answer = std::move(answer)] { serve(answer); });
  }
  ~Canned() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string asked() { return asked_.get_future().get(); }

  std::string url;

 private:
  void serve(const std::string& answer) {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    std::string text(1 << 16, 0);
    text.resize(static_cast<size_t>(std::max<ssize_t>(0, ::recv(client, text.data(), text.size(), 0))));
    while (text.starts_with("POST") && !text.ends_with("body")) {
      char more[256];
      const ssize_t n = ::recv(client, more, sizeof more, 0);
      if (n <= 0) break;
      text.append(more, static_cast<size_t>(n));
    }
    asked_.set_value(text);
    ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    if (answer.empty()) ::recv(client, text.data(), text.size(), 0);  // silent until the client goes
    ::close(client);
  }

  int listener_;
  std::promise<std::string> asked_;
  std::thread thread_;
};

TEST(HttpClient, AnswersWhole) {
  Canned server("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-Seen:  a b \r\n\r\nhello");
  const auto response = get({.url = server.url, .headers = {{"Authorization", "Bearer k"}, {"X-Empty", ""}}});
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->header("x-SEEN"), "a b ");
  EXPECT_EQ(response->header("absent"), "");
  const std::string asked = server.asked();
  EXPECT_TRUE(asked.starts_with("GET /x?y=1 HTTP/1.1\r\n")) << asked;
  EXPECT_NE(asked.find("Authorization: Bearer k\r\n"), asked.npos) << asked;
  EXPECT_NE(asked.find("X-Empty:\r\n"), asked.npos) << asked;
}

TEST(HttpClient, PostsABody) {
  Canned server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const auto response = post({.url = server.url, .headers = {{"Content-Type", "application/json"}}, .body = "the body"});
  ASSERT_TRUE(response) << response.error().text();
  const std::string asked = server.asked();
  EXPECT_TRUE(asked.starts_with("POST /x?y=1 HTTP/1.1\r\n") && asked.ends_with("\r\n\r\nthe body")) << asked;
  EXPECT_EQ(asked.find("Expect"), asked.npos) << asked;
}

TEST(HttpClient, RedirectsAreAnswersByDefault) {
  Canned server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  const auto response = get({.url = server.url});
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->header("location"), "http://127.0.0.1:1/");
}

TEST(HttpClient, LimitsSizeAndTime) {
  Canned large("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890");
  const auto too_large = get({.url = large.url, .max_bytes = 10});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code, ErrorCode::kTooLarge);  // the headers are as many bytes
  Canned silent("");
  const auto late = get({.url = silent.url, .timeout = std::chrono::milliseconds(50)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, silent.url + ": no whole answer within 0.05 seconds");
  Canned cut("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234");
  const auto half = get({.url = cut.url});
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, ErrorCode::kUnavailable);
}

TEST(HttpClient, TheBodyIsHeldToItsLimitExactly) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x');
  Canned fits(answer), exceeds(answer);
  EXPECT_TRUE(get({.url = fits.url, .max_bytes = 100}));
  EXPECT_FALSE(get({.url = exceeds.url, .max_bytes = 99}));
}

TEST(HttpClient, GivesUpWhenTold) {
  Canned silent("");
  const std::atomic<bool> cancelled{true};
  const auto response = get({.url = silent.url, .is_cancelled = &cancelled});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kCancelled);
}

TEST(HttpClient, NobodyThere) {
  std::string url;
  { url = Canned("").url; }
  const auto response = get({.url = url});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(response.error().message, url + ": nobody listens there");
}

TEST(HttpClient, RefusesBeforeItConnects) {
  const auto sentence = [](const Request& request) { return get(request).error().message; };
  EXPECT_EQ(sentence({.url = "file:///etc/passwd"}), "'file:///etc/passwd' is no address: it must begin with http:// or https://");
  EXPECT_EQ(sentence({.url = "http://a:secret@host/"}), "the address of host holds a name or a password; give keys as a header");
  EXPECT_EQ(sentence({.url = "http://"}), "the address 'http://' is malformed");
  EXPECT_EQ(sentence({.url = "http://host", .headers = {{"X", "a\r\nY: b"}}}), "the header 'X' is empty or holds control characters");
}

}  // namespace
}  // namespace hearth::http

#include "api/http/parser.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth::api {
namespace {

using namespace std::string_literals;

constexpr size_t kHeaderBytes = 4096, kBodyBytes = 10'000;

struct Read {
  std::vector<Request> requests;
  std::optional<Error> error;
  size_t left = 0;  // bytes that are part of a request to come
};

// Offers the bytes in pieces of `piece`, as a connection does.
Read read_all(std::string_view bytes, size_t piece = std::string_view::npos) {
  Read out;
  RequestParser parser(kHeaderBytes, kBodyBytes);
  std::string buffer;
  while (true) {
    const auto taken = parser.feed(buffer);
    if (!taken) return out.error = taken.error(), out;
    buffer.erase(0, *taken);
    if (parser.has_header() && !parser.is_done())
      if (const auto fits = parser.limit_body(kBodyBytes); !fits) return out.error = fits.error(), out;
    if (parser.is_done()) {
      auto request = parser.take();
      if (!request) return out.error = request.error(), out;
      out.requests.push_back(std::move(*request));
      if (!buffer.empty()) continue;
    } else if (*taken > 0 && !buffer.empty()) {
      continue;
    }
    if (bytes.empty()) break;
    buffer += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  out.left = buffer.size();
  return out;
}

constexpr std::string_view kPost = "POST /v1/x?a=b HTTP/1.1\r\nHost: localhost\r\nX-Thing: 1\r\nContent-Length: 5\r\n\r\nhello";

TEST(Parser, ReadsARequestHoweverItIsCut) {
  for (size_t piece = 1; piece <= kPost.size(); ++piece) {
    const Read read = read_all(kPost, piece);
    ASSERT_FALSE(read.error) << piece << ": " << read.error->text();
    ASSERT_EQ(read.requests.size(), 1u) << piece;
    const Request& request = read.requests[0];
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/v1/x");
    EXPECT_EQ(request.query, "a=b");
    EXPECT_EQ(request.body, "hello");
    EXPECT_EQ(request.header("x-thing"), "1");
    EXPECT_TRUE(request.keeps_alive);
  }
}

TEST(Parser, ReadsPipelinedRequests) {
  const std::string three = std::string(kPost) + "GET /a HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kPost);
  for (size_t piece : {1, 7, 1000}) {
    const Read read = read_all(three, piece);
    ASSERT_EQ(read.requests.size(), 3u) << piece;
    EXPECT_EQ(read.requests[1].path, "/a");
    EXPECT_EQ(read.requests[2].body, "hello");
    EXPECT_EQ(read.left, 0u);
  }
}

TEST(Parser, ReadsChunks) {
  for (const auto& [chunks, body] : {std::pair("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "abcde"), {"0\r\n\r\n", ""},
                                     {"1\r\na\r\n0\r\nA: b\r\n\r\n", "a"}})
    for (size_t piece = 1; piece < 9; ++piece) {
      const Read read = read_all(fmt::format("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunks), piece);
      ASSERT_EQ(read.requests.size(), 1u) << chunks << piece;
      EXPECT_EQ(read.requests[0].body, body);
    }
}

TEST(Parser, WaitsForWhatIsTruncated) {
  for (size_t length = 0; length < kPost.size(); ++length) {
    const Read read = read_all(kPost.substr(0, length));
    EXPECT_FALSE(read.error) << length;
    EXPECT_TRUE(read.requests.empty()) << length;
  }
}

TEST(Parser, RefusesWhatIsNoRequest) {
  const std::string_view host = "Host: h\r\n";
  const std::string bad[] = {
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/3.0\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",                                                    // no Host
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",                              // two of them
      "GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n",                             // a proxy's target
      "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /% HTTP/1.1\r\nHost: h\r\n\r\n",
      fmt::format("POST / HTTP/1.1\r\n{}Content-Length: -1\r\n\r\n", host),
      fmt::format("POST / HTTP/1.1\r\n{}Content-Length: 99999999999999999999\r\n\r\n", host),
      fmt::format("POST / HTTP/1.1\r\n{}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", host),
      fmt::format("POST / HTTP/1.1\r\n{}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", host),  // smuggling
      fmt::format("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", host),
      fmt::format("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", host),
      fmt::format("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", host),
      fmt::format("GET / HTTP/1.1\r\n{}A : b\r\n\r\n", host),
      fmt::format("GET / HTTP/1.1\r\n{}A\x01: b\r\n\r\n", host),
      "GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n"s,
  };
  for (const auto& bytes : bad)
    for (size_t piece : {size_t{1}, bytes.size()}) {
      const Read read = read_all(bytes, piece);
      ASSERT_TRUE(read.error) << bytes;
      EXPECT_EQ(error_facts(read.error->code).http_status, 400) << bytes;
      EXPECT_TRUE(read.requests.empty()) << bytes;
    }
}

TEST(Parser, BoundsHeadersAndBodies) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (const auto& bytes : {start + "A: " + std::string(kHeaderBytes, 'x') + "\r\n\r\n", start + std::string(kHeaderBytes, 'x'),
                            "GET /" + std::string(kHeaderBytes, 'x'), std::string(2 * kHeaderBytes, 'G')}) {
    const Read read = read_all(bytes, 1000);
    ASSERT_TRUE(read.error) << bytes.size();
    EXPECT_NE(read.error->code, ErrorCode::kInternal);
  }
  EXPECT_EQ(read_all(start + "A: " + std::string(kHeaderBytes, 'x')).error->code, ErrorCode::kTooLarge);
  EXPECT_FALSE(read_all(start + "A: " + std::string(kHeaderBytes - 100, 'x') + "\r\n\r\n").error);

  const auto post = [](size_t bytes) { return fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", bytes); };
  EXPECT_EQ(read_all(post(kBodyBytes) + std::string(kBodyBytes, 'x')).requests.size(), 1u);
  EXPECT_EQ(read_all(post(kBodyBytes + 1)).error->code, ErrorCode::kTooLarge);  // before any of it has come
  std::string chunks = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 11; ++i) chunks += "3e8\r\n" + std::string(1000, 'x') + "\r\n";
  EXPECT_EQ(read_all(chunks).error->code, ErrorCode::kTooLarge);
}

TEST(Parser, SurvivesMutations) {
  std::mt19937 random(7);
  const std::string chunked = "POST /v1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = round % 2 == 0 ? std::string(kPost) : chunked;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.insert(random() % bytes.size(), bytes.substr(random() % bytes.size()));
    read_all(bytes, 1 + random() % 40);  // sanitizers watch
  }
}

}  // namespace
}  // namespace hearth::api

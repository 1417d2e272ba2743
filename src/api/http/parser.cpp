#include "api/http/parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace hearth::api {

namespace beast_http = boost::beast::http;

struct RequestParser::Parser {
  beast_http::request_parser<beast_http::string_body> beast;

  Parser(size_t header_bytes, size_t body_bytes) {
    beast.header_limit(static_cast<uint32_t>(header_bytes));
    beast.body_limit(body_bytes);
    beast.eager(false);  // the header alone at first, so that nothing of the body is taken before its bound is known
  }
};

RequestParser::RequestParser(size_t header_bytes, size_t body_bytes)
    : header_bytes_(header_bytes), body_bytes_(body_bytes), body_limit_(body_bytes), parser_(std::make_unique<Parser>(header_bytes, body_bytes)) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;

static Failure too_large_body(size_t bytes) {
  return fail(ErrorCode::kTooLarge, "the body of the request has more than {} bytes", bytes);
}

Result<size_t> RequestParser::feed(std::string_view bytes) {
  // No body in chunks ends in less, and Beast asserts that it never sees less of a last chunk a second time.
  constexpr size_t kShortestEnd = std::string_view("0\r\n\r\n").size();
  if (has_header() && parser_->beast.chunked() && bytes.size() < kShortestEnd) return 0;
  boost::beast::error_code error;
  const size_t taken = parser_->beast.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (!error || error == beast_http::error::need_more) return taken;
  if (error == beast_http::error::header_limit)
    return fail(ErrorCode::kTooLarge, "the request line and headers have more than {} bytes", header_bytes_);
  if (error == beast_http::error::body_limit)
    return too_large_body(body_limit_);
  return fail(ErrorCode::kInvalidArgument, "malformed HTTP request: {}", error.message());
}

bool RequestParser::has_header() const { return parser_->beast.is_header_done(); }
bool RequestParser::is_done() const { return parser_->beast.is_done(); }

bool RequestParser::expects_continue() const {
  return has_header() && !is_done() && boost::beast::iequals(parser_->beast.get()[beast_http::field::expect], "100-continue");
}

Result<void> RequestParser::limit_body(size_t bytes) {
  const auto announced = parser_->beast.content_length();
  if (announced && *announced > bytes) return too_large_body(bytes);
  parser_->beast.body_limit(bytes);
  parser_->beast.eager(true);
  body_limit_ = bytes;
  return {};
}

std::optional<size_t> RequestParser::announced_body() const {
  const auto announced = parser_->beast.content_length();
  return announced ? std::optional(static_cast<size_t>(*announced)) : std::nullopt;
}

size_t RequestParser::arrived_body() const { return parser_->beast.get().body().size(); }

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A percent sign that begins no escape, or one of a zero byte, is refused.
Result<std::string> decoded_path(std::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    const int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1, low = high >= 0 ? hex_value(path[i + 2]) : -1;
    if (low < 0 || high * 16 + low == 0) return fail(ErrorCode::kInvalidArgument, "the path has a malformed percent escape");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

Result<Request> RequestParser::head() const {
  const auto& message = parser_->beast.get();
  Request request;
  request.method = std::string_view(message.method_string().data(), message.method_string().size());
  request.is_http_1_0 = message.version() < 11;
  request.keeps_alive = message.keep_alive();
  size_t hosts = 0;
  for (const auto& field : message) {
    hosts += field.name() == beast_http::field::host;
    request.headers.push_back({std::string(field.name_string().data(), field.name_string().size()),
                               std::string(field.value().data(), field.value().size())});
  }
  std::string_view target(message.target().data(), message.target().size());
  if (hosts > 1 || (hosts == 0 && !request.is_http_1_0))
    return fail(ErrorCode::kInvalidArgument, "a request needs exactly one Host header, this one has {}", hosts);
  if (!target.starts_with('/')) return fail(ErrorCode::kInvalidArgument, "the target of a request must be a path");
  target = target.substr(0, target.find('#'));
  if (const size_t mark = target.find('?'); mark != target.npos) {
    request.query = target.substr(mark + 1);
    target = target.substr(0, mark);
  }
  HEARTH_TRY(path, decoded_path(target));
  request.path = std::move(path);
  return request;
}

Result<Request> RequestParser::take() {
  HEARTH_TRY(request, head());
  request.body = std::move(parser_->beast.get().body());
  parser_ = std::make_unique<Parser>(header_bytes_, body_bytes_);
  body_limit_ = body_bytes_;
  return request;
}

}  // namespace hearth::api

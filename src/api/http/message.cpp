#include "api/http/message.h"

#include <algorithm>

namespace hearth::api {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& header : headers)
    if (equal_ignoring_case(header.name, name)) return header.value;
  return "";
}

std::string_view status_text(int status) {
  struct Text {
    int status;
    std::string_view text;
  };
  static constexpr Text kTexts[] = {
      {200, "OK"}, {204, "No Content"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
      {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {413, "Content Too Large"},
      {422, "Unprocessable Content"}, {429, "Too Many Requests"}, {499, "Client Closed Request"}, {500, "Internal Server Error"},
      {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {507, "Insufficient Storage"},
  };
  const auto found = std::ranges::find(kTexts, status, &Text::status);
  return found == std::end(kTexts) ? "Unknown" : found->text;
}

}  // namespace hearth::api

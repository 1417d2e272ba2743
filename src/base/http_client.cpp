#include "base/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/check.h"

namespace hearth::http {

namespace {

struct CurlDeleter {
  void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
  void operator()(CURLU* url) const { ::curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// What the callbacks fill, and why they stopped the transfer.
struct Exchange {
  const Request& request;
  Response response = {};
  size_t header_bytes = 0;
  bool is_too_large = false;
};

size_t take_body(char* bytes, size_t, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (count > exchange.request.max_bytes - exchange.response.body.size()) return exchange.is_too_large = true, 0;
  exchange.response.body.append(bytes, count);
  return count;
}

size_t take_header(char* bytes, size_t, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.header_bytes += count;
  if (exchange.header_bytes > exchange.request.max_bytes) return exchange.is_too_large = true, 0;
  std::string_view line(bytes, count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();  // an interim answer or a redirect came before
  const size_t colon = line.find(':');
  if (colon == line.npos || colon == 0) return count;
  const size_t value = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
  exchange.response.headers.push_back({std::string(line.substr(0, colon)), std::string(line.substr(value))});
  return count;
}

int look_for_cancel(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* flag = static_cast<Exchange*>(user)->request.is_cancelled;
  return flag != nullptr && flag->load(std::memory_order_relaxed) ? 1 : 0;
}

Result<void> check(const Request& request) {
  HEARTH_TRY_VOID(check_url(request.url));
  for (const Header& header : request.headers)
    if (header.name.empty() || has_control_characters(header.name) || has_control_characters(header.value))
      return fail(ErrorCode::kInvalidArgument, "the header '{}' is empty or holds control characters", header.name);
  return {};
}

Failure explain(CURLcode code, const Exchange& exchange, const char* detail) {
  const Request& request = exchange.request;
  if (exchange.is_too_large)
    return fail(ErrorCode::kTooLarge, "{}: the answer is larger than {} bytes", request.url, request.max_bytes);
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK: return fail(ErrorCode::kCancelled, "{}: given up", request.url);
    case CURLE_COULDNT_RESOLVE_HOST: return fail(ErrorCode::kUnavailable, "{}: there is no machine of this name", request.url);
    case CURLE_COULDNT_CONNECT: return fail(ErrorCode::kUnavailable, "{}: nobody listens there", request.url);
    case CURLE_OPERATION_TIMEDOUT:
      return fail(ErrorCode::kUnavailable, "{}: no whole answer within {} seconds", request.url,
                  static_cast<double>(request.timeout.count()) / 1000);
    default:
      return fail(ErrorCode::kUnavailable, "{}: {}", request.url, *detail != 0 ? detail : ::curl_easy_strerror(code));
  }
}

// Calls to this machine go directly, whatever proxy the environment names for the others.
std::string direct_hosts() {
  std::string out = "localhost,127.0.0.1,::1";
  for (const char* name : {"no_proxy", "NO_PROXY"})
    if (const char* hosts = std::getenv(name); hosts != nullptr && *hosts != 0) {
      if (std::string_view(hosts) == "*") return "*";  // which libcurl knows alone only
      out = std::string(hosts) + "," + out;
    }
  return out;
}

using HeaderList = std::unique_ptr<curl_slist, CurlDeleter>;

HeaderList header_list(const Request& request, bool is_post) {
  HeaderList out;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = ::curl_slist_append(out.get(), line.c_str());
    HEARTH_CHECK(longer != nullptr, "libcurl has no memory");
    out.release();  // `longer` owns it now
    out.reset(longer);
  };
  for (const Header& header : request.headers) add(header.name + (header.value.empty() ? ";" : ": " + header.value));
  if (is_post) add("Expect:");  // else large bodies wait a second for a "100 Continue" that few send
  return out;
}

Result<Response> perform(const Request& request, bool is_post) {
  static const CURLcode global = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  HEARTH_CHECK(global == CURLE_OK, "libcurl does not start");
  HEARTH_TRY_VOID(check(request));
  const std::unique_ptr<CURL, CurlDeleter> easy(::curl_easy_init());
  HEARTH_CHECK(easy != nullptr, "libcurl has no memory");
  const HeaderList headers = header_list(request, is_post);
  Exchange exchange{request};
  char detail[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) {
    HEARTH_CHECK(::curl_easy_setopt(easy.get(), option, value) == CURLE_OK, "libcurl lacks an option");
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_NOPROXY, direct_hosts().c_str());
  set(CURLOPT_FOLLOWLOCATION, request.redirects > 0 ? 1L : 0L);
  set(CURLOPT_MAXREDIRS, static_cast<long>(request.redirects));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_ERRORBUFFER, detail);
  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  set(CURLOPT_HEADERFUNCTION, &take_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  set(CURLOPT_XFERINFOFUNCTION, &look_for_cancel);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
  if (is_post) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
  }
  if (const CURLcode code = ::curl_easy_perform(easy.get()); code != CURLE_OK) return explain(code, exchange, detail);
  long status = 0;
  ::curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace

std::string_view Response::header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const Header& header) {
    return std::ranges::equal(header.name, name, [](char a, char b) { return lower(a) == lower(b); });
  });
  return found == headers.end() ? std::string_view() : found->value;
}

// A password in a URL would end up in error sentences and logs.
Result<void> check_url(const std::string& url) {
  const std::unique_ptr<CURLU, CurlDeleter> parsed(::curl_url());
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    const bool found = ::curl_url_get(parsed.get(), which, &text, 0) == CURLUE_OK;
    std::string out = found ? text : "";
    ::curl_free(text);
    return out;
  };
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return fail(ErrorCode::kInvalidArgument, "'{}' is no address: it must begin with http:// or https://", url);
  if (has_control_characters(url) || ::curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    return fail(ErrorCode::kInvalidArgument, "the address '{}' is malformed", url);
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty())
    return fail(ErrorCode::kInvalidArgument, "the address of {} holds a name or a password; give keys as a header", part(CURLUPART_HOST));
  return {};
}

Result<Response> get(const Request& request) { return perform(request, false); }
Result<Response> post(const Request& request) { return perform(request, true); }

}  // namespace hearth::http

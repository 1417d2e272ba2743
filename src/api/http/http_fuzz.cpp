// libFuzzer target: any bytes as what one client sends, cut anywhere (the first byte is the length of the pieces). The cuts
// change no request, every request is answered once, and every protocol reads every body or says what is wrong with it.
#include <cstdint>

#include "api/http/parser.h"
#include "api/services.h"
#include "base/check.h"
#include "service/generation_options.h"

namespace hearth::api {
namespace {

class Once final : public ResponseWriter {
 public:
  ~Once() override { HEARTH_CHECK(answers_ == 1, "a request has one answer"); }
  void add_header(std::string, std::string) override {}
  void send(Response response) override {
    ++answers_;
    HEARTH_CHECK(status_text(response.status) != "Unknown", "the status is one of ours");
    HEARTH_CHECK(response.status < 500 || response.status == 503, "what a client sends is no fault of the server");
  }
  void begin(Response head) override { send(std::move(head)); }
  bool write(std::string_view) override { return true; }
  void end() override {}
  void when_gone(std::function<void()>) override {}

 private:
  int answers_ = 0;
};

class NoServer final : public Server {
 public:
  void run(Handler, std::function<void()>) override {}
  void stop() override {}
  void work(std::function<void()> task) override { task(); }
  void after(std::chrono::milliseconds, std::function<void()>) override {}
  std::string address() const override { return ""; }
  size_t connections() const override { return 0; }
};

struct Read {
  std::vector<Request> requests;
  bool has_failed = false;
};

// As a connection does it: what is not taken is offered again with more behind it.
Read read_all(std::string_view bytes, size_t piece) {
  constexpr size_t kHeaderBytes = 1 << 20, kBodyBytes = 1 << 20;  // out of reach: where a limit strikes may depend on the cuts
  Read out;
  RequestParser parser(kHeaderBytes, kBodyBytes);
  std::string buffer;
  while (true) {
    const auto taken = parser.feed(buffer);
    if (!taken) return out.has_failed = true, out;
    HEARTH_CHECK(*taken <= buffer.size(), "no more is taken than there is");
    buffer.erase(0, *taken);
    const bool is_done = parser.is_done();
    if (is_done) {
      auto request = parser.take();
      if (!request) return out.has_failed = true, out;
      out.requests.push_back(std::move(*request));
    }
    if (!buffer.empty() && (is_done || *taken > 0)) continue;
    if (bytes.empty()) return out;
    buffer += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
}

bool are_same(const Request& a, const Request& b) {
  return a.method == b.method && a.path == b.path && a.query == b.query && a.body == b.body && a.headers.size() == b.headers.size() &&
         a.keeps_alive == b.keeps_alive;
}

void read_body(const std::string& body) {
  const auto json = Json::parse(body);
  if (!json) return;
  for (const Protocol* protocol : protocols())
    if (protocol->parse != nullptr)
      if (const auto call = protocol->parse(*json, service::GenerationOptions()); !call)
        HEARTH_CHECK(!call.error().message.empty(), "an error has a sentence");
}

void answer(const std::vector<Request>& requests) {
  static NoServer server;
  static Metrics metrics;
  static const std::unique_ptr<service::ModelLibrary> library = *service::ModelLibrary::open({}, {});
  static Services services{.library = *library, .metrics = metrics, .server = server};
  static const Router router = make_router({.keys = {}, .admin_keys = {"admin"}}, services);
  for (const Request& request : requests) {
    router.handle(std::make_shared<Request>(request), std::make_shared<Once>());
    read_body(request.body);
  }
}

}  // namespace
}  // namespace hearth::api

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace hearth::api;
  if (count == 0) return 0;
  const std::string_view sent(reinterpret_cast<const char*>(bytes) + 1, count - 1);
  const Read whole = read_all(sent, sent.size() + 1), cut = read_all(sent, 1 + size_t{bytes[0]});
  HEARTH_CHECK(whole.requests.size() == cut.requests.size(), "cuts change no request");
  for (size_t i = 0; i < cut.requests.size(); ++i) HEARTH_CHECK(are_same(whole.requests[i], cut.requests[i]), "cuts change nothing in it");
  answer(cut.requests);
  return 0;
}

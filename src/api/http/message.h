#pragma once
// HTTP as the rest of the program sees it: a whole request in, an answer out, whole or in pieces.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::api {

struct Header {
  std::string name, value;
};

struct Request {
  std::string method;            // "GET"
  std::string path, query;       // of the target, percent-decoded path, query as it stands
  std::vector<Header> headers;
  std::string body;
  std::string id;                // x-request-id: the client's if it is sane, else drawn
  bool keeps_alive = true;
  bool is_http_1_0 = false;

  std::string_view header(std::string_view name) const;  // names ignore case; "" where absent
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::vector<Header> headers = {};
};

// Answers one request. Thread-safe; never blocks. Either send(), or begin(), any number of write() and end().
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  virtual void add_header(std::string name, std::string value) = 0;  // before send() or begin()
  virtual void send(Response response) = 0;
  virtual void begin(Response head) = 0;               // its body are the first bytes of the stream
  virtual bool write(std::string_view bytes) = 0;      // false: the client is gone, or reads too slowly and was cut
  virtual void end() = 0;
  virtual bool is_gone() const = 0;                    // nobody will read the answer
  // Called once, on the server's thread, if the client goes before the end; at once if it is gone already.
  virtual void when_gone(std::function<void()> call) = 0;
};

// Called on the server's thread and must not block it; may keep both beyond the call.
using Handler = std::function<void(std::shared_ptr<const Request>, std::shared_ptr<ResponseWriter>)>;

std::string_view status_text(int status);  // "Not Found"; "Unknown" for statuses we never send
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace hearth::api

#pragma once
// HTTP/1.1 over TCP, TLS or a unix socket: one thread of coroutines that never computes. Requests go to a handler; answers
// come back from any thread through a ResponseWriter, whose buffer is bounded: a client that does not read is cut, nobody
// waits for it. The only place that knows Boost.Asio.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http/limits.h"
#include "api/http/message.h"
#include "base/result.h"

namespace hearth::api {

struct ServerOptions {
  std::string host = "127.0.0.1";          // an address or a name
  uint16_t port = 8080;                    // 0: any free one
  std::string unix_socket;                 // a path: listens there instead of on host and port
  std::string tls_certificate, tls_key;    // PEM files; both or none
  std::chrono::milliseconds drain_time{30'000};
  unsigned workers = 2;                    // threads for work()
  std::function<void(int status)> answered = [](int) {};   // after each answer, on the server's thread
  Limits limits;
};

// How many bytes the body of a request may have; nothing where the handler refuses it, whatever its body.
using Admission = std::function<std::optional<size_t>(const Request& head)>;

class Server {
 public:
  // Binds and listens; nothing is accepted before run(). Errors: kInvalidArgument for a name or a certificate that cannot be
  // used, kUnavailable when the address is taken, kCannotCreate for the socket's path.
  static Result<std::unique_ptr<Server>> listen(const ServerOptions& options);
  virtual ~Server() = default;

  // Serves until SIGTERM, SIGINT or stop(), and then until what runs has ended or drain_time is over; a second signal cuts, and once
  // this has returned signals do again what they do by default.
  // `draining` is called when it begins. Every request is answered exactly once, whatever the handler does with its writer. `admits` is
  // asked, on the server's thread, before a body is read: who is refused sends none.
  virtual void run(Handler handler, Admission admits, std::function<void()> draining) = 0;
  virtual void stop() = 0;                             // from any thread

  // Runs a task that holds that many bytes of a request on a worker thread; from any thread. Errors: kBusy when too many wait.
  virtual Result<void> work(size_t bytes, std::function<void()> task) = 0;
  virtual void work_briefly(std::function<void()> task) = 0;  // on a thread of its own, for what takes no time

  virtual std::string address() const = 0;             // "http://127.0.0.1:8080", "unix:/run/hearth.sock"
};

}  // namespace hearth::api

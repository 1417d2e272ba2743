#pragma once
// One answer on its way to a client: written by any thread, taken by the connection's coroutine.
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "api/http/message.h"

namespace hearth::api {

class Exchange final : public ResponseWriter {
 public:
  // `wake` is called, on any thread, when there is news for the connection. Holds at most `unread_bytes` of a stream.
  Exchange(std::shared_ptr<const Request> request, size_t unread_bytes, std::function<void()> wake);
  ~Exchange() override;

  void add_header(std::string name, std::string value) override;
  void send(Response response) override;
  void begin(Response head) override;
  bool write(std::string_view bytes) override;
  void end() override;
  bool is_gone() const override;
  void when_gone(std::function<void()> call) override;

  // What follows is the connection's side.
  struct News {
    std::string bytes;         // to be sent, framed
    bool is_complete = false;  // nothing follows
    bool is_cut = false;       // close without an end: the client read too slowly, or the writer was dropped
  };
  News take();
  void leave();                          // the client is gone
  void abandon();                        // nobody will write any more: what is unanswered fails, what is unended is cut
  void closes_connection();              // before the head: the answer says that the connection ends with it
  bool keeps_alive() const;              // after the answer, once complete
  bool is_event_stream() const;          // has begun one
  bool is_cut() const;
  size_t sent_bytes() const;
  int status() const;

 private:
  enum class State { kWaiting, kStreaming, kEnded };
  std::string head(const Response& response, bool whole);
  void frame(std::string_view bytes);

  const std::shared_ptr<const Request> request_;
  const size_t unread_bytes_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;  // guards what follows
  State state_ = State::kWaiting;
  bool keeps_alive_, is_gone_ = false, is_cut_ = false, is_chunked_ = false, is_event_stream_ = false, has_body_ = true;
  std::vector<Header> headers_;
  std::string pending_;
  std::function<void()> when_gone_;
  size_t sent_bytes_ = 0;
  int status_ = 499;  // of a client that goes before it has another
};

}  // namespace hearth::api

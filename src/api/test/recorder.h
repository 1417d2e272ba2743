#pragma once
// A writer that keeps what it was given, and a server that is none, for tests of what lies between them.
#include <gtest/gtest.h>

#include "api/http/server.h"

namespace hearth::api::testing {

class RecordingWriter final : public ResponseWriter {
 public:
  void add_header(std::string name, std::string value) override { headers.push_back({std::move(name), std::move(value)}); }
  void send(Response response) override {
    EXPECT_EQ(sent, 0) << "a request was answered twice";
    ++sent;
    status = response.status;
    body = std::move(response.body);
    headers.insert(headers.end(), response.headers.begin(), response.headers.end());
  }
  void begin(Response head) override { send(std::move(head)); }
  bool write(std::string_view bytes) override { return body += bytes, true; }
  void end() override {}
  bool is_gone() const override { return false; }
  void when_gone(std::function<void()>) override {}

  std::string header(std::string_view name) const {
    for (const auto& header : headers)
      if (equal_ignoring_case(header.name, name)) return header.value;
    return "";
  }

  int sent = 0, status = 0;
  std::string body;
  std::vector<Header> headers;
};

class NoServer final : public Server {
 public:
  void run(Handler, Admission, std::function<void()>) override {}
  void stop() override {}
  Result<void> work(size_t, std::function<void()> task) override { return task(), Result<void>(); }
  void work_briefly(std::function<void()> task) override { task(); }
  std::string address() const override { return ""; }
};

}  // namespace hearth::api::testing

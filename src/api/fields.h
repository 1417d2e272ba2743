#pragma once
// Reads the members of a JSON object: typed, ranged, and named by their path when they are wrong. Null is as good as absent.
// The first error is kept and returned once, so that a parser reads like a list; members nobody asked for are tolerated and
// can be listed.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hearth::api {

class Fields {
 public:
  explicit Fields(const Json& object, std::string path = "");  // both must outlive it

  // The member, or null; it counts as known from now on.
  const Json* find(std::string_view name);

  std::optional<std::string> text(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<int64_t> integer(std::string_view name, int64_t low, int64_t high);
  const Json::Array* array(std::string_view name, size_t most);
  const Json::Object* object(std::string_view name);

  // "stop": one text or an array of them.
  std::optional<std::vector<std::string>> texts(std::string_view name, size_t most);

  std::string path(std::string_view name) const;  // "messages[0].content"
  void fail_at(std::string_view name, std::string_view what);                      // "<path> <what>"
  void fail_at(std::string_view name, std::string_view what, ErrorCode code);
  void take(const Result<void>& result);  // keeps its error
  bool has_failed() const { return has_failed_; }
  Result<void> done() const;

  std::vector<std::string> unknown() const;

 private:
  void wrong_type(std::string_view name, const Json& found, std::string_view wanted);

  const Json& object_;
  const std::string path_;
  std::vector<std::string> known_;
  bool has_failed_ = false;
  Error error_;
};

}  // namespace hearth::api

#include "base/result.h"

namespace hearth {

const ErrorFacts& error_facts(ErrorCode code) {
  // In the order of the enumeration. Exit codes: sysexits where one fits, our own 3-7, documented in docs/options.md.
  static constexpr ErrorFacts kFacts[] = {
      {"internal", 500, 1},         {"usage", 400, 2},           {"config", 500, 78},     {"invalid_argument", 400, 2},
      {"not_found", 404, 66},       {"bad_file", 422, 65},       {"unsupported", 501, 4}, {"does_not_fit", 507, 3},
      {"context_length_exceeded", 400, 3},
      {"device_absent", 503, 5},    {"integrity", 502, 6},       {"quality_gate", 409, 7}, {"io", 500, 74},
      {"cannot_create", 500, 73},   {"unavailable", 503, 69},    {"cancelled", 499, 130},
      {"busy", 429, 75},            {"unauthorized", 401, 77},    {"forbidden", 403, 77},   {"too_large", 413, 65},
      {"timeout", 408, 69},
  };
  return kFacts[static_cast<size_t>(code)];
}

std::string Error::text() const { return where.empty() ? message : where + ": " + message; }

Failure at(std::string_view where, Error error) {
  error.where = error.where.empty() ? std::string(where) : std::string(where) + ": " + error.where;
  return Failure(std::move(error));
}

}  // namespace hearth

#pragma once
// Errors as values. Everything that input, files, memory budgets or the network can cause returns a Result;
// HEARTH_CHECK (check.h) is for broken invariants only.
#include <fmt/core.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace hearth {

// What went wrong, coarsely. `error_facts` maps each code to its HTTP status and the process exit code.
enum class ErrorCode : uint8_t {
  kInternal,         // our own fault
  kUsage,            // command line: unknown flag, wrong number of arguments
  kConfig,           // configuration file or environment
  kInvalidArgument,  // a request field or option value is out of its range
  kNotFound,         // file, model, tensor, key
  kBadFile,          // malformed model file, template, schema, JSON
  kUnsupported,      // well-formed, but not something this build can run
  kDoesNotFit,       // memory or context budget
  kContextExceeded,  // a prompt is longer than the context of a server's model
  kDeviceAbsent,     // a required device is missing
  kIntegrity,        // checksum or signature mismatch
  kQualityGate,      // a measured quality is below the asked bound
  kIo,               // the operating system refused to read
  kCannotCreate,     // the operating system refused to write or create
  kUnavailable,      // busy, shutting down, network down
  kCancelled,        // the caller gave up
  kBusy,             // too much is waiting already: Error::retry_after_seconds
  kUnauthorized,     // no key, or a wrong one
  kForbidden,        // known, but not permitted
  kTooLarge,         // a request beyond a limit on its size
  kTimeout,          // a client was too slow
};

struct ErrorFacts {
  std::string_view name;  // "bad_file", stable, used in JSON
  int http_status;
  int exit_code;
};
const ErrorFacts& error_facts(ErrorCode code);

// A sentence for the user that names the thing and the remedy, and where it was found.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string where;  // file and offset, JSON path, template line; may be empty
  uint32_t retry_after_seconds = 0;  // when it may go better; 0: nobody knows
  uint64_t asked = 0, granted = 0;   // kContextExceeded: tokens of the prompt, and of the context

  std::string text() const;  // "where: message", or the message alone
};

template <class T>
using Result = std::expected<T, Error>;

using Failure = std::unexpected<Error>;

// fail(ErrorCode::kBadFile, "tensor {} has {} dimensions, at most 4 are allowed", name, n)
template <class... Args>
Failure fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{code, fmt::vformat(format, fmt::make_format_args(args...)), {}});
}

// The same error, with a place put in front of the one it already names: "model.gguf: key 7".
Failure at(std::string_view where, Error error);

#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)
#define HEARTH_TRY_(result, name, ...)                             \
  auto result = (__VA_ARGS__);                                     \
  if (!result) return std::unexpected(std::move(result).error());  \
  auto name = std::move(*result)

// HEARTH_TRY(plan, read_plan(meta)): declares `plan`, or returns the error to the caller.
#define HEARTH_TRY(name, ...) HEARTH_TRY_(HEARTH_CONCAT(hearth_result_, __LINE__), name, __VA_ARGS__)

// The same for Result<void>.
#define HEARTH_TRY_VOID(...)                                                             \
  do {                                                                                   \
    if (auto hearth_result = (__VA_ARGS__); !hearth_result)                              \
      return std::unexpected(std::move(hearth_result).error());                          \
  } while (false)

}  // namespace hearth

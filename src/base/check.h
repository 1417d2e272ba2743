#pragma once
// Broken invariants end the process with a sentence; they are bugs of ours, never the user's input.
#include <string_view>

namespace hearth {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view message);

#define HEARTH_CHECK(condition, message)                                                  \
  do {                                                                                    \
    if (!(condition)) [[unlikely]]                                                        \
      ::hearth::check_failed(__FILE__, __LINE__, #condition, message);                    \
  } while (false)

}  // namespace hearth

#include "runner/shared_data.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace hearth::testing {

std::string shared_data() {
  if (const char* named = std::getenv("HEARTH_TEST_DATA")) return named;
  const std::string beside = std::string(HEARTH_SOURCE_DIR) + "/../shared/data";
  return std::filesystem::is_directory(beside) ? beside : "";
}

std::string source_path(const std::string& relative) { return std::string(HEARTH_SOURCE_DIR) + "/" + relative; }

void count_cases(const std::string& group, size_t cases) { std::cout << "[   CASES  ] " << group << ": " << cases << "\n"; }

}  // namespace hearth::testing

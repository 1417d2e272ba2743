#pragma once
// A folder for one test: empty, with a name of its own, removed at the end. Tests of several checkouts may run at once.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace hearth::testing {

class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    HEARTH_CHECK(::mkdtemp(name.data()) != nullptr, "no folder can be made for tests");
    path_ = std::move(name);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }

  // Makes the folders on the way; returns the path.
  std::string write(std::string_view name, std::string_view content) const {
    const std::filesystem::path file = path(name);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }

  std::vector<std::filesystem::path> files() const {  // by name, hidden ones left out
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      if (!entry.path().filename().string().starts_with('.')) files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
  }

 private:
  std::string path_;
};

}  // namespace hearth::testing

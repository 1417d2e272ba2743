#pragma once
// What a model file says about itself: typed values under dotted keys ("llama.block_count"), whatever the container.
// Keys follow the GGUF specification; Hugging Face configs are translated into the same keys by checkpoint/huggingface/metadata.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hearth {

class Metadata {
 public:
  // Arrays keep one flat vector per kind; nested arrays do not occur in any known model and are refused by the readers.
  using Value = std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<bool>, std::vector<int64_t>,
                             std::vector<double>, std::vector<std::string>>;
  using Entry = std::pair<std::string, Value>;

  void set(std::string key, Value value);  // adds or replaces
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const Value* find(std::string_view key) const;
  std::span<const Entry> entries() const { return entries_; }  // in file order

  // Typed reads convert between number kinds where no value is lost. Errors name the key, the type found and the type wanted.
  Result<std::string> text(std::string_view key) const;
  Result<int64_t> integer(std::string_view key) const;
  Result<double> number(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;

  std::string text_or(std::string_view key, std::string_view fallback) const;
  int64_t integer_or(std::string_view key, int64_t fallback) const;
  double number_or(std::string_view key, double fallback) const;
  bool boolean_or(std::string_view key, bool fallback) const;

  // Arrays, empty where absent or of another type. Valid until the next set().
  std::span<const std::string> texts(std::string_view key) const;
  std::span<const int64_t> integers(std::string_view key) const;
  std::span<const double> numbers(std::string_view key) const;
  std::vector<bool> booleans(std::string_view key) const;

 private:
  std::vector<Entry> entries_;  // a few dozen: linear search
};

std::string_view type_name(const Metadata::Value& value);  // "a string", "an array of integers", ...

}  // namespace hearth

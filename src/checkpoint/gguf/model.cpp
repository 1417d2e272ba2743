// A GGUF model: one file, or the parts "name-00001-of-00003.gguf" of one. Only the first part describes the model; all
// parts hold tensors.
#include <algorithm>

#include "checkpoint/conventions.h"
#include "checkpoint/gguf/gguf.h"

namespace hearth::checkpoint {

namespace {

constexpr int64_t kMaxParts = 99999;  // five digits

Failure bad_split(const ByteSource& file, std::string_view key, std::string sentence) {
  return at(fmt::format("{}: key '{}'", file.name(), key), Error{ErrorCode::kBadFile, std::move(sentence), {}});
}

std::string base_name(std::string_view path) { return std::string(path.substr(path.find_last_of('/') + 1)); }

std::string part_ending(int64_t part, int64_t parts) { return fmt::format("-{:05}-of-{:05}.gguf", part + 1, parts); }

// "model" of "model-00001-of-00003.gguf".
Result<std::string> split_prefix(const ByteSource& first, int64_t parts) {
  std::string name = base_name(first.name());
  const std::string ending = part_ending(0, parts);
  if (!name.ends_with(ending))
    return bad_split(
        first, "split.count",
        fmt::format("the model has {} parts, so this file's name must end in '{}'; rename it, and the other "
                    "parts likewise",
                    parts, ending));
  return name.substr(0, name.size() - ending.size());
}

Result<void> check_part(const ByteSource& file, const Metadata& meta, int64_t part, int64_t parts) {
  const auto number = meta.integer("split.no"), count = meta.integer("split.count");
  for (const auto* read : {&number, &count})
    if (!*read) return at(file.name(), read->error());
  if (*number != part || *count != parts)
    return bad_split(
        file, "split.no",
        fmt::format("the file says it is part {} of {}, its name says {} of {}; parts were mixed up, download "
                    "them again",
                    *number + 1, *count, part + 1, parts));
  return {};
}

Result<void> add_part(Contents& model, std::shared_ptr<ByteSource> file, int64_t part, int64_t parts) {
  HEARTH_TRY(contents, read_gguf_file(*file));
  HEARTH_TRY_VOID(check_part(*file, contents.metadata, part, parts));
  for (TensorInfo& tensor : contents.tensors) {
    tensor.file = static_cast<uint32_t>(model.files.size());
    model.tensors.push_back(std::move(tensor));
  }
  model.files.push_back(std::move(file));
  return {};
}

Result<void> add_other_parts(Contents& model, const ByteSource& first, const Siblings& siblings, int64_t parts) {
  HEARTH_TRY(prefix, split_prefix(first, parts));
  for (int64_t part = 1; part < parts; ++part) {
    const std::string name = prefix + part_ending(part, parts);
    auto file = siblings(name);
    if (!file && file.error().code == ErrorCode::kNotFound)
      return fail(ErrorCode::kNotFound, "{}: part {} of {} is missing; download '{}' into the same folder",
                  first.name(), part + 1, parts, name);
    if (!file) return std::unexpected(file.error());
    HEARTH_TRY_VOID(add_part(model, std::move(*file), part, parts));
  }
  const auto expected = model.metadata.integer_or("split.tensors.count", static_cast<int64_t>(model.tensors.size()));
  if (expected != static_cast<int64_t>(model.tensors.size()))
    return bad_split(first, "split.tensors.count",
                     fmt::format("{} tensors are promised, the {} parts hold {}; download the model again", expected,
                                 parts, model.tensors.size()));
  return {};
}

bool claims(std::span<const std::byte> head) {
  return head.size() >= 4 && std::equal(head.begin(), head.begin() + 4, reinterpret_cast<const std::byte*>("GGUF"));
}

}  // namespace

bool is_later_gguf_part(std::string_view file_name) {
  constexpr std::string_view kPattern = "-#####-of-#####.gguf";
  if (file_name.size() < kPattern.size()) return false;
  const std::string_view ending = file_name.substr(file_name.size() - kPattern.size());
  const auto fits = [](char c, char wanted) { return wanted == '#' ? c >= '0' && c <= '9' : c == wanted; };
  return std::equal(ending.begin(), ending.end(), kPattern.begin(), fits) && !ending.starts_with("-00001-");
}

Result<std::shared_ptr<const Checkpoint>> open_gguf(std::shared_ptr<ByteSource> first, const Siblings& siblings) {
  HEARTH_TRY(model, read_gguf_file(*first));
  model.files.push_back(first);
  const int64_t part = model.metadata.integer_or("split.no", 0);
  const int64_t parts = model.metadata.integer_or("split.count", 1);
  if (parts > kMaxParts || part < 0 || (parts > 1 && part >= parts))
    return bad_split(*first, "split.count", fmt::format("part {} of {} parts cannot be", part + 1, parts));
  if (part > 0) {
    const std::string name = base_name(first->name());
    const std::string ending = part_ending(part, parts);
    const std::string wanted =
        name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) + part_ending(0, parts) : "the first part";
    return bad_split(*first, "split.no",
                     fmt::format("this is part {} of {}; open {} instead", part + 1, parts, wanted));
  }
  if (parts > 1) HEARTH_TRY_VOID(add_other_parts(model, *first, siblings, parts));
  add_gguf_conventions(model.metadata);
  return make_checkpoint(std::move(model));
}

extern const Container kGgufContainer{.name = "gguf",
                                      .summary = "GGUF files of llama.cpp, versions 2 and 3, split or whole",
                                      .claims = &claims,
                                      .open = &open_gguf};

}  // namespace hearth::checkpoint

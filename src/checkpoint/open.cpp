// Opening by content: the list of containers first, then the files people give by mistake, each with its remedy.
#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "checkpoint/container.h"
#include "checkpoint/gguf/gguf.h"
#include "checkpoint/huggingface/folder.h"

namespace hearth::checkpoint {

#define HEARTH_CONTAINER(x) extern const Container x;
#include "checkpoint/containers.def"
#undef HEARTH_CONTAINER

std::span<const Container* const> containers() {
#define HEARTH_CONTAINER(x) &x,
  static constexpr const Container* kAll[] = {
#include "checkpoint/containers.def"
  };
#undef HEARTH_CONTAINER
  return kAll;
}

namespace {

constexpr size_t kHeadBytes = 64;

struct Mistake {
  std::string_view head;  // compared in lower case, after leading white space
  std::string_view what;
};
constexpr std::string_view kToSafetensors =
    "a PyTorch checkpoint, whose pickle format can run programs; convert it to safetensors or get the model's GGUF";
constexpr std::string_view kWebPage =
    "a web page; the download link led to a page instead of the file, get the file's direct link";
constexpr std::string_view kOldGgml = "a GGML file of 2023, older than GGUF; get the model as GGUF";
constexpr Mistake kMistakes[] = {
    {"version https://git-lfs", "a Git LFS pointer, not the file itself; run 'git lfs pull' or download the file"},
    {"<!doctype", kWebPage},
    {"<html", kWebPage},
    {"pk\x03\x04", kToSafetensors},
    {"\x80\x02", kToSafetensors},
    {"\x80\x03", kToSafetensors},
    {"\x80\x04", kToSafetensors},
    {"\x80\x05", kToSafetensors},
    {"lmgg", kOldGgml},
    {"fmgg", kOldGgml},
    {"tjgg", kOldGgml},
    {"algg", kOldGgml},
    {"\x93numpy", "a NumPy array; convert the model to safetensors"},
    {"\x89hdf", "an HDF5 file of Keras; convert the model to safetensors"},
    {"\x1f\x8b", "compressed with gzip; unpack it first"},
    {"\x28\xb5\x2f\xfd", "compressed with Zstandard; unpack it first"},
    {"{", "JSON text; if it is a config.json, open its folder"},
};

Failure unknown_file(const ByteSource& file, std::span<const std::byte> head) {
  std::string text(reinterpret_cast<const char*>(head.data()), head.size());
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const Mistake& mistake : kMistakes)
    if (text.starts_with(mistake.head))
      return fail(ErrorCode::kBadFile, "{}: byte 0: this is {}", file.name(), mistake.what);
  std::string known;
  for (const Container* container : containers()) known += (known.empty() ? "" : ", ") + std::string(container->name);
  return fail(ErrorCode::kBadFile,
              "{}: byte 0: this is no model file of a known kind ({}); if it should be, download it again", file.name(),
              known);
}

bool holds_safetensors(const std::string& folder) {
  const auto names = names_in(folder);
  return names && std::ranges::any_of(*names, [](const std::string& name) { return name.contains(".safetensors"); });
}

// The GGUF model of a folder without safetensors: its only file, or the first part of its only split model.
Result<std::string> only_gguf(const std::string& folder) {
  HEARTH_TRY(names, names_in(folder));
  std::vector<std::string> candidates;
  for (const std::string& name : names)
    if (name.ends_with(".gguf") && !is_later_gguf_part(name)) candidates.push_back(name);
  if (candidates.size() == 1) return folder + "/" + candidates[0];
  if (candidates.empty())
    return fail(ErrorCode::kNotFound,
                "{}: no config.json and no .gguf file is here; give a model file or a model's folder", folder);
  return fail(ErrorCode::kInvalidArgument, "{}: {} GGUF models are here ({}, {}{}); name one of them", folder,
              candidates.size(), candidates[0], candidates[1], candidates.size() > 2 ? ", ..." : "");
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Siblings folder_siblings(std::string folder) {
  return [folder = std::move(folder)](const std::string& name) { return map_file(folder + "/" + name); };
}

Result<std::shared_ptr<const Checkpoint>> open_source(std::shared_ptr<ByteSource> first, const Siblings& siblings) {
  std::byte storage[kHeadBytes];
  const std::span head(storage, static_cast<size_t>(std::min<uint64_t>(kHeadBytes, first->size())));
  HEARTH_TRY_VOID(first->read(0, head));
  for (const Container* container : containers())
    if (container->claims(head)) return container->open(std::move(first), siblings);
  return unknown_file(*first, head);
}

Result<std::shared_ptr<const Checkpoint>> open(const std::string& path) {
  std::string file = path;
  while (file.size() > 1 && file.ends_with('/')) file.pop_back();
  if (is_folder(file)) {
    auto only = only_gguf(file);
    if (file_exists(file + "/config.json") && (holds_safetensors(file) || (!only && only.error().code == ErrorCode::kNotFound)))
      return open_huggingface(file, folder_siblings(file));
    if (!only) return std::unexpected(only.error());
    file = *std::move(only);
  }
  HEARTH_TRY(first, map_file(file));
  return open_source(std::move(first), folder_siblings(folder_of(file)));
}

}  // namespace hearth::checkpoint

#include "checkpoint/huggingface/folder.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/json.h"
#include "checkpoint/extents.h"
#include "checkpoint/huggingface/metadata.h"
#include "checkpoint/huggingface/names.h"
#include "checkpoint/safetensors.h"

namespace hearth::checkpoint {

namespace {

constexpr uint64_t kMaxJsonBytes = uint64_t{1} << 26;
constexpr size_t kMaxShards = 10000;

// The whole file; nothing where there is none.
Result<std::optional<std::string>> read_optional(const Siblings& siblings, const std::string& name) {
  auto file = siblings(name);
  if (!file && file.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  const uint64_t bytes = (*file)->size();
  if (bytes > kMaxJsonBytes)
    return fail(ErrorCode::kDoesNotFit, "{}: {} bytes, at most {} are read", (*file)->name(), bytes, kMaxJsonBytes);
  std::string text(static_cast<size_t>(bytes), '\0');
  HEARTH_TRY_VOID((*file)->read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

Result<std::optional<Json>> read_json(const Siblings& siblings, const std::string& folder, const std::string& name) {
  HEARTH_TRY(text, read_optional(siblings, name));
  if (!text) return std::nullopt;
  auto json = Json::parse(*text);
  if (!json) return at(folder + "/" + name, json.error());
  if (!json->is_object())
    return fail(ErrorCode::kBadFile, "{}/{}: the file holds {}, it must hold an object", folder, name,
                json->type_name());
  return std::move(*json);
}

Result<Metadata> read_metadata(const std::string& folder, const Siblings& siblings) {
  HEARTH_TRY(config, read_json(siblings, folder, "config.json"));
  if (!config)
    return fail(ErrorCode::kNotFound, "{}: config.json is missing; give a model file or a model's folder", folder);
  HEARTH_TRY(generation, read_json(siblings, folder, "generation_config.json"));
  HEARTH_TRY(tokenizer, read_json(siblings, folder, "tokenizer_config.json"));
  HEARTH_TRY(quantization, read_json(siblings, folder, "hf_quant_config.json"));
  HEARTH_TRY(chat_template, read_optional(siblings, "chat_template.jinja"));
  auto meta = huggingface_metadata({.config = *config,
                                    .generation = generation.value_or(Json::object()),
                                    .tokenizer = tokenizer.value_or(Json::object()),
                                    .quantization = quantization.value_or(Json::object()),
                                    .chat_template = std::move(chat_template)});
  if (!meta) return at(folder, meta.error());
  meta->set("general.name", folder.substr(folder.find_last_of('/') + 1));
  return meta;
}

// Names that an index may give: files of this folder, nothing else.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && name.find('\\') == std::string_view::npos &&
         name != "." && name != ".." && name.find('\0') == std::string_view::npos;
}

struct Index {
  std::vector<std::string> shards;                        // in the order of first use
  std::unordered_map<std::string, std::string> shard_of;  // by tensor name in the file; empty for a single file
};

Result<Index> read_index(const Json& json, const std::string& where) {
  const Json* map = json.find("weight_map");
  if (map == nullptr || !map->is_object()) return fail(ErrorCode::kBadFile, "{}: weight_map must be an object", where);
  Index index;
  std::unordered_set<std::string_view> seen;
  for (const auto& [tensor, shard] : map->as_object()) {
    if (!shard.is_string() || !is_plain_file_name(shard.as_string()))
      return fail(ErrorCode::kBadFile,
                  "{}: weight_map['{}'] must name a file of this folder, without any path; do not trust this model",
                  where, printable(tensor));
    if (seen.insert(shard.as_string()).second) index.shards.push_back(shard.as_string());
    index.shard_of.emplace(tensor, shard.as_string());
  }
  if (index.shards.empty()) return fail(ErrorCode::kBadFile, "{}: weight_map is empty", where);
  if (index.shards.size() > kMaxShards)
    return fail(ErrorCode::kBadFile, "{}: {} files, at most {} are allowed", where, index.shards.size(), kMaxShards);
  return index;
}

// Which files hold the weights.
Result<Index> find_shards(const std::string& folder, const Siblings& siblings) {
  constexpr const char* kIndexName = "model.safetensors.index.json";
  HEARTH_TRY(json, read_json(siblings, folder, kIndexName));
  if (json) return read_index(*json, folder + "/" + kIndexName);
  auto single = siblings("model.safetensors");
  if (single) return Index{{"model.safetensors"}, {}};
  if (single.error().code != ErrorCode::kNotFound) return std::unexpected(single.error());
  for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (siblings(pickle))
      return fail(
          ErrorCode::kUnsupported,
          "{}: the weights are PyTorch pickles ({}), whose format can run programs; convert them to safetensors or "
          "get the model's GGUF",
          folder, pickle);
  return fail(ErrorCode::kNotFound,
              "{}: config.json is here, but neither model.safetensors nor {}; download the weights", folder,
              kIndexName);
}

// A canonical tensor that cannot be read stops the model; one that no architecture uses is only listed.
Result<void> refuse_needed(const Contents& shard, std::string_view arch, const ByteSource& file) {
  for (const UnreadableTensor& tensor : shard.unreadable)
    if (canonical_name(tensor.name, arch).known)
      return fail(ErrorCode::kUnsupported, "{}: tensor {} cannot be read: {}; get the model in bf16 or f16, or as GGUF",
                  file.name(), printable(tensor.name), tensor.reason);
  return {};
}

void rename(TensorInfo& tensor, std::string_view arch) {
  CanonicalName name = canonical_name(tensor.file_name, arch);
  tensor.name = std::move(name.text);
  if (name.drops_unit_axis && tensor.shape.rank() == 3 && tensor.shape[1] == 1)
    tensor.shape = Shape{tensor.shape[0], tensor.shape[2]};
}

Result<void> add_shard(Contents& model, const std::string& folder, const std::string& shard, const Siblings& siblings) {
  auto file = siblings(shard);
  if (!file && file.error().code == ErrorCode::kNotFound)
    return fail(ErrorCode::kNotFound, "{}: the index names {}, which is missing; download it too", folder, printable(shard));
  if (!file) return std::unexpected(file.error());
  HEARTH_TRY(contents, read_safetensors_file(**file));
  const std::string arch = model.metadata.text_or("general.architecture", "");
  HEARTH_TRY_VOID(refuse_needed(contents, arch, **file));
  for (TensorInfo& tensor : contents.tensors) {
    rename(tensor, arch);
    tensor.file = static_cast<uint32_t>(model.files.size());
    model.tensors.push_back(std::move(tensor));
  }
  std::move(contents.unreadable.begin(), contents.unreadable.end(), std::back_inserter(model.unreadable));
  model.files.push_back(std::move(*file));
  return {};
}

// Every tensor of the index lies where the index says.
Result<void> check_index(const Contents& model, const Index& index, const std::string& folder) {
  std::unordered_map<std::string_view, std::string_view> found;  // tensor to shard
  for (const TensorInfo& tensor : model.tensors) found.emplace(tensor.file_name, index.shards[tensor.file]);
  for (const UnreadableTensor& tensor : model.unreadable) found.emplace(tensor.name, "");  // in one of them
  for (const auto& [tensor, shard] : index.shard_of)
    if (const auto place = found.find(tensor);
        place == found.end() || (!place->second.empty() && place->second != shard))
      return fail(ErrorCode::kBadFile,
                  "{}: the index says tensor {} is in {}, which does not have it; download both again", folder,
                  printable(tensor), printable(shard));
  return {};
}

}  // namespace

Result<std::shared_ptr<const Checkpoint>> open_huggingface(const std::string& folder, const Siblings& siblings) {
  HEARTH_TRY(meta, read_metadata(folder, siblings));
  HEARTH_TRY(index, find_shards(folder, siblings));
  Contents model{.container = "safetensors", .metadata = std::move(meta), .tensors = {}, .files = {}, .unreadable = {}};
  for (const std::string& shard : index.shards) HEARTH_TRY_VOID(add_shard(model, folder, shard, siblings));
  HEARTH_TRY_VOID(check_index(model, index, folder));
  return make_checkpoint(std::move(model));
}

}  // namespace hearth::checkpoint

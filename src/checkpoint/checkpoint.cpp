#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <functional>

#include "checkpoint/contents.h"

namespace hearth::checkpoint {

namespace {

class StoredCheckpoint final : public Checkpoint {
 public:
  explicit StoredCheckpoint(Contents contents) : contents_(std::move(contents)) { index_names(); }

  std::string_view container() const override { return contents_.container; }
  const Metadata& metadata() const override { return contents_.metadata; }
  std::span<const TensorInfo> tensors() const override { return contents_.tensors; }
  std::span<const std::shared_ptr<ByteSource>> files() const override { return contents_.files; }
  std::span<const UnreadableTensor> unreadable() const override { return contents_.unreadable; }

 private:
  Contents contents_;
};

}  // namespace

Result<std::shared_ptr<const Checkpoint>> make_checkpoint(Contents contents) {
  auto checkpoint = std::make_shared<const StoredCheckpoint>(std::move(contents));
  for (const TensorInfo& tensor : checkpoint->tensors()) {
    const TensorInfo* first = checkpoint->find(tensor.name);
    if (first != &tensor)
      return at(checkpoint->files()[tensor.file]->name(),
                fail(ErrorCode::kBadFile, "tensor {} is there twice, as {} in {} and as {}", tensor.name,
                     first->file_name, checkpoint->files()[first->file]->name(), tensor.file_name)
                    .error());
  }
  return checkpoint;
}

void Checkpoint::index_names() {
  const auto all = tensors();
  name_index_.reserve(all.size());
  for (uint32_t i = 0; i < all.size(); ++i) name_index_.emplace_back(std::hash<std::string_view>{}(all[i].name), i);
  std::sort(name_index_.begin(), name_index_.end());
}

const TensorInfo* Checkpoint::find(std::string_view canonical_name) const {
  const size_t hash = std::hash<std::string_view>{}(canonical_name);
  auto entry = std::lower_bound(name_index_.begin(), name_index_.end(), std::pair<size_t, uint32_t>(hash, 0));
  for (; entry != name_index_.end() && entry->first == hash; ++entry)
    if (const TensorInfo& tensor = tensors()[entry->second]; tensor.name == canonical_name) return &tensor;
  return nullptr;
}

Result<const TensorInfo*> Checkpoint::require(std::string_view canonical_name) const {
  if (const TensorInfo* tensor = find(canonical_name)) return tensor;
  const std::string_view file = files().empty() ? container() : files().front()->name();
  for (const UnreadableTensor& tensor : unreadable())
    if (tensor.name == canonical_name)
      return fail(ErrorCode::kUnsupported, "{}: tensor {} cannot be read: {}", file, canonical_name, tensor.reason);
  return fail(ErrorCode::kNotFound, "{}: tensor {} is missing", file, canonical_name);
}

Result<std::span<const std::byte>> Checkpoint::bytes(const TensorInfo& tensor) const {
  const ByteSource& file = *files()[tensor.file];
  const auto mapped = file.mapped();
  if (mapped.empty())
    return fail(ErrorCode::kUnsupported, "{}: tensor {} is not in memory; download the file first", file.name(),
                tensor.name);
  return mapped.subspan(tensor.offset, tensor.bytes);
}

uint64_t Checkpoint::total_bytes() const {
  uint64_t total = 0;
  for (const TensorInfo& tensor : tensors()) total += tensor.bytes;
  return total;
}

Result<void> Checkpoint::check_unchanged() const {
  for (const auto& file : files())
    if (!file->is_unchanged())
      return fail(ErrorCode::kBadFile, "{}: the file changed while it was read; load the model again once it is complete", file->name());
  return {};
}

}  // namespace hearth::checkpoint

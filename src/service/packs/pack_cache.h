#pragma once
// Packed weights on disk: one file per model and layout under $XDG_CACHE_HOME/hearth/packed, mapped by the next start instead
// of packing again. Opt-in: it costs the disk a second model and saves a 0.6B model some 0.1 s of a
// cached start (docs/performance.md); processes that run the same model share the mapped memory.
//
// A file appears whole or not at all (temporary name, fsync, rename). A program that ends without wait() keeps nothing.
// What is torn, flipped or foreign is removed with one line and packed again: headers are checked when a file is opened,
// pieces before their first use, by whoever asked.
// A disk that is full or read-only costs one line and nothing else.
#include <stop_token>
#include <string>
#include <thread>

#include "checkpoint/checkpoint.h"
#include "ops/image_store.h"
#include "service/packs/model_identity.h"

namespace hearth::service {

struct PackCacheOptions {
  std::string folder;                         // made when something is kept
  uint64_t most_bytes = uint64_t{32} << 30;   // of all files; the one used longest ago goes first
};

// Keeps the images of one model. Any number of processes may use the same folder.
class PackCache final : public ops::ImageStore {
 public:
  PackCache(const checkpoint::Checkpoint& files, PackCacheOptions options);  // `files` outlives it
  ~PackCache() override;                                                     // gives up what is not on the disk yet

  ops::KeptImage find(std::string_view manifest, uint64_t bytes) override;
  void discard(std::string_view manifest) override;
  void keep(std::string_view manifest, std::shared_ptr<const std::byte> first, uint64_t bytes) override;

  void wait();  // until what is being kept is on the disk, or was given up

 private:
  std::string path_of(std::string_view manifest) const;
  Result<void> write(const std::string& path, const ops::KeptImage& image, std::stop_token stop) const;

  const checkpoint::Checkpoint& files_;
  const PackCacheOptions options_;
  const ModelIdentity identity_;
  std::jthread writer_;
};

std::string pack_cache_folder();  // "" without a home

}  // namespace hearth::service

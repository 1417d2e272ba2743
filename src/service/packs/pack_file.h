#pragma once
// One file of the pack cache: a header with the hashes of all pieces, then the image from a page boundary.
#include <memory>
#include <string>

#include "base/result.h"
#include "ops/image_store.h"
#include "service/packs/model_identity.h"

namespace hearth::service {

struct PackFile {
  ModelIdentity identity;
  uint64_t content = 0;  // content_hash() of the model
  ops::KeptImage image;
};

// Maps a file and checks its header, not its pieces. Errors: kNotFound; kBadFile says what is wrong.
Result<PackFile> open_pack_file(const std::string& path);

// Writes, flushes and renames. Errors: kCannotCreate; nothing is left behind then.
Result<void> write_pack_file(const std::string& path, const PackFile& file);

uint64_t pack_file_bytes(uint64_t image_bytes);

}  // namespace hearth::service

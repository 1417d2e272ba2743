#pragma once
// One file of the pack cache: a header with the hashes of all pieces, then the image from a page boundary.
#include <memory>
#include <stop_token>
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

// Writes, flushes and renames. Errors: kCannotCreate, kCancelled once it is asked to stop; nothing is left behind then.
Result<void> write_pack_file(const std::string& path, const PackFile& file, std::stop_token stop = {});

// Writes the header anew, with the stamp that `file` has now. Where that fails, the next start reads the whole model again.
void renew_header(const std::string& path, const PackFile& file);

// Whoever writes a file of the folder holds a lock on the part that it is until then: what can be locked, dead processes left.
void remove_dead_parts(const std::string& folder);

uint64_t pack_file_bytes(uint64_t image_bytes);

}  // namespace hearth::service

#pragma once
// What a model's files contain, as a short key: the same bytes under another name or date have the same key.
//
// Reading every byte would cost as much as packing does, so the key is taken from all headers and from one page of every
// tensor: files that differ in any tensor differ there, unless somebody edits single bytes in place. For that there is the
// stamp: while inode, size and times are as they were when the files were mapped, the bytes are taken to be; otherwise
// content_hash() reads them all. Devices do not count: some are numbered anew when they are mounted.
#include <cstdint>
#include <optional>
#include <stop_token>

#include "checkpoint/checkpoint.h"

namespace hearth::service {

struct ModelIdentity {
  uint64_t key = 0;    // headers and samples
  uint64_t stamp = 0;  // of the files as the file system knows them
};

ModelIdentity identify(const checkpoint::Checkpoint& files);
uint64_t metadata_hash(const Metadata& meta);  // every key; config.json of a Hugging Face folder is in no header

// Of every byte of every tensor; none once it is asked to stop.
std::optional<uint64_t> content_hash(const checkpoint::Checkpoint& files, std::stop_token stop = {});

}  // namespace hearth::service

#pragma once
// What a model's files contain, as a short key: the same bytes under another name or date have the same key.
//
// Reading every byte would cost as much as packing does, so the key is taken from all headers and from one page of every
// tensor: files that differ in any tensor differ there, unless somebody edits single bytes in place. For that there is the
// stamp: while path, size, time of change and inode are as they were, the bytes are taken to be; otherwise content() reads
// them all.
#include <cstdint>
#include <string>

#include "checkpoint/checkpoint.h"

namespace hearth::service {

struct ModelIdentity {
  uint64_t key = 0;    // headers and samples
  uint64_t stamp = 0;  // of the files as the file system knows them
};

ModelIdentity identify(const checkpoint::Checkpoint& files);
uint64_t content_hash(const checkpoint::Checkpoint& files);  // every byte of every tensor

}  // namespace hearth::service

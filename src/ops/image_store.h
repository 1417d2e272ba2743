#pragma once
// Packed weights kept between runs of the program. A packing offers its finished memory as one image and, next time, asks
// for it before it packs. Implementations know where images lie (service/packs/pack_cache.h) and nothing of what is in them.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::ops {

// An image as it was kept. Whoever uses it first compares every piece with its hash (base/hash.h).
struct KeptImage {
  std::shared_ptr<const std::byte> first;  // the mapping lives as long as a copy of this
  uint64_t bytes = 0, piece_bytes = 0;     // the last piece may be shorter
  std::vector<uint64_t> piece_hashes;

  std::span<const std::byte> piece(size_t i) const {
    const uint64_t begin = i * piece_bytes;
    return {first.get() + begin, static_cast<size_t>(begin + piece_bytes < bytes ? piece_bytes : bytes - begin)};
  }
};

// Calls come from one thread at a time.
class ImageStore {
 public:
  virtual ~ImageStore() = default;

  // The image kept for sources whose packing reads `manifest` (what lies where, in words), `bytes` long; first is null where
  // there is none.
  virtual KeptImage find(std::string_view manifest, uint64_t bytes) = 0;

  // The image just found is not what was kept: it goes, and one line tells.
  virtual void discard(std::string_view manifest) = 0;

  // Takes an image to be kept. Returns at once; the image is read later, by another thread, and must not change.
  virtual void keep(std::string_view manifest, std::shared_ptr<const std::byte> first, uint64_t bytes) = 0;
};

}  // namespace hearth::ops

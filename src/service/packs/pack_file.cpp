#include "service/packs/pack_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/hash.h"

namespace hearth::service {

namespace {

constexpr uint64_t kPage = 4096, kPieceBytes = uint64_t{4} << 20;
constexpr std::string_view kPartEnding = ".part";
constexpr std::array<char, 8> kMagic = {'h', 'e', 'a', 'r', 't', 'h', 'p', '1'};

// Little-endian, followed by a hash per piece. `self` is the hash of all of it with self = 0.
struct Header {
  std::array<char, 8> magic = kMagic;
  uint64_t self = 0, key = 0, stamp = 0, content = 0, image_bytes = 0, piece_bytes = 0, pieces = 0;
};

uint64_t round_up(uint64_t bytes, uint64_t to) { return (bytes + to - 1) / to * to; }
uint64_t image_offset(uint64_t pieces) { return round_up(sizeof(Header) + pieces * sizeof(uint64_t), kPage); }

uint64_t self_hash(Header header, std::span<const uint64_t> pieces) {
  header.self = 0;
  return hash_bytes(std::as_bytes(pieces), hash_bytes(std::as_bytes(std::span(&header, 1))));
}

Header header_of(const PackFile& file) {
  const ops::KeptImage& image = file.image;
  Header header{.key = file.identity.key, .stamp = file.identity.stamp, .content = file.content, .image_bytes = image.bytes,
                .piece_bytes = image.piece_bytes, .pieces = image.piece_hashes.size()};
  header.self = self_hash(header, image.piece_hashes);
  return header;
}

// A new file beside `path`, locked; -1 and errno where there can be none. Before it is locked, others may take it for one of the dead.
int create_part(const std::string& path, std::string& part) {
  while (true) {
    part = path + ".XXXXXX" + std::string(kPartEnding);
    const int out = ::mkostemps(part.data(), static_cast<int>(kPartEnding.size()), O_CLOEXEC);
    if (out < 0) return out;
    struct stat facts {};
    if (::flock(out, LOCK_EX) != 0 || ::fstat(out, &facts) != 0 || facts.st_nlink > 0) return out;
    ::close(out);
  }
}

}  // namespace

uint64_t pack_file_bytes(uint64_t image_bytes) {
  return image_offset((image_bytes + kPieceBytes - 1) / kPieceBytes) + image_bytes;
}

Result<PackFile> open_pack_file(const std::string& path) {
  HEARTH_TRY(source, map_file(path));
  const auto bytes = source->mapped();
  Header header;
  const auto damaged = [&](std::string_view what) { return fail(ErrorCode::kBadFile, "{}: {}", path, what); };
  if (bytes.size() < sizeof header) return damaged("too short for a header");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) return damaged("no packed weights of this version");
  if (header.piece_bytes == 0 || header.piece_bytes % kPage != 0 || header.image_bytes > bytes.size() ||
      header.pieces != (header.image_bytes + header.piece_bytes - 1) / header.piece_bytes ||
      header.pieces > bytes.size() / sizeof(uint64_t) || image_offset(header.pieces) + header.image_bytes != bytes.size())
    return damaged("its length is not what its header says");
  PackFile file{.identity = {header.key, header.stamp}, .content = header.content, .image = {}};
  file.image.piece_hashes.resize(header.pieces);
  std::memcpy(file.image.piece_hashes.data(), bytes.data() + sizeof header, header.pieces * sizeof(uint64_t));
  if (self_hash(header, file.image.piece_hashes) != header.self) return damaged("its header is damaged");
  file.image.bytes = header.image_bytes;
  file.image.piece_bytes = header.piece_bytes;
  file.image.first = {source, bytes.data() + image_offset(header.pieces)};
  return file;
}

Result<void> write_pack_file(const std::string& path, const PackFile& unhashed, std::stop_token stop) {
  PackFile file = unhashed;
  ops::KeptImage& image = file.image;
  image.piece_bytes = kPieceBytes;
  image.piece_hashes.resize((image.bytes + kPieceBytes - 1) / kPieceBytes);
  for (size_t i = 0; i < image.piece_hashes.size() && !stop.stop_requested(); ++i) image.piece_hashes[i] = hash_bytes(image.piece(i));
  const Header header = header_of(file);
  std::vector<std::byte> head(image_offset(header.pieces));
  std::memcpy(head.data(), &header, sizeof header);
  std::memcpy(head.data() + sizeof header, image.piece_hashes.data(), header.pieces * sizeof(uint64_t));

  std::string part;
  const Descriptor out(create_part(path, part));
  if (out.get() < 0) return fail(ErrorCode::kCannotCreate, "{}: cannot be created: {}", path, std::strerror(errno));
  let_others_read(out.get());
  bool written = write_all(out.get(), std::span<const std::byte>(head));
  for (size_t i = 0; written && i < header.pieces && !stop.stop_requested(); ++i) written = write_all(out.get(), image.piece(i));
  const bool is_whole = written && !stop.stop_requested();
  if (is_whole && ::fsync(out.get()) == 0 && ::rename(part.c_str(), path.c_str()) == 0) return {};
  const std::string why = std::strerror(errno);
  ::unlink(part.c_str());
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "{}: writing was stopped", path);
  return fail(ErrorCode::kCannotCreate, "{}: cannot be written: {}", path, why);
}

void renew_header(const std::string& path, const PackFile& file) {
  const Header header = header_of(file);
  const Descriptor out(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (out.get() >= 0) write_all(out.get(), std::as_bytes(std::span(&header, 1)));  // torn, it fails its own hash
}

void remove_dead_parts(const std::string& folder) {
  const auto names = names_in(folder);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    if (!name.ends_with(kPartEnding)) continue;
    const std::string path = folder + "/" + name;
    const Descriptor part(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (part.get() >= 0 && ::flock(part.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
  }
}

}  // namespace hearth::service

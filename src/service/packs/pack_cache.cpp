#include "service/packs/pack_cache.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/options/sources.h"
#include "service/packs/pack_file.h"

namespace hearth::service {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".packed";

// Processor and disk go to everyone else first. Refusal costs nothing but politeness.
void give_way() {
  constexpr int kWhoProcess = 1, kIdleClass = 3 << 13;
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
  ::syscall(SYS_ioprio_set, kWhoProcess, 0, kIdleClass);
}

struct Entry {
  fs::path path;
  uint64_t bytes;
  fs::file_time_type used;
};

// Finished files of the folder, the one used longest ago first.
std::vector<Entry> entries(const std::string& folder) {
  std::vector<Entry> found;
  std::error_code ignored;
  const auto names = names_in(folder);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    const fs::directory_entry file(fs::path(folder) / name, ignored);
    if (file.path().extension() == kEnding) found.push_back({file.path(), file.file_size(ignored), file.last_write_time(ignored)});
  }
  std::ranges::sort(found, {}, &Entry::used);
  return found;
}

// Other processes may remove the same files: that serves as well.
void make_room(const PackCacheOptions& options, uint64_t bytes) {
  remove_dead_parts(options.folder);
  auto found = entries(options.folder);
  uint64_t total = bytes;
  for (const Entry& entry : found) total += entry.bytes;
  std::error_code ignored;
  for (const Entry& entry : found) {
    if (total <= options.most_bytes) return;
    fs::remove(entry.path, ignored);
    total -= entry.bytes;
  }
}

Result<void> prepare_folder(const PackCacheOptions& options, uint64_t bytes) {
  if (bytes > options.most_bytes)
    return fail(ErrorCode::kDoesNotFit, "they take {} MB and the cache may take {} MB; give more with --pack-cache-size",
                bytes >> 20, options.most_bytes >> 20);
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error) return fail(ErrorCode::kCannotCreate, "{}: {}", options.folder, error.message());
  make_room(options, bytes);
  return {};
}

}  // namespace

std::string pack_cache_folder() {
  const std::string folder = options::cache_folder();
  return folder.empty() ? "" : folder + "/packed";
}

PackCache::PackCache(const checkpoint::Checkpoint& files, PackCacheOptions options)
    : files_(files), options_(std::move(options)), identity_(identify(files)) {}

PackCache::~PackCache() = default;  // a jthread asks its thread to stop and joins it

void PackCache::wait() {
  if (writer_.joinable()) writer_.join();
}

std::string PackCache::path_of(std::string_view manifest) const {
  const uint64_t layout = hash_bytes(std::as_bytes(std::span(manifest)));
  return fmt::format("{}/{:016x}-{:016x}{}", options_.folder, identity_.key, layout, kEnding);
}

ops::KeptImage PackCache::find(std::string_view manifest, uint64_t bytes) {
  remove_dead_parts(options_.folder);
  const std::string path = path_of(manifest);
  auto file = open_pack_file(path);
  if (!file && file.error().code == ErrorCode::kNotFound) return {};
  if (!file || file->identity.key != identity_.key || file->image.bytes != bytes) {
    log::warn("{} is not used and packed again", file ? path + ": belongs to another model" : file.error().text());
    ::unlink(path.c_str());
    return {};
  }
  if (file->identity.stamp != identity_.stamp) {
    if (file->content != content_hash(files_)) {
      log::warn("{}: the model's files have changed; packed again", path);
      ::unlink(path.c_str());
      return {};
    }
    file->identity.stamp = identity_.stamp;
    renew_header(path, *file);
  }
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // used now
  log::info("packed weights come from {}", path);
  return file->image;
}

void PackCache::discard(std::string_view manifest) {
  const std::string path = path_of(manifest);
  log::warn("{}: is damaged; packed again", path);
  ::unlink(path.c_str());
}

Result<void> PackCache::write(const std::string& path, const ops::KeptImage& image, std::stop_token stop) const {
  const auto content = content_hash(files_, stop);
  if (!content) return fail(ErrorCode::kCancelled, "{}: writing was stopped", path);
  HEARTH_TRY_VOID(files_.check_unchanged());  // else what was hashed is not what was packed
  HEARTH_TRY_VOID(prepare_folder(options_, pack_file_bytes(image.bytes)));
  return write_pack_file(path, {.identity = identity_, .content = *content, .image = image}, stop);
}

void PackCache::keep(std::string_view manifest, std::shared_ptr<const std::byte> first, uint64_t bytes) {
  wait();
  writer_ = std::jthread([this, path = path_of(manifest), first = std::move(first), bytes](std::stop_token stop) {
    give_way();
    try {
      if (const auto written = write(path, {first, bytes, 0, {}}, stop); !written && !stop.stop_requested())
        log::warn("packed weights are not kept: {}", written.error().text());
    } catch (const std::bad_alloc&) {
      log::warn("packed weights are not kept: memory ran out");
    }
  });
}

}  // namespace hearth::service

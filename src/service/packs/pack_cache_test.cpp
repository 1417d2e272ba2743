// The pack cache: what is kept is found again bit for bit, or not at all; the disk may be full, read-only or shared.
#include "service/packs/pack_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/descriptor.h"
#include "base/hash.h"
#include "base/test_folder.h"
#include "checkpoint/gguf_writer.h"
#include "service/packs/pack_file.h"

namespace hearth::service {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBytes = (uint64_t{9} << 20) + 123;  // three pieces, the last one short

class PackCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = write_model("model.gguf", 7);
  }

  // A model of one tensor, whose bytes come from `seed`.
  std::string write_model(const std::string& name, uint8_t seed) {
    Metadata meta;
    meta.set("general.architecture", std::string("llama"));
    const std::vector<checkpoint::GgufTensor> tensors = {{"a.weight", quant::id_of(*quant::find_format("f32")), Shape{64, 1024}}};
    std::vector<std::byte> bytes(64 * 1024 * 4);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 + seed);
    const std::span<const std::byte> all(bytes);
    const auto image = checkpoint::gguf_image(meta, tensors, {&all, 1});
    EXPECT_TRUE(image.has_value());
    const std::string path = root_ / name;
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(image->data()), static_cast<std::streamsize>(image->size()));
    return path;
  }

  struct Opened {
    std::shared_ptr<const checkpoint::Checkpoint> files;
    std::unique_ptr<PackCache> cache;
  };
  Opened open(const std::string& model, uint64_t most_bytes = uint64_t{1} << 30, const std::string& folder = "packed") const {
    Opened opened;
    auto files = checkpoint::open(model);
    EXPECT_TRUE(files.has_value());
    opened.files = *files;
    opened.cache = std::make_unique<PackCache>(*opened.files, PackCacheOptions{root_ / folder, most_bytes});
    return opened;
  }

  static std::shared_ptr<const std::byte> image(uint8_t seed = 1) {
    const auto bytes = std::make_shared<std::vector<std::byte>>(kBytes);
    for (size_t i = 0; i < kBytes; ++i) (*bytes)[i] = static_cast<std::byte>((i >> 8) + i * seed);
    return {bytes, bytes->data()};
  }
  static bool is_whole(const ops::KeptImage& found) {
    if (found.first == nullptr || found.bytes != kBytes) return false;
    for (size_t i = 0; i < found.piece_hashes.size(); ++i)
      if (hash_bytes(found.piece(i)) != found.piece_hashes[i]) return false;
    return true;
  }
  void keep(const std::string& model, std::string_view manifest = "m") const {
    const Opened opened = open(model);
    opened.cache->keep(manifest, image(), kBytes);
    opened.cache->wait();
  }
  std::vector<fs::path> kept_files() const {
    std::vector<fs::path> found;
    if (fs::exists(root_ / "packed"))
      for (const auto& file : fs::directory_iterator(root_ / "packed")) found.push_back(file.path());
    return found;
  }

  const hearth::testing::TestFolder folder_;
  const fs::path root_ = folder_.path();
  std::string model_;
};

TEST_F(PackCacheTest, FindsWhatWasKept) {
  const Opened before = open(model_);
  EXPECT_EQ(before.cache->find("m", kBytes).first, nullptr);
  keep(model_);
  const Opened after = open(model_);
  const auto found = after.cache->find("m", kBytes);
  ASSERT_TRUE(is_whole(found));
  EXPECT_EQ(std::memcmp(found.first.get(), image().get(), kBytes), 0);
  EXPECT_EQ(after.cache->find("another layout", kBytes).first, nullptr);
  EXPECT_EQ(kept_files().size(), 1u);
}

TEST_F(PackCacheTest, ContentCountsNotTheName) {
  keep(model_);
  fs::copy_file(model_, root_ / "copy.gguf");
  EXPECT_TRUE(is_whole(open(root_ / "copy.gguf").cache->find("m", kBytes)));
  EXPECT_EQ(open(write_model("other.gguf", 8)).cache->find("m", kBytes).first, nullptr);
  EXPECT_TRUE(is_whole(open(model_).cache->find("m", kBytes)));  // and the other model took nothing away
}

// A byte that no sample sees: the time of change tells.
TEST_F(PackCacheTest, EditedFilesAreNotTrusted) {
  keep(model_);
  const auto same_key = identify(*open(model_).files).key;
  bool edited_unseen = false;
  for (const int64_t back : {1, 100000, 200000}) {
    const auto size = static_cast<int64_t>(fs::file_size(model_));
    std::fstream file(model_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(size - back).put('!');
    file.close();
    if (identify(*open(model_).files).key != same_key) continue;
    edited_unseen = true;
    EXPECT_EQ(open(model_).cache->find("m", kBytes).first, nullptr);
    break;
  }
  EXPECT_TRUE(edited_unseen);
}

// Where only the file's times changed, its bytes are read once and not at every later start.
TEST_F(PackCacheTest, AStampIsRenewed) {
  keep(model_);
  fs::last_write_time(model_, fs::file_time_type::clock::now() - std::chrono::hours(1));
  const Opened opened = open(model_);
  const uint64_t stamp = identify(*opened.files).stamp;
  EXPECT_NE(open_pack_file(kept_files()[0])->identity.stamp, stamp);
  EXPECT_TRUE(is_whole(opened.cache->find("m", kBytes)));
  EXPECT_EQ(open_pack_file(kept_files()[0])->identity.stamp, stamp);
  EXPECT_TRUE(is_whole(opened.cache->find("m", kBytes)));
}

// Packed before the edit, hashed after it: what is packed is not what the hash says.
TEST_F(PackCacheTest, AModelEditedWhileItIsPackedIsNotKept) {
  const Opened opened = open(model_);
  ::usleep(20000);  // file times tell them apart
  std::fstream(model_, std::ios::in | std::ios::out | std::ios::binary).seekp(-1, std::ios::end).put('!');
  opened.cache->keep("m", image(), kBytes);
  opened.cache->wait();
  EXPECT_TRUE(kept_files().empty());
}

TEST_F(PackCacheTest, PartsOfTheDeadGo) {
  fs::create_directories(root_ / "packed");
  const fs::path dead = root_ / "packed/dead.part", written = root_ / "packed/written.part";
  for (const fs::path& part : {dead, written}) std::ofstream(part) << "half";
  const Descriptor writer(::open(written.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(writer.get(), LOCK_EX), 0);
  EXPECT_EQ(open(model_).cache->find("m", kBytes).first, nullptr);
  EXPECT_EQ(kept_files(), std::vector<fs::path>{written});
}

TEST_F(PackCacheTest, WritersStopWhenAsked) {
  std::stop_source asked;
  asked.request_stop();
  EXPECT_FALSE(content_hash(*open(model_).files, asked.get_token()));
  const std::string path = root_ / "a.packed";
  const auto stopped = write_pack_file(path, {.identity = {}, .content = 0, .image = {image(), kBytes, 0, {}}}, asked.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(folder_.files(), std::vector<fs::path>{model_});
}

TEST(MetadataHash, CountsEveryKey) {
  Metadata meta;
  meta.set("qwen3moe.expert_used_count", int64_t{8});
  const uint64_t eight = metadata_hash(meta);
  meta.set("qwen3moe.expert_used_count", 8.0);
  EXPECT_NE(metadata_hash(meta), eight);
  meta.set("qwen3moe.expert_used_count", int64_t{8});
  EXPECT_EQ(metadata_hash(meta), eight);
  meta.set("hearth.norm.offset", std::vector<bool>{true});
  EXPECT_NE(metadata_hash(meta), eight);
}

TEST_F(PackCacheTest, TornAndForeignFilesGo) {
  const auto damage = [&](auto how) {
    keep(model_);
    ASSERT_EQ(kept_files().size(), 1u);
    how(kept_files()[0]);
    EXPECT_EQ(open(model_).cache->find("m", kBytes).first, nullptr);
    EXPECT_TRUE(kept_files().empty());
  };
  damage([](const fs::path& path) { fs::resize_file(path, 10); });
  damage([](const fs::path& path) { fs::resize_file(path, fs::file_size(path) - 1); });
  damage([](const fs::path& path) { fs::resize_file(path, fs::file_size(path) + 4096); });
  damage([](const fs::path& path) { std::ofstream(path) << "something else entirely, and long enough to hold a header: " << std::string(100, 'x'); });
  for (const int64_t at : {0, 8, 20, 40, 63, 70})
    damage([&](const fs::path& path) {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(at);
      const char byte = static_cast<char>(file.get() ^ 1);
      file.seekp(at).put(byte);
    });
}

TEST_F(PackCacheTest, FlippedBytesFailTheirPiece) {
  keep(model_);
  std::fstream file(kept_files()[0], std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 + (5 << 20)).put('?');
  file.close();
  const Opened opened = open(model_);
  EXPECT_FALSE(is_whole(opened.cache->find("m", kBytes)));
  opened.cache->discard("m");
  EXPECT_TRUE(kept_files().empty());
}

TEST_F(PackCacheTest, TheOldestGoesWhenTheCapIsReached) {
  const uint64_t room_for_two = 2 * pack_file_bytes(kBytes) + 4096;
  const Opened opened = open(model_, room_for_two);
  for (const char* manifest : {"1", "2"}) {
    opened.cache->keep(manifest, image(), kBytes);
    opened.cache->wait();
    ::usleep(20000);  // file times tell them apart
  }
  EXPECT_TRUE(is_whole(opened.cache->find("1", kBytes)));  // used: now the younger
  opened.cache->keep("3", image(), kBytes);
  opened.cache->wait();
  EXPECT_EQ(kept_files().size(), 2u);
  EXPECT_TRUE(is_whole(opened.cache->find("1", kBytes)));
  EXPECT_EQ(opened.cache->find("2", kBytes).first, nullptr);
  EXPECT_TRUE(is_whole(opened.cache->find("3", kBytes)));
}

TEST_F(PackCacheTest, WhatIsLargerThanTheCapIsNotKept) {
  {
    const Opened opened = open(model_, kBytes / 2);
    opened.cache->keep("m", image(), kBytes);
    opened.cache->wait();
  }
  EXPECT_TRUE(kept_files().empty());
}

TEST_F(PackCacheTest, AFolderThatCannotBeMadeIsNoFault) {
  std::ofstream(root_ / "occupied") << "a file";
  const Opened opened = open(model_, uint64_t{1} << 30, "occupied/packed");
  EXPECT_EQ(opened.cache->find("m", kBytes).first, nullptr);
  opened.cache->keep("m", image(), kBytes);
  opened.cache->wait();
  EXPECT_EQ(opened.cache->find("m", kBytes).first, nullptr);
}

// A disk that is full half way through: nothing stays behind, and a later try succeeds.
TEST_F(PackCacheTest, AFullDiskIsNoFault) {
  struct rlimit before {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small {.rlim_cur = 5 << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  keep(model_);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(kept_files().empty());
  keep(model_);
  EXPECT_TRUE(is_whole(open(model_).cache->find("m", kBytes)));
}

// Several processes keep and find the same image at once: each finds a whole one or none.
TEST_F(PackCacheTest, ProcessesShareAFolder) {
  std::vector<pid_t> children;
  for (int c = 0; c < 4; ++c) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      bool good = true;
      for (int i = 0; i < 5; ++i) {
        const Opened opened = open(model_);
        const auto found = opened.cache->find("m", kBytes);
        good = good && (found.first == nullptr || is_whole(found));
        opened.cache->keep("m", image(), kBytes);
        opened.cache->wait();
      }
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(kept_files().size(), 1u);  // no pieces left
  EXPECT_TRUE(is_whole(open(model_).cache->find("m", kBytes)));
}

}  // namespace
}  // namespace hearth::service

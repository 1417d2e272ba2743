// The prefix cache on disk below the engine: what a file must be, what a folder may hold.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "base/test_folder.h"
#include "engine/cache/persistent_cache.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

const std::vector<int32_t> kTokens = {5, 6, 7, 8};
const EntryShape kShape{{40, 24}};

EntryName name_of(uint32_t number, EntryKind kind = EntryKind::kPages) {
  return {root_key(std::to_string(number)), kind};
}

std::vector<std::byte> filled(size_t bytes, int value) { return std::vector<std::byte>(bytes, static_cast<std::byte>(value)); }

std::string entry_of(const EntryName& name, bool has_second = true) {
  const auto first = filled(40, 1), second = filled(has_second ? 24 : 0, 2);
  const std::span<const std::byte> parts[] = {first, second};
  return encode_entry(name, kTokens, parts);
}

TEST(PageKeys, StandForTheWholePath) {
  const PageKey root = root_key("model"), other_root = root_key("other model");
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 7};
  const auto keys = page_keys(root, tokens, 2);
  ASSERT_EQ(keys.size(), 3u);
  std::vector<int32_t> changed = tokens;
  changed[0] = 9;
  const auto other = page_keys(root, changed, 2);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NE(keys[i], other[i]);
    EXPECT_NE(keys[i], page_keys(other_root, tokens, 2)[i]);
    EXPECT_EQ(keys[i], page_keys(root, std::span(tokens).first(2 * i + 2), 2)[i]);
  }
  // SHA-256("abc"), FIPS 180-2.
  EXPECT_EQ(root_key("abc").text(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(PersistentEntry, ComesBackAsItWas) {
  for (const bool has_second : {true, false}) {
    const auto entry = decode_entry(entry_of(name_of(1), has_second), name_of(1), kTokens, kShape);
    ASSERT_TRUE(entry) << entry.error().text();
    EXPECT_TRUE(std::ranges::equal(entry->part(0), filled(40, 1)));
    EXPECT_TRUE(std::ranges::equal(entry->part(1), filled(has_second ? 24 : 0, 2)));
  }
}

TEST(PersistentEntry, EveryCutAndEveryFlippedBitIsNoticed) {
  const std::string file = entry_of(name_of(1));
  size_t cases = 0;
  for (size_t bytes = 0; bytes < file.size(); ++bytes, ++cases)
    EXPECT_FALSE(decode_entry(file.substr(0, bytes), name_of(1), kTokens, kShape)) << bytes;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit, ++cases) {
    std::string flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto entry = decode_entry(flipped, name_of(1), kTokens, kShape);
    ASSERT_FALSE(entry) << bit;
    EXPECT_EQ(entry.error().code, ErrorCode::kIntegrity);
  }
  EXPECT_FALSE(decode_entry(file + "x", name_of(1), kTokens, kShape));
  testing::count_cases("damaged prefix files", cases);
}

// Whole files in the wrong place: by another name, for other tokens, of another layout.
TEST(PersistentEntry, IsNothingElse) {
  const std::string file = entry_of(name_of(1));
  EXPECT_FALSE(decode_entry(file, name_of(2), kTokens, kShape));
  EXPECT_FALSE(decode_entry(file, name_of(1, EntryKind::kState), kTokens, kShape));
  EXPECT_FALSE(decode_entry(file, name_of(1), std::vector<int32_t>{5, 6, 7, 9}, kShape));
  EXPECT_FALSE(decode_entry(file, name_of(1), kTokens, EntryShape{{40}}));
  EXPECT_FALSE(decode_entry(file, name_of(1), kTokens, EntryShape{{24, 40}}));
}

TEST(PersistentStore, KeepsWhatWasUsedLastWithinItsBytes) {
  const testing::TestFolder folder;
  const uint64_t each = entry_of(name_of(0)).size();
  auto store = PersistentStore::open(folder.path(), 10 * each);
  ASSERT_TRUE(store) << store.error().text();
  for (uint32_t i = 0; i < 10; ++i) ASSERT_TRUE((*store)->write(name_of(i), entry_of(name_of(i))));
  EXPECT_TRUE((*store)->holds(name_of(0)));  // used
  ASSERT_TRUE((*store)->write(name_of(10), entry_of(name_of(10))));
  EXPECT_LE((*store)->bytes(), 10 * each);
  EXPECT_TRUE((*store)->holds(name_of(0)));
  EXPECT_FALSE((*store)->holds(name_of(1)));
  EXPECT_TRUE((*store)->holds(name_of(10)));
  const auto refused = (*store)->write(name_of(11), std::string(11 * each, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDoesNotFit);
  for (uint32_t i = 0; i < 100; ++i) ASSERT_TRUE((*store)->write(name_of(i), entry_of(name_of(i))));
  EXPECT_LE(folder.files().size(), 10u);
}

// Pages are of no use without those before them. The order outlives the process.
TEST(PersistentStore, TheEndOfAChainGoesFirst) {
  const uint64_t each = entry_of(name_of(0)).size();
  for (const bool reopen : {false, true}) {
    const testing::TestFolder folder;
    auto store = PersistentStore::open(folder.path(), 10 * each).value();
    std::vector<EntryName> chain;
    for (uint32_t i = 0; i < 10; ++i) {
      chain.push_back(name_of(i));
      ASSERT_TRUE(store->write(chain[i], entry_of(chain[i])));
    }
    store->touch(chain);
    if (reopen) store = PersistentStore::open(folder.path(), 10 * each).value();
    ASSERT_TRUE(store->write(name_of(10), entry_of(name_of(10))));
    for (uint32_t i = 0; i < 10; ++i) EXPECT_EQ(store->holds(chain[i]), i < 8) << i;
  }
}

TEST(PersistentStore, FindsWhatAnotherWroteAndSweepsWhatADeadOneLeft) {
  const testing::TestFolder folder;
  {
    auto store = PersistentStore::open(folder.path(), 1 << 20);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->write(name_of(1), entry_of(name_of(1))));
  }
  const fs::path fresh = fs::path(folder.path()) / "unfinished-1-1", old = fs::path(folder.path()) / "unfinished-1-2",
                 strange = fs::path(folder.path()) / "notes.txt";
  for (const fs::path& path : {fresh, old, strange}) std::ofstream(path) << "half";
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(1));
  auto store = PersistentStore::open(folder.path(), 1 << 20), other = PersistentStore::open(folder.path(), 1 << 20);
  ASSERT_TRUE(store && other);
  EXPECT_TRUE((*store)->holds(name_of(1)));
  EXPECT_TRUE(fs::exists(fresh)) << "somebody may be writing it";
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(strange)) << "not ours";
  EXPECT_EQ((*store)->bytes(), entry_of(name_of(1)).size());
  ASSERT_TRUE((*other)->write(name_of(2), entry_of(name_of(2))));
  EXPECT_TRUE((*store)->read(name_of(2), 4096));
  (*other)->remove(name_of(1));
  EXPECT_EQ((*store)->read(name_of(1), 4096).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE((*store)->holds(name_of(1)));
}

TEST(PersistentStore, SaysWhyAFolderCannotBeUsed) {
  const testing::TestFolder folder;
  const std::string file = folder.write("file", "");
  const auto store = PersistentStore::open(file + "/below", 1 << 20);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kCannotCreate);
}

// A limit on file sizes stands for a full disk: write() fails in the same place.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST(PersistentStore, AFullDiskLeavesNothingHalf) {
  const testing::TestFolder folder;
  auto store = PersistentStore::open(folder.path(), 1 << 20);
  ASSERT_TRUE(store);
  const std::string file = entry_of(name_of(1));
  for (rlim_t bytes = 0; bytes < file.size(); bytes += 7) {
    const FullDisk full(bytes);
    const auto written = (*store)->write(name_of(1), file);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::kCannotCreate);
    EXPECT_TRUE(folder.files().empty());
    EXPECT_FALSE((*store)->holds(name_of(1)));
  }
  EXPECT_TRUE((*store)->write(name_of(1), file));
}

PersistentCache::Shape shape_of() { return {.page_tokens = 4, .pages = kShape, .state_bytes = 0}; }

TEST(PersistentCache, DropsWhatTheDiskIsTooSlowFor) {
  const testing::TestFolder folder;
  auto shape = shape_of();
  shape.queued_bytes = 100;  // one entry at a time, or two
  PersistentCache cache(PersistentStore::open(folder.path(), 1 << 20).value(), shape);
  const auto first = filled(40, 1), second = filled(24, 2);
  const std::span<const std::byte> parts[] = {first, second};
  uint32_t taken = 0;
  for (uint32_t i = 0; i < 2000; ++i) taken += cache.offer(name_of(i), kTokens, parts);
  cache.finish_writes();
  EXPECT_EQ(cache.stats().writes, taken);
  EXPECT_EQ(cache.stats().dropped, 0u) << "they may be offered again";
  cache.drop(3);
  EXPECT_EQ(cache.stats().dropped, 3u);
  EXPECT_GE(taken, 1u);
  EXPECT_EQ(folder.files().size(), taken);
  EXPECT_TRUE(cache.offer(name_of(0), kTokens, parts)) << "it is there already";
  cache.finish_writes();
  EXPECT_EQ(cache.stats().writes, taken);
}

// Each of them knows its own files only until it looks again.
TEST(PersistentStore, SeveralKeepOneBoundTogether) {
  const testing::TestFolder folder;
  const uint64_t each = entry_of(name_of(0)).size(), most = 20;
  std::vector<std::thread> writers;
  for (uint32_t w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      auto store = PersistentStore::open(folder.path(), most * each);
      ASSERT_TRUE(store);
      for (uint32_t i = 0; i < 60; ++i) ASSERT_TRUE((*store)->write(name_of(1000 * w + i), entry_of(name_of(1000 * w + i))));
    });
  for (std::thread& writer : writers) writer.join();
  EXPECT_LE(folder.files().size(), most);
  EXPECT_GE(folder.files().size(), most / 2);
  auto store = PersistentStore::open(folder.path(), most * each);
  EXPECT_EQ((*store)->bytes(), folder.files().size() * each);
}

// kill -9 at any moment leaves whole entries, and files that no one takes for entries.
TEST(PersistentCache, SurvivesBeingKilled) {
  const testing::TestFolder folder;
  size_t entries = 0;
  for (int round = 0; round < 8; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = PersistentStore::open(folder.path(), 1 << 20).value();
      for (uint32_t i = 0;; ++i) (void)store->write(name_of(i % 500), entry_of(name_of(i % 500)));
    }
    while (folder.files().size() < 2) {  // until it is at work, on any machine
      ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "the writing process has ended";
      std::this_thread::yield();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  for (uint32_t i = 0; i < 500; ++i) {
    const auto text = read_text_file(folder.path() + "/" + name_of(i).text());
    if (!text) continue;
    ++entries;
    EXPECT_TRUE(decode_entry(*text, name_of(i), kTokens, kShape));
  }
  EXPECT_GT(entries, 0u);
}

}  // namespace
}  // namespace hearth::engine

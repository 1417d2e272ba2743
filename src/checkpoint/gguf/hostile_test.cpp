// Hostile GGUF files, by the classes that have broken other readers: each is refused with its field and offset.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/test_folder.h"
#include "checkpoint/gguf/gguf.h"
#include "checkpoint/test_bytes.h"
#include "runner/shared_data.h"

namespace hearth::checkpoint {
namespace {

using testing::Bytes;
using testing::refusal;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

// What the error must say, and at which byte.
struct Case {
  const char* what;
  std::string bytes;
  std::string says;
  uint64_t offset;
};

void expect_refused(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const std::string error = refusal(c.bytes);
    EXPECT_NE(error.find(c.says), std::string::npos) << c.what << ": " << error;
    EXPECT_NE(error.find(fmt::format("test: byte {}: ", c.offset)), std::string::npos) << c.what << ": " << error;
  }
  hearth::testing::count_cases("malformed files", cases.size());
}

// A file with one f32 tensor "t" of 8 values whose table row is the argument; 32 bytes of data at byte 96.
std::string one_tensor(std::vector<uint64_t> dimensions, uint32_t type, uint64_t offset) {
  return Bytes::gguf(1, 0).tensor("t", std::move(dimensions), type, offset).pad(32).zeros(32).str();
}

TEST(HostileGguf, Headers) {
  expect_refused({
      {"version 1", Bytes::gguf(0, 0, 1).str(), "convert the model again", 4},
      {"version 4", Bytes::gguf(0, 0, 4).str(), "version 4 is unknown", 4},
      {"version 0", Bytes::gguf(0, 0, 0).str(), "version 0 is unknown", 4},
      {"big-endian", Bytes::gguf(0, 0, 3u << 24).str(), "big-endian", 4},
      {"tensor count of all ones", Bytes::gguf(kMax, 0).str(), "tensor count", 8},
      {"key count of all ones", Bytes::gguf(0, kMax).str(), "key count", 16},
      {"counts that cannot fit", Bytes::gguf(1000, 1000).str(), "cannot fit", 8},
      {"negative count", Bytes::gguf(uint64_t{1} << 63, 0).str(), "tensor count", 8},
  });
}

TEST(HostileGguf, Keys) {
  const auto one = [] { return Bytes::gguf(0, 1); };
  const std::string long_key(65536, 'k');
  expect_refused({
      {"key of 2^64-1 bytes", one().u64(kMax).zeros(64).str(), "a string of", 24},
      {"key above 65535 bytes", one().text(long_key).zeros(64).str(), "at most 65535", 24},
      {"empty key", one().text("").zeros(64).str(), "empty", 24},
      {"control characters in a key", one().text("a\x1b[31m\n").zeros(64).str(), "no text", 24},
      {"key that is no UTF-8", one().text("\xff\xfe").zeros(64).str(), "no text", 24},
      {"unknown value type", one().key("k", 13).zeros(64).str(), "value type 13", 33},
      {"string value past the end", one().key("k", 8).u64(1000).zeros(64).str(), "key 'k'", 37},
      {"boolean of 2", one().key("k", 7).put(uint8_t{2}).str(), "only 0 and 1", 37},
      {"array of arrays", one().key("k", 9).u32(9).u64(1).zeros(64).str(), "arrays of arrays", 37},
      {"array of an unknown type", one().key("k", 9).u32(99).u64(1).zeros(64).str(), "item type 99", 37},
      {"array of 2^64-1 strings", one().key("k", 9).u32(8).u64(kMax).zeros(64).str(), "items", 41},
      {"array of 2^61 numbers", one().key("k", 9).u32(10).u64(uint64_t{1} << 61).zeros(64).str(), "items", 41},
      {"array longer than the file", one().key("k", 9).u32(4).u64(17).zeros(64).str(), "only 64 bytes follow", 41},
      {"integer above 2^63 in an array", one().key("k", 9).u32(10).u64(2).u64(1).u64(kMax).str(), "item 1", 57},
      {"the same key twice", Bytes::gguf(0, 2).key("k", 0).put('a').key("k", 0).put('b').str(), "twice", 38},
  });
}

// Each key within bounds, all of them not: a sparse file takes no room on its disk.
TEST(HostileGguf, KeysThatAreTooMuchTogether) {
  constexpr size_t kHalf = (size_t{1} << 23) + 1;
  Bytes arrays = Bytes::gguf(0, 2);
  for (const char* key : {"a", "b"}) arrays.key(key, 9).u32(0).u64(kHalf).zeros(kHalf);
  expect_refused({{"arrays", arrays.str(), "at most 16777216 are allowed in all keys together", 24 + 13 + 12 + kHalf + 13 + 4}});

  const hearth::testing::TestFolder folder;
  constexpr uint64_t kMost = uint64_t{1} << 28;
  const std::string path = folder.write("a.gguf", Bytes::gguf(0, 2).key("a", 8).u64(kMost).str());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) + kMost);
  std::ofstream(path, std::ios::app | std::ios::binary) << Bytes().key("b", 8).text("x").str();
  EXPECT_NE(open(path).error().text().find("key 'b': the keys hold more than 268435456 bytes of text together"), std::string::npos);
}

TEST(HostileGguf, Alignments) {
  std::vector<Case> cases;
  for (const uint32_t alignment : {0u, 1u, 4u, 24u, 33u, 0xFFFFFFFFu})
    cases.push_back(
        {"alignment", Bytes::gguf(0, 1).key("general.alignment", 4).u32(alignment).str(), "power of two", 49});
  cases.push_back(
      {"alignment as text", Bytes::gguf(0, 1).key("general.alignment", 8).text("32").str(), "power of two", 49});
  expect_refused(cases);
}

TEST(HostileGguf, TensorTables) {
  const uint64_t quarter = uint64_t{1} << 62;
  const std::string named = Bytes::gguf(2, 0).tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 32).zeros(128).str();
  expect_refused({
      {"five dimensions", one_tensor({1, 1, 1, 1, 1}, 0, 0), "5 dimensions", 33},
      {"2^32-1 dimensions", Bytes::gguf(1, 0).text("t").u32(0xFFFFFFFF).zeros(64).str(), "dimensions", 33},
      {"a dimension of 0", one_tensor({8, 0}, 0, 0), "dimension 1 is 0", 45},
      {"2^64 values", one_tensor({uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0), "more than 2^63", 33},
      {"2^63 values, wrapping to few bytes", one_tensor({quarter, 4, 2}, 0, 0), "more than 2^63", 33},
      {"values that fit, bytes that do not", one_tensor({quarter}, 0, 0), "more than 2^63", 33},
      {"dimension of all ones", one_tensor({kMax}, 0, 0), "more than 2^63", 33},
      {"half a block", one_tensor({16}, 2, 0), "whole blocks of 32", 33},
      {"rows of half blocks", one_tensor({16, 2}, 2, 0), "whole blocks of 32", 33},
      {"unknown format", one_tensor({8}, 9999, 0), "9999 is unknown", 45},
      {"removed Q4_2", one_tensor({32}, 4, 0), "Q4_2 was removed", 45},
      {"removed Q4_3", one_tensor({32}, 5, 0), "Q4_3 was removed", 45},
      {"removed Q4_0_4_4", one_tensor({32}, 31, 0), "Q4_0_4_4 was removed from GGUF; use", 45},
      {"removed Q4_0_8_8", one_tensor({32}, 33, 0), "Q4_0_8_8 was removed", 45},
      {"removed IQ4_NL_4_4", one_tensor({32}, 36, 0), "IQ4_NL_4_4 was removed", 45},
      {"unaligned offset", one_tensor({8}, 0, 4), "not a multiple of 32", 24},
      {"offset past the end", one_tensor({8}, 0, 32), "reaches past the end", 64},
      {"offset that wraps", one_tensor({8}, 0, kMax - 31), "reaches past the end", 64},
      {"one byte too many", one_tensor({9}, 0, 0), "reaches past the end", 64},
      {"overlap", Bytes::gguf(2, 0).tensor("a", {16}, 0, 0).tensor("b", {16}, 0, 32).pad(32).zeros(128).str(),
       "overlaps", 128},
      {"the same name twice", named, "twice", 57},
      {"a name past the end", Bytes::gguf(1, 0).u64(1 << 20).zeros(64).str(), "at most 65535", 24},
  });
}

// Whatever one byte of a header says, the verdict is a sentence or a model whose tensors lie in the file.
TEST(HostileGguf, EveryByteOfAHeaderFlipped) {
  Bytes file = Bytes::gguf(2, 3);
  file.key("general.architecture", 8).text("llama").key("general.alignment", 4).u32(32);
  file.key("list", 9).u32(6).u64(3).put(1.0f).put(2.0f).put(3.0f);
  file.tensor("a", {32, 2}, 2, 0).tensor("b", {4, 2}, 0, 64);
  const size_t header = file.str().size();
  const std::string whole = file.pad(32).zeros(96).str();
  size_t cases = 0;
  for (size_t i = 0; i < header; ++i)
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ change);
      const auto opened = testing::open_bytes(bytes);
      ++cases;
      if (!opened) {
        EXPECT_FALSE(opened.error().text().empty());
        continue;
      }
      for (const TensorInfo& tensor : (*opened)->tensors()) {
        EXPECT_LE(tensor.offset + tensor.bytes, bytes.size()) << i;
        EXPECT_EQ((*opened)->bytes(tensor)->size(), tensor.bytes);
      }
    }
  hearth::testing::count_cases("malformed files", cases);
}

std::string collection() { return hearth::testing::shared_data() + "/malformed"; }

TEST(HostileGguf, CollectedFiles) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  // Those with a verdict of their own; "" opens.
  const std::vector<std::pair<const char*, const char*>> verdicts = {
      {"bad-version.bin", "version 1"},
      {"hdr-suppress-eos.gguf", "truncated"},
      {"hdr-wrap-first-offset.gguf", "multiple of"},
      {"hdr-zero-first-dim.gguf", "is 0"},
      {"huge-counts.bin", "tensor count"},
      {"kv-arr-huge-n.bin", "items"},
      {"kv-huge-strlen.bin", "cannot fit"},
      {"magic-only.bin", "truncated"},
      {"tensor-huge-dims.bin", "2^63"},
      {"trunc-magic.bin", "no model file"},
      {"v3-empty.bin", ""},
      {"valid-small.gguf", ""},
  };
  for (const auto& [name, says] : verdicts) {
    const auto opened = open(collection() + "/gridcore_fuzz/gguf_open/" + name);
    const std::string error = opened ? "" : opened.error().text();
    if (*says == 0) EXPECT_EQ(error, "") << name;
    else EXPECT_NE(error.find(says), std::string::npos) << name << ": " << error;
  }
  hearth::testing::count_cases("malformed files", verdicts.size());
}

TEST(HostileGguf, CollectedFuzzCorpora) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  size_t files = 0, refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(collection())) {
    if (!entry.is_regular_file()) continue;
    const auto opened = open(entry.path());
    ++files;
    if (opened) continue;
    ++refused;
    EXPECT_NE(opened.error().text().find(entry.path().string()), std::string::npos) << opened.error().text();
  }
  EXPECT_GE(files, 400u);
  EXPECT_GE(refused, files / 2);
  hearth::testing::count_cases("malformed files", files);
}

}  // namespace
}  // namespace hearth::checkpoint

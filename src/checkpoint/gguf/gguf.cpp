#include "checkpoint/gguf/gguf.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "base/utf8.h"
#include "checkpoint/extents.h"
#include "checkpoint/gguf/cursor.h"

namespace hearth::checkpoint {

namespace {

// Generous against every known model, tight against a hostile count.
constexpr uint64_t kMaxKeys = 1 << 14;
constexpr uint64_t kMaxTensors = 1 << 20;
constexpr uint64_t kMaxNameBytes = 65535;
constexpr uint64_t kMaxTextBytes = uint64_t{1} << 28;  // of the values of all keys together
constexpr uint64_t kMaxArrayItems = uint64_t{1} << 24;  // of all keys together
constexpr uint64_t kMinKeyBytes = 8 + 4 + 1;         // length, type, the smallest value
constexpr uint64_t kMinTensorBytes = 8 + 4 + 4 + 8;  // name length, rank, type, offset

struct RemovedType {
  uint32_t id;
  std::string_view name;
  std::string_view remedy;
};
constexpr std::string_view kConvertAgain = "convert the model again from its original weights";
constexpr std::string_view kUsePlain =
    "use the file in the plain format, which is rearranged for this machine when loaded";
constexpr RemovedType kRemovedTypes[] = {
    {4, "Q4_2", kConvertAgain},    {5, "Q4_3", kConvertAgain},    {31, "Q4_0_4_4", kUsePlain},
    {32, "Q4_0_4_8", kUsePlain},   {33, "Q4_0_8_8", kUsePlain},   {36, "IQ4_NL_4_4", kUsePlain},
    {37, "IQ4_NL_4_8", kUsePlain}, {38, "IQ4_NL_8_8", kUsePlain},
};

// What one table row says, before the place of the tensor data is known.
struct Row {
  TensorInfo tensor;
  uint64_t table_offset = 0;  // of the row, for errors
};

class Parser {
 public:
  explicit Parser(const ByteSource& source) : source_(source), in_(source) {}

  Result<Contents> parse() {
    read_header();
    read_metadata();
    read_tensor_table();
    if (in_.ok()) place_tensors();
    if (!in_.ok()) return std::unexpected(in_.take_error());
    out_.container = "gguf";
    return std::move(out_);
  }

 private:
  void refuse(uint64_t offset, std::string sentence, ErrorCode code = ErrorCode::kBadFile) {
    in_.refuse(code, offset, std::move(sentence));
  }

  void read_header();
  void read_metadata();
  void read_tensor_table();
  void place_tensors();

  std::string read_name(std::string_view kind, std::unordered_set<std::string>& seen);
  Metadata::Value read_value(GgufType type);
  Metadata::Value read_array();
  std::string read_text();
  Metadata::Value read_wide();
  std::vector<int64_t> read_wide_array(uint64_t count);
  std::vector<bool> read_booleans(uint64_t count);
  std::vector<std::string> read_texts(uint64_t count);
  bool read_boolean();
  Row read_tensor(std::unordered_set<std::string>& seen);
  const quant::Format* read_format();
  uint64_t read_count(std::string field, uint64_t limit);

  const ByteSource& source_;
  Cursor in_;
  Contents out_;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
  uint64_t text_left_ = kMaxTextBytes, items_left_ = kMaxArrayItems;  // a sparse file costs its writer nothing
  uint64_t alignment_ = kGgufAlignment;
  std::vector<Row> rows_;
};

uint64_t Parser::read_count(std::string field, uint64_t limit) {
  in_.enter(std::move(field));
  const uint64_t offset = in_.position();
  const auto count = in_.number<uint64_t>();
  if (count > limit) refuse(offset, fmt::format("{}, at most {} are allowed", count, limit));
  return count;
}

void Parser::read_header() {
  in_.enter("magic");
  if (in_.number<uint32_t>() != 0x46554747) refuse(0, "the file does not start with 'GGUF'");  // bytes "GGUF"
  in_.enter("version");
  const auto version = in_.number<uint32_t>();
  if (!in_.ok()) return;
  if (const uint32_t swapped = __builtin_bswap32(version); swapped >= 1 && swapped <= kGgufVersion)
    return refuse(4, "the file is big-endian; get the little-endian file of this model", ErrorCode::kUnsupported);
  if (version == 1)
    return refuse(4, "GGUF version 1 of 2023 is not read; convert the model again", ErrorCode::kUnsupported);
  if (version < 2 || version > kGgufVersion)
    return refuse(4, fmt::format("GGUF version {} is unknown, 2 and 3 are read", version), ErrorCode::kUnsupported);

  tensor_count_ = read_count("tensor count", kMaxTensors);
  key_count_ = read_count("key count", kMaxKeys);
  if (key_count_ * kMinKeyBytes + tensor_count_ * kMinTensorBytes > in_.remaining())
    refuse(8,
           fmt::format("{} keys and {} tensors cannot fit the {} bytes that follow; the file is truncated or damaged",
                       key_count_, tensor_count_, in_.remaining()));
}

std::string Parser::read_name(std::string_view kind, std::unordered_set<std::string>& seen) {
  const uint64_t offset = in_.position();
  std::string name = in_.text(kMaxNameBytes);
  if (!in_.ok()) return name;
  if (name.empty()) refuse(offset, "the name is empty");
  if (utf8::plain(name) != name) refuse(offset, fmt::format("the name '{}' has bytes that are no text", printable(name)));
  if (!seen.insert(name).second) refuse(offset, fmt::format("{} '{}' is there twice", kind, printable(name)));
  return name;
}

void Parser::read_metadata() {
  std::unordered_set<std::string> seen;
  for (uint64_t i = 0; i < key_count_ && in_.ok(); ++i) {
    in_.enter(fmt::format("key {} of {}", i + 1, key_count_));
    std::string key = read_name("key", seen);
    in_.enter(fmt::format("key '{}'", printable(key)));
    const uint64_t offset = in_.position();
    Metadata::Value value = read_value(static_cast<GgufType>(in_.number<uint32_t>()));
    if (!in_.ok()) return;
    out_.metadata.set(key, std::move(value));
    if (key != "general.alignment") continue;
    const int64_t alignment = out_.metadata.integer_or(key, 0);
    if (alignment < 8 || (alignment & (alignment - 1)) != 0 || alignment > (int64_t{1} << 31))
      return refuse(offset, fmt::format("{} is not a power of two from 8 to 2^31", alignment));
    alignment_ = static_cast<uint64_t>(alignment);
  }
}

bool Parser::read_boolean() {
  const uint64_t offset = in_.position();
  const auto byte = in_.number<uint8_t>();
  if (byte > 1) refuse(offset, fmt::format("a boolean is stored as {}, only 0 and 1 are allowed", byte));
  return byte != 0;
}

// An unsigned 64-bit value; all that fit are kept as signed integers, so that equal numbers compare equal.
Metadata::Value Parser::read_wide() {
  const auto value = in_.number<uint64_t>();
  if (value > uint64_t{std::numeric_limits<int64_t>::max()}) return value;
  return static_cast<int64_t>(value);
}

Metadata::Value Parser::read_value(GgufType type) {
  const uint64_t offset = in_.position() - 4;
  switch (type) {
    case GgufType::kUint8: return int64_t{in_.number<uint8_t>()};
    case GgufType::kInt8: return int64_t{in_.number<int8_t>()};
    case GgufType::kUint16: return int64_t{in_.number<uint16_t>()};
    case GgufType::kInt16: return int64_t{in_.number<int16_t>()};
    case GgufType::kUint32: return int64_t{in_.number<uint32_t>()};
    case GgufType::kInt32: return int64_t{in_.number<int32_t>()};
    case GgufType::kFloat32: return double{in_.number<float>()};
    case GgufType::kBool: return read_boolean();
    case GgufType::kString: return read_text();
    case GgufType::kArray: return read_array();
    case GgufType::kUint64: return read_wide();
    case GgufType::kInt64: return in_.number<int64_t>();
    case GgufType::kFloat64: return in_.number<double>();
  }
  refuse(offset, fmt::format("value type {} is unknown", static_cast<uint32_t>(type)));
  return false;
}

// Bytes an item takes at least; 0 for what an array cannot hold.
uint64_t item_bytes(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool: return 1;
    case GgufType::kUint16:
    case GgufType::kInt16: return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32: return 4;
    case GgufType::kString:
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64: return 8;
    case GgufType::kArray: return 0;
  }
  return 0;
}

Metadata::Value Parser::read_array() {
  const uint64_t offset = in_.position();
  const auto type = static_cast<GgufType>(in_.number<uint32_t>());
  const auto count = in_.number<uint64_t>();
  if (!in_.ok()) return false;
  const uint64_t bytes = item_bytes(type);
  if (type == GgufType::kArray) refuse(offset, "arrays of arrays are not supported", ErrorCode::kUnsupported);
  else if (bytes == 0) refuse(offset, fmt::format("array item type {} is unknown", static_cast<uint32_t>(type)));
  else if (count > items_left_)
    refuse(offset + 4, fmt::format("an array of {} items, at most {} are allowed in all keys together", count, kMaxArrayItems));
  else if (count * bytes > in_.remaining())
    refuse(offset + 4, fmt::format("an array of {} items, but only {} bytes follow; the file is truncated or damaged",
                                   count, in_.remaining()));
  if (!in_.ok()) return false;
  items_left_ -= count;
  switch (type) {
    case GgufType::kUint8: return in_.numbers<uint8_t, int64_t>(count);
    case GgufType::kInt8: return in_.numbers<int8_t, int64_t>(count);
    case GgufType::kUint16: return in_.numbers<uint16_t, int64_t>(count);
    case GgufType::kInt16: return in_.numbers<int16_t, int64_t>(count);
    case GgufType::kUint32: return in_.numbers<uint32_t, int64_t>(count);
    case GgufType::kInt32: return in_.numbers<int32_t, int64_t>(count);
    case GgufType::kFloat32: return in_.numbers<float, double>(count);
    case GgufType::kBool: return read_booleans(count);
    case GgufType::kString: return read_texts(count);
    case GgufType::kUint64: return read_wide_array(count);
    case GgufType::kInt64: return in_.numbers<int64_t, int64_t>(count);
    default: return in_.numbers<double, double>(count);
  }
}

std::vector<int64_t> Parser::read_wide_array(uint64_t count) {
  const uint64_t offset = in_.position();
  auto values = in_.numbers<uint64_t, int64_t>(count);
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0) refuse(offset + i * 8, fmt::format("item {} is {}, above 2^63 - 1", i, uint64_t(values[i])));
  return values;
}

std::vector<bool> Parser::read_booleans(uint64_t count) {
  std::vector<bool> out;
  out.reserve(count);
  for (uint64_t i = 0; i < count && in_.ok(); ++i) out.push_back(read_boolean());
  return out;
}

std::string Parser::read_text() {
  const uint64_t offset = in_.position();
  std::string text = in_.text(kMaxTextBytes);
  if (text.size() > text_left_) refuse(offset, fmt::format("the keys hold more than {} bytes of text together", kMaxTextBytes));
  text_left_ -= std::min<uint64_t>(text_left_, text.size());
  return text;
}

std::vector<std::string> Parser::read_texts(uint64_t count) {
  std::vector<std::string> out;
  out.reserve(count);
  for (uint64_t i = 0; i < count && in_.ok(); ++i) out.push_back(read_text());
  return out;
}

const quant::Format* Parser::read_format() {
  const uint64_t offset = in_.position();
  const auto id = in_.number<uint32_t>();
  if (!in_.ok()) return nullptr;
  if (const quant::Format* format = quant::find_gguf_format(id)) return format;
  for (const RemovedType& removed : kRemovedTypes)
    if (removed.id == id) {
      refuse(offset, fmt::format("weight format {} was removed from GGUF; {}", removed.name, removed.remedy),
             ErrorCode::kUnsupported);
      return nullptr;
    }
  refuse(offset, fmt::format("weight format number {} is unknown; a newer Hearth may read it", id),
         ErrorCode::kUnsupported);
  return nullptr;
}

Row Parser::read_tensor(std::unordered_set<std::string>& seen) {
  Row row;
  row.table_offset = in_.position();
  row.tensor.name = row.tensor.file_name = read_name("tensor", seen);
  in_.enter(fmt::format("tensor '{}'", printable(row.tensor.name)));
  const uint64_t rank_offset = in_.position();
  const auto rank = in_.number<uint32_t>();
  if (rank > Shape::kMaxRank)
    refuse(rank_offset, fmt::format("it has {} dimensions, at most {} are allowed", rank, Shape::kMaxRank));
  if (!in_.ok()) return row;

  std::vector<uint64_t> extents(rank);  // outermost first; the file has the innermost first
  for (uint32_t i = rank; i-- > 0;) {
    const uint64_t offset = in_.position();
    extents[i] = in_.number<uint64_t>();
    if (in_.ok() && extents[i] == 0) refuse(offset, fmt::format("dimension {} is 0", rank - 1 - i));
  }
  const quant::Format* format = read_format();
  row.tensor.offset = in_.number<uint64_t>();
  if (!in_.ok()) return row;
  const auto bytes = stored_bytes(*format, extents);
  if (!bytes) refuse(rank_offset, bytes.error().message, bytes.error().code);
  row.tensor.format = quant::id_of(*format);
  row.tensor.shape = Shape(extents);
  row.tensor.bytes = bytes.value_or(0);
  return row;
}

void Parser::read_tensor_table() {
  std::unordered_set<std::string> seen;
  for (uint64_t i = 0; i < tensor_count_ && in_.ok(); ++i) {
    in_.enter(fmt::format("tensor {} of {}", i + 1, tensor_count_));
    rows_.push_back(read_tensor(seen));
  }
}

void Parser::place_tensors() {
  if (rows_.empty()) return;
  const uint64_t begin = (in_.position() + alignment_ - 1) / alignment_ * alignment_;
  const uint64_t available = begin > source_.size() ? 0 : source_.size() - begin;
  std::vector<Extent> extents;
  extents.reserve(rows_.size());
  for (const Row& row : rows_) {
    in_.enter(fmt::format("tensor '{}'", printable(row.tensor.name)));
    if (row.tensor.offset % alignment_ != 0)
      return refuse(row.table_offset,
                    fmt::format("its offset {} is not a multiple of {}", row.tensor.offset, alignment_));
    extents.push_back({row.tensor.name, row.tensor.offset, row.tensor.bytes});
  }
  if (const auto fits = verify_extents(std::move(extents), begin, available, Holes::kAllowed); !fits)
    return in_.refuse(fits.error());
  for (Row& row : rows_) {
    row.tensor.offset += begin;
    out_.tensors.push_back(std::move(row.tensor));
  }
}

}  // namespace

Result<Contents> read_gguf_file(const ByteSource& source) { return Parser(source).parse(); }

}  // namespace hearth::checkpoint

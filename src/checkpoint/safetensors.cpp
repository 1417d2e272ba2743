#include "checkpoint/safetensors.h"

#include <cstring>
#include <optional>

#include "base/json.h"
#include "base/utf8.h"
#include "checkpoint/extents.h"

namespace hearth::checkpoint {

namespace {

constexpr std::string_view kRemedy = "the file is truncated or damaged, download it again";

struct Dtype {
  std::string_view name;
  uint64_t bits;
  std::string_view format;  // of quant::find_format; empty where the product has none
};
constexpr Dtype kDtypes[] = {
    {"F64", 64, "f64"}, {"F32", 32, "f32"},     {"F16", 16, "f16"},     {"BF16", 16, "bf16"}, {"I64", 64, "i64"},
    {"I32", 32, "i32"}, {"I16", 16, "i16"},     {"I8", 8, "i8"},        {"U64", 64, ""},      {"U32", 32, ""},
    {"U16", 16, ""},    {"U8", 8, ""},          {"BOOL", 8, ""},        {"F8_E4M3", 8, ""},   {"F8_E5M2", 8, ""},
    {"F8_E8M0", 8, ""}, {"F8_E4M3FNUZ", 8, ""}, {"F8_E5M2FNUZ", 8, ""}, {"C64", 64, ""},      {"F4", 4, ""},
    {"F6_E2M3", 6, ""}, {"F6_E3M2", 6, ""},
};

const Dtype* find_dtype(std::string_view name) {
  for (const Dtype& dtype : kDtypes)
    if (dtype.name == name) return &dtype;
  return nullptr;
}

// One entry of the table. Offsets are from the start of the data.
struct Entry {
  const Dtype* dtype = nullptr;
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;
};

Failure bad_entry(std::string_view name, std::string_view sentence) {
  return fail(ErrorCode::kBadFile, "tensor '{}': {}", printable(name), sentence);
}

Result<std::vector<uint64_t>> read_extents(const Json* list, std::string_view field) {
  if (list == nullptr || !list->is_array()) return fail(ErrorCode::kBadFile, "{} must be a list of integers", field);
  std::vector<uint64_t> out;
  for (const Json& item : list->as_array()) {
    if (!item.is_integer() || item.as_integer() < 0)
      return fail(ErrorCode::kBadFile, "{} holds {} that is no whole number from 0 to 2^63 - 1", field,
                  item.type_name());
    out.push_back(static_cast<uint64_t>(item.as_integer()));
  }
  return out;
}

Result<void> check_size(const Entry& entry) {
  HEARTH_TRY(bits_by_values, plain_bytes(entry.dtype->bits, entry.shape));
  const uint64_t stored = entry.end - entry.begin;
  if (bits_by_values % 8 != 0 || stored != bits_by_values / 8)
    return fail(ErrorCode::kBadFile, "its shape and dtype {} need {} bytes, its data_offsets span {}",
                entry.dtype->name, bits_by_values / 8, stored);
  return {};
}

Result<Entry> read_entry(const Json& json) {
  HEARTH_TRY(dtype, json.text("dtype"));
  Entry entry;
  entry.dtype = find_dtype(dtype);
  if (entry.dtype == nullptr)
    return fail(ErrorCode::kUnsupported, "dtype '{}' is unknown; a newer Hearth may read it", printable(dtype));
  HEARTH_TRY(shape, read_extents(json.find("shape"), "shape"));
  HEARTH_TRY(offsets, read_extents(json.find("data_offsets"), "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    return fail(ErrorCode::kBadFile, "data_offsets must be [begin, end] with begin <= end");
  entry.shape = std::move(shape);
  entry.begin = offsets[0];
  entry.end = offsets[1];
  HEARTH_TRY_VOID(check_size(entry));
  return entry;
}

// Why no TensorInfo can describe it; empty if one can.
std::string unreadable_reason(const Entry& entry) {
  if (entry.dtype->format.empty()) return fmt::format("dtype {} has no weight format", entry.dtype->name);
  if (entry.shape.size() > Shape::kMaxRank) return fmt::format("it has {} dimensions", entry.shape.size());
  if (entry.begin == entry.end) return "it is empty";
  return {};
}

void add_tensor(Contents& out, const std::string& name, const Entry& entry, uint64_t data_begin) {
  if (std::string reason = unreadable_reason(entry); !reason.empty())
    return out.unreadable.push_back({name, std::move(reason)});
  const quant::Format* format = quant::find_format(entry.dtype->format);
  if (format == nullptr)
    return out.unreadable.push_back({name, fmt::format("dtype {} has no weight format", entry.dtype->name)});
  out.tensors.push_back({.name = name,
                         .file_name = name,
                         .format = quant::id_of(*format),
                         .shape = Shape(entry.shape),
                         .file = 0,
                         .offset = data_begin + entry.begin,
                         .bytes = entry.end - entry.begin});
}

Result<void> read_notes(const Json& notes, Metadata& meta) {
  if (!notes.is_object())
    return fail(ErrorCode::kBadFile, "__metadata__ is {}; it must be an object", notes.type_name());
  constexpr size_t kMostNotes = 4096;  // looking keys up is linear
  if (notes.as_object().size() > kMostNotes)
    return fail(ErrorCode::kBadFile, "__metadata__ has {} keys, at most {} are allowed", notes.as_object().size(), kMostNotes);
  for (const auto& [key, value] : notes.as_object()) {
    if (!value.is_string())
      return fail(ErrorCode::kBadFile, "__metadata__.{} is {}; it must be a string", printable(key), value.type_name());
    meta.set("safetensors." + key, value.as_string());
  }
  return {};
}

Result<Contents> read_table(const Json& table, uint64_t data_begin, uint64_t data_bytes) {
  Contents out;
  out.container = "safetensors";
  std::vector<Extent> extents;
  for (const auto& [name, json] : table.as_object()) {
    if (name == "__metadata__") {
      HEARTH_TRY_VOID(read_notes(json, out.metadata));
      continue;
    }
    if (utf8::plain(name) != name) return bad_entry(name, "the name has bytes that are no text");
    auto entry = read_entry(json);
    if (!entry) return bad_entry(name, entry.error().text());
    extents.push_back({name, entry->begin, entry->end - entry->begin});
    add_tensor(out, name, *entry, data_begin);
  }
  HEARTH_TRY_VOID(verify_extents(std::move(extents), data_begin, data_bytes, Holes::kRefused));
  return out;
}

Result<Contents> read_file(const ByteSource& source) {
  uint64_t header_bytes = 0;
  if (source.size() < sizeof header_bytes)
    return at("byte 0", Error{ErrorCode::kBadFile, fmt::format("the header's length is missing; {}", kRemedy), {}});
  HEARTH_TRY_VOID(source.read(0, std::as_writable_bytes(std::span(&header_bytes, 1))));
  if (header_bytes > kMaxSafetensorsHeader)
    return at("byte 0",
              Error{ErrorCode::kBadFile,
                    fmt::format("a header of {} bytes, at most {} are allowed", header_bytes, kMaxSafetensorsHeader),
                    {}});
  const uint64_t data_begin = sizeof header_bytes + header_bytes;
  if (data_begin > source.size())
    return at("byte 0", Error{ErrorCode::kBadFile,
                              fmt::format("a header of {} bytes, but only {} follow; {}", header_bytes,
                                          source.size() - sizeof header_bytes, kRemedy),
                              {}});
  std::string header(static_cast<size_t>(header_bytes), '\0');
  HEARTH_TRY_VOID(source.read(sizeof header_bytes, std::as_writable_bytes(std::span(header))));
  if (!header.starts_with('{'))
    return at("byte 8",
              Error{ErrorCode::kBadFile, "the header does not start with '{'; this is no safetensors file", {}});
  auto table = Json::parse(header);
  if (!table) return at("header at byte 8", table.error());
  return read_table(*table, data_begin, source.size() - data_begin);
}

bool claims(std::span<const std::byte> head) {
  uint64_t header_bytes = 0;
  if (head.size() <= sizeof header_bytes) return false;
  std::memcpy(&header_bytes, head.data(), sizeof header_bytes);
  return header_bytes < (uint64_t{1} << 40) && head[sizeof header_bytes] == std::byte{'{'};
}

}  // namespace

Result<Contents> read_safetensors_file(const ByteSource& source) {
  auto contents = read_file(source);
  if (!contents) return at(source.name(), contents.error());
  return contents;
}

Result<std::shared_ptr<const Checkpoint>> open_safetensors(std::shared_ptr<ByteSource> file, const Siblings&) {
  HEARTH_TRY(contents, read_safetensors_file(*file));
  contents.files.push_back(std::move(file));
  return make_checkpoint(std::move(contents));
}

extern const Container kSafetensorsContainer{.name = "safetensors",
                                             .summary = "safetensors files; a Hugging Face folder's shards together",
                                             .claims = &claims,
                                             .open = &open_safetensors};

}  // namespace hearth::checkpoint

#include "model/weights.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "model/read_ahead.h"
#include "ops/weight_source.h"

namespace hearth::model {

using checkpoint::TensorInfo;

Weights::Weights(const checkpoint::Checkpoint& files, ops::Backend& backend, const ModelPlan& plan, Reading reading)
    : files_(files), backend_(backend), plan_(plan), reading_(reading), packing_(backend.begin_packing()) {}

Result<void> Weights::status() const {
  if (error_) return Failure(*error_);
  return {};
}

template <class T>
T Weights::keep(Result<T> result) {
  if (result) return std::move(*result);
  error_ = std::move(result.error());
  return T{};
}

Result<const TensorInfo*> Weights::require(const std::string& name) {
  HEARTH_TRY(tensor, files_.require(name));
  used_.insert(tensor);
  return tensor;
}

Failure Weights::wrong_shape(const TensorInfo& tensor, const std::string& planned) const {
  return fail(ErrorCode::kBadFile, "{}: tensor {} is {}, the plan says {}", files_.files()[tensor.file]->name(),
              tensor.name, tensor.shape.text(), planned);
}

static bool holds_integers(const TensorInfo& tensor) {
  static constexpr std::string_view kIntegers[] = {"i8", "i16", "i32", "i64"};
  return std::ranges::find(kIntegers, quant::format(tensor.format).name) != std::end(kIntegers);
}

static bool is_all_ones(std::span<const std::byte> f32s) {
  constexpr float kOne = 1;
  for (size_t at = 0; at < f32s.size(); at += sizeof kOne)
    if (std::memcmp(f32s.data() + at, &kOne, sizeof kOne) != 0) return false;
  return true;
}

// A matrix whose values are the weights only after a scale that lies in another tensor.
Result<void> Weights::refuse_codes(const TensorInfo& tensor) {
  const std::string_view file = files_.files()[tensor.file]->name();
  if (holds_integers(tensor))
    return fail(ErrorCode::kUnsupported, "{}: tensor {} holds integer codes; the model is quantized, get it in bf16 or f16, or as GGUF",
                file, tensor.name);
  const TensorInfo* scale = files_.find(tensor.name.substr(0, tensor.name.rfind('.')) + ".scale");
  if (scale == nullptr) return {};
  used_.insert(scale);
  HEARTH_TRY(bytes, this->bytes(*scale));
  if (quant::format(scale->format).name == "f32" && is_all_ones(bytes)) return {};
  return fail(ErrorCode::kUnsupported,
              "{}: tensor {} scales {}, which this build cannot do; get the model in another format, such as Q4_K_M or bf16", file,
              scale->name, tensor.name);
}

Result<ops::WeightSource> Weights::source(const std::string& name, uint64_t rows, uint32_t columns) {
  HEARTH_TRY(tensor, require(name));
  if (tensor->shape.rows() != rows || tensor->shape.columns() != columns)
    return wrong_shape(*tensor, Shape{rows, columns}.text());
  HEARTH_TRY_VOID(refuse_codes(*tensor));
  HEARTH_TRY(bytes, this->bytes(*tensor));
  return ops::WeightSource{.name = tensor->name,
                           .format = &quant::format(tensor->format),
                           .bytes = bytes,
                           .rows = static_cast<uint32_t>(rows),
                           .columns = columns};
}

// One expert's share of a tensor of all experts, or its own tensor.
Result<ops::WeightSource> Weights::expert_source(const Part& part, uint32_t expert, uint32_t count, uint32_t columns) {
  if (const size_t suffix = part.name.find("_exps.weight"); !has(part.name) && suffix != std::string::npos) {
    const std::string alone = fmt::format("{}.{}.weight", part.name.substr(0, suffix), expert);
    if (has(alone)) return source(alone, part.rows, columns);
  }
  HEARTH_TRY(tensor, require(part.name));
  if (tensor->shape.rows() != part.rows * count || tensor->shape.columns() != columns)
    return wrong_shape(*tensor, Shape{count, part.rows, columns}.text());
  HEARTH_TRY_VOID(refuse_codes(*tensor));
  HEARTH_TRY(bytes, this->bytes(*tensor));
  const size_t share = bytes.size() / count;
  return ops::WeightSource{.name = tensor->name,
                           .format = &quant::format(tensor->format),
                           .bytes = bytes.subspan(expert * share, share),
                           .rows = static_cast<uint32_t>(part.rows),
                           .columns = columns};
}

Result<std::span<const std::byte>> Weights::bytes(const TensorInfo& tensor) const {
  if (reading_ == Reading::kHeadersOnly) return std::span<const std::byte>();
  return files_.bytes(tensor);
}

// These bytes are in the backend now: the files may let go of them.
void Weights::release(std::span<const std::byte> bytes) const {
  for (const auto& file : files_.files()) {
    const std::span<const std::byte> mapped = file->mapped();
    if (bytes.data() >= mapped.data() && bytes.data() < mapped.data() + mapped.size())
      file->release(static_cast<uint64_t>(bytes.data() - mapped.data()), bytes.size());
  }
}

Result<WeightPtr> Weights::pack(std::span<const ops::WeightSource> sources) {
  HEARTH_TRY(weight, packing_->add(sources));
  for (const ops::WeightSource& source : sources) source_bytes_ += source.bytes.size();
  return weight;
}

Result<void> Weights::finish(const std::function<void(uint64_t done, uint64_t total)>& progress, ops::ImageStore* kept) {
  HEARTH_TRY_VOID(status());
  ops::PackEvents events{.packed = [&](std::span<const std::byte> packed) { release(packed); }, .progress = {}};
  const uint64_t total = decoded_bytes_ + source_bytes_;  // vectors are decoded by now
  if (progress) events.progress = [&](uint64_t done) { progress(decoded_bytes_ + std::min(done, source_bytes_), total); };
  {
    std::optional<ReadAhead> ahead;
    if (kept == nullptr) ahead.emplace(files_, std::vector<const TensorInfo*>{used_.begin(), used_.end()});
    HEARTH_TRY_VOID(packing_->run(events, kept));
  }
  HEARTH_TRY_VOID(files_.check_unchanged());
  if (progress) progress(total, total);
  for (const auto& file : files_.files()) file->release(0, file->size());  // what the pieces left at their edges
  return {};
}

WeightPtr Weights::matrix(const std::string& name, uint64_t rows, uint32_t columns) {
  const Part whole{name, rows};
  return stacked({&whole, 1}, columns);
}

WeightPtr Weights::stacked(std::span<const Part> parts, uint32_t columns) {
  std::vector<ops::WeightSource> sources;
  for (const Part& part : parts) {
    if (error_) return nullptr;
    sources.push_back(keep(source(part.name, part.rows, columns)));
  }
  return error_ ? nullptr : keep(pack(sources));
}

static uint64_t total_rows(std::span<const Weights::Part> parts) {
  uint64_t rows = 0;
  for (const Weights::Part& part : parts) rows += part.rows;
  return rows;
}

// A fused tensor may bear the name of one of its parts (Phi-3's ffn_up); then its size tells.
bool Weights::is_fused(const std::string& fused, std::span<const Part> parts) {
  if (error_ || has(parts[0].name)) return false;
  const TensorInfo* tensor = files_.find(fused);
  if (tensor == nullptr) {
    error_ = fail(ErrorCode::kNotFound, "{}: tensor {} is missing, and so is {}, which may hold it",
                  files_.files()[0]->name(), parts[0].name, fused)
                 .error();
    return false;
  }
  return std::ranges::none_of(parts, [&](const Part& part) {
    const uint64_t rows = tensor->shape.rank() == 1 ? tensor->shape.count() : tensor->shape.rows();
    return part.name == fused && part.rows == rows;
  });
}

// A fused tensor's rows as the parts that it holds.
static std::vector<ops::WeightSource> cut(const ops::WeightSource& whole, std::span<const Weights::Part> parts) {
  std::vector<ops::WeightSource> sources;
  size_t first = 0;
  for (const Weights::Part& part : parts) {
    ops::WeightSource& source = sources.emplace_back(whole);
    source.rows = static_cast<uint32_t>(part.rows);
    if (whole.bytes.empty()) continue;
    const size_t bytes = part.rows * ops::row_bytes(whole);
    source.bytes = whole.bytes.subspan(first, bytes);
    first += bytes;
  }
  return sources;
}

WeightPtr Weights::fused_or_stacked(const std::string& fused, std::span<const Part> parts, uint32_t columns) {
  if (!is_fused(fused, parts)) return stacked(parts, columns);
  const ops::WeightSource whole = keep(source(fused, total_rows(parts), columns));
  return error_ ? nullptr : keep(pack(cut(whole, parts)));
}

std::vector<WeightPtr> Weights::experts(const std::string& fused, std::span<const Part> parts, uint32_t count,
                                        uint32_t columns) {
  const Part whole{fused, total_rows(parts)};
  const bool is_fused = has(fused);
  std::vector<WeightPtr> weights;
  for (uint32_t expert = 0; expert < count; ++expert) {
    std::vector<ops::WeightSource> sources;
    for (const Part& part : is_fused ? std::span(&whole, 1) : parts) {
      if (error_) return {};
      sources.push_back(keep(expert_source(part, expert, count, columns)));
    }
    if (error_) return {};
    weights.push_back(keep(pack(is_fused ? cut(sources[0], parts) : sources)));
  }
  return weights;
}

Result<Vector> Weights::decode(std::span<const Part> parts, float offset) {
  for (const Part& part : parts) {  // all shapes first: memory is asked for only when the file explains it
    HEARTH_TRY(tensor, require(part.name));
    if (tensor->shape.count() != part.rows) return wrong_shape(*tensor, std::to_string(part.rows));
  }
  vector_bytes_ += total_rows(parts) * sizeof(float);
  if (reading_ == Reading::kHeadersOnly) return Vector();
  Buffer memory = backend_.allocate(total_rows(parts) * sizeof(float));
  float* out = memory.as<float>();
  for (const Part& part : parts) {
    HEARTH_TRY(tensor, require(part.name));
    HEARTH_TRY(bytes, files_.bytes(*tensor));
    const quant::Format& format = quant::format(tensor->format);
    if (part.rows % format.block_values != 0)
      return fail(ErrorCode::kUnsupported, "tensor {}: {} values cannot be stored as {}", part.name, part.rows,
                  format.name);
    format.decode(bytes.data(), part.rows / format.block_values, out);
    decoded_bytes_ += bytes.size();
    for (uint64_t i = 0; i < part.rows; ++i) out[i] += offset;
    out += part.rows;
  }
  return Vector(std::move(memory));
}

Vector Weights::vector(const std::string& name, uint64_t count) {
  const Part whole{name, count};
  return error_ ? Vector() : keep(decode({&whole, 1}, 0));
}

Vector Weights::fused_or_joined(const std::string& fused, std::span<const Part> parts) {
  if (is_fused(fused, parts)) return vector(fused, total_rows(parts));
  return error_ ? Vector() : keep(decode(parts, 0));
}

Vector Weights::norm(const std::string& name, uint64_t count) {
  const Part whole{name, count};
  return error_ ? Vector() : keep(decode({&whole, 1}, plan_.norm_offset));
}

void Weights::report_unused() const {
  std::string names;
  size_t unused = 0;
  bool is_of_a_layer = false;
  for (const TensorInfo& tensor : files_.tensors()) {
    if (used_.contains(&tensor) || tensor.name.starts_with("rope_f")) continue;  // factors of the rotation are in the plan
    if (++unused <= 4) names += (unused == 1 ? "" : ", ") + tensor.name;
    is_of_a_layer = is_of_a_layer || (tensor.name.starts_with("blk.") && !tensor.name.ends_with(".input_scale"));
  }
  if (unused > 4) names += ", …";
  const std::string line = fmt::format("{} tensors of the file are not used by {}: {}", unused, plan_.arch, names);
  if (is_of_a_layer) log::warn("{}; the model may answer wrongly", line);
  else if (unused != 0) log::info("{}", line);
}

}  // namespace hearth::model

#include "ops/cpu/packing.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "base/check.h"
#include "base/hash.h"
#include "base/node_queues.h"
#include "base/random.h"
#include "ops/cpu/packed_weight.h"
#include "ops/weight_source.h"
#include "tensor/buffer.h"

namespace hearth::ops::cpu {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kChunkBytes = size_t{1} << 20;  // of source: large against a page fault, small against the whole

class CpuPacking final : public Packing {
 public:
  CpuPacking(ThreadPool& pool, const Placement& placement) : pool_(pool), placement_(placement) {}

  Result<std::unique_ptr<Weight>> add(std::span<const WeightSource> sources) override;
  uint64_t bytes() const override { return weight_bytes_; }
  Result<void> run(const PackEvents& events, ImageStore* kept) override;

 private:
  struct Job {
    WeightSource source;
    const Packer* packer;
    size_t panel_bytes, offset;

    uint32_t panels() const { return (source.rows + kPanelRows - 1) / kPanelRows; }
  };
  // Some panels of one job.
  struct Chunk {
    const Job* job;
    uint32_t first, end;

    // Panels are rows of the source one after the other.
    std::span<const std::byte> source_bytes() const {
      const size_t panel_source = kPanelRows * row_bytes(job->source), begin = first * panel_source;
      return job->source.bytes.subspan(begin, std::min(end * panel_source, job->source.bytes.size()) - begin);
    }
  };

  std::vector<Chunk> chunks() const;
  std::string manifest() const;
  bool take_kept(const PackEvents& events, ImageStore& kept);
  void pack(const PackEvents& events);

  ThreadPool& pool_;
  const Placement& placement_;
  std::shared_ptr<PackedMemory> memory_ = std::make_shared<PackedMemory>();
  std::vector<Job> jobs_;
  size_t end_ = 0;  // of what is laid out
  uint64_t weight_bytes_ = 0;
};

Result<std::unique_ptr<Weight>> CpuPacking::add(std::span<const WeightSource> sources) {
  HEARTH_TRY_VOID(check_sources(sources));
  auto weight = std::make_unique<PackedWeight>();
  describe(sources, *weight);
  uint32_t first_row = 0;
  for (const WeightSource& source : sources) {
    const Packer& packer = packer_of(*source.format);
    const PackedWeight::Part part{&packer, source.format, first_row, source.rows, packer.panel_bytes(source), end_, memory_};
    jobs_.push_back({source, &packer, part.panel_bytes, end_});
    end_ += (part.panels() * part.panel_bytes + kAlignment - 1) / kAlignment * kAlignment;
    first_row += source.rows;
    weight->add(part);
  }
  weight_bytes_ += weight->bytes;
  return weight;
}

std::vector<CpuPacking::Chunk> CpuPacking::chunks() const {
  std::vector<Chunk> chunks;
  for (const Job& job : jobs_) {
    HEARTH_CHECK(!job.source.bytes.empty(), "sources have their bytes when they are packed");
    const auto step = static_cast<uint32_t>(std::max<size_t>(1, kChunkBytes / (kPanelRows * row_bytes(job.source))));
    for (uint32_t p = 0; p < job.panels(); p += step) chunks.push_back({&job, p, std::min(job.panels(), p + step)});
  }
  std::ranges::sort(chunks, {}, [](const Chunk& c) { return c.source_bytes().data(); });
  return chunks;
}

// What lies where. Equal manifests over equal sources mean equal images.
std::string CpuPacking::manifest() const {
  std::string text = "cpu\n";
  std::set<const quant::Format*> formats;
  for (const Job& job : jobs_) {
    text += fmt::format("{}: {} {} rows {} columns at {}\n", job.source.name, job.source.format->name, job.source.rows,
                        job.source.columns, job.offset);
    formats.insert(job.source.format);
  }
  for (const quant::Format* format : formats) text += fmt::format("{} is {:016x}\n", format->name, layout_fingerprint(*format));
  return text;
}

bool CpuPacking::take_kept(const PackEvents& events, ImageStore& kept) {
  const KeptImage image = kept.find(manifest(), end_);
  if (image.first == nullptr) return false;
  std::atomic<bool> whole{image.bytes == end_};
  std::atomic<uint64_t> done{0};
  uint64_t source = 0;
  for (const Job& job : jobs_) source += job.source.rows * row_bytes(job.source);
  pool_.parallel(image.piece_hashes.size(), [&](size_t i, unsigned worker) {  // touches every page as well
    if (hash_bytes(image.piece(i)) != image.piece_hashes[i]) whole.store(false);
    const uint64_t so_far = done.fetch_add(image.piece(i).size()) + image.piece(i).size();
    if (worker == 0 && events.progress) events.progress(static_cast<uint64_t>(static_cast<double>(so_far) / static_cast<double>(image.bytes) * static_cast<double>(source)));
  });
  if (whole) memory_->first = image.first;
  else kept.discard(manifest());
  return whole;
}

void CpuPacking::pack(const PackEvents& events) {
  const auto buffer = std::make_shared<Buffer>(end_, Buffer::Fill::kNone);
  std::byte* first = buffer->bytes();
  memory_->first = {buffer, first};
  const std::vector<Chunk> work = chunks();
  std::vector<uint32_t> nodes;
  for (const Chunk& chunk : work) nodes.push_back(placement_.node_of(chunk.first, chunk.job->panels()));
  NodeQueues queues(placement_, nodes);
  std::atomic<uint64_t> done{0};
  const auto pack_chunk = [&](size_t c, unsigned worker) {
    const auto& [job, begin, end] = work[c];
    std::byte* out = first + job->offset;
    for (uint32_t p = begin; p < end; ++p) job->packer->pack_panel(job->source, p, out + p * job->panel_bytes);
    const auto source = work[c].source_bytes();
    if (events.packed) events.packed(source);
    const uint64_t so_far = done.fetch_add(source.size()) + source.size();
    if (worker == 0 && events.progress) events.progress(so_far);
  };
  // First everybody what is their own; then whatever a worker left that never got a turn.
  pool_.parallel(pool_.threads(), [&](size_t, unsigned worker) {
    while (const auto chunk = queues.own(worker)) pack_chunk(*chunk, worker);
  });
  pool_.parallel(pool_.threads(), [&](size_t, unsigned worker) {
    while (const auto chunk = queues.any(worker)) pack_chunk(*chunk, worker);
  });
  if (events.progress) events.progress(done.load());
}

Result<void> CpuPacking::run(const PackEvents& events, ImageStore* kept) {
  if (kept == nullptr || !take_kept(events, *kept)) {
    pack(events);
    if (kept != nullptr) kept->keep(manifest(), memory_->first, end_);
  }
  jobs_.clear();
  return {};
}

}  // namespace

std::unique_ptr<Packing> make_packing(ThreadPool& pool, const Placement& placement) {
  return std::make_unique<CpuPacking>(pool, placement);
}

uint64_t layout_fingerprint(const quant::Format& format) {
  const uint32_t columns = 512 + format.block_values;  // a last step that is not whole, where the format allows it
  Random random(1);
  std::vector<std::byte> bytes(kPanelRows * format.row_bytes(columns));
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
  const WeightSource source{"sample", &format, bytes, kPanelRows, columns};
  const Packer& packer = packer_of(format);
  std::vector<std::byte> packed(packer.panel_bytes(source));
  packer.pack_panel(source, 0, packed.data());
  return hash_bytes(packed, hash_bytes(std::as_bytes(std::span(packer.layout_name))));
}

}  // namespace hearth::ops::cpu

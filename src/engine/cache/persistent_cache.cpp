#include "engine/cache/persistent_cache.h"

#include <new>

#include "base/check.h"
#include "base/log.h"

namespace hearth::engine {

PersistentCache::PersistentCache(std::unique_ptr<PersistentStore> store, Shape shape)
    : store_(std::move(store)), shape_(std::move(shape)), writer_([this] { write_jobs(); }), reader_([this] { answer_queries(); }) {}

PersistentCache::~PersistentCache() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  writer_.join();
  reader_.join();
}

bool PersistentCache::offer(const EntryName& name, std::span<const int32_t> tokens, std::span<const std::span<const std::byte>> parts) {
  if (store_->holds(name)) return true;
  uint64_t bytes = 0;
  for (const auto& part : parts) bytes += part.size();
  {
    const std::lock_guard lock(mutex_);
    if (queued_.contains(name.text())) return true;
    if (queued_bytes_ > 0 && queued_bytes_ + bytes > shape_.queued_bytes) return false;
  }
  Job job{name, encode_entry(name, tokens, parts), {}};
  {
    const std::lock_guard lock(mutex_);
    const uint64_t file_bytes = job.file.size();
    jobs_.push_back(std::move(job));  // the first that may find no memory
    queued_bytes_ += file_bytes;
    queued_.insert(name.text());
  }
  changed_.notify_all();
  return true;
}

std::vector<EntryName> PersistentCache::chain_of(std::span<const PageKey> pages) const {
  std::vector<EntryName> chain;
  for (const PageKey& key : pages) {
    chain.push_back({key, EntryKind::kPages});
    if (shape_.state_bytes > 0) chain.push_back({key, EntryKind::kState});
  }
  return chain;
}

// In the queue, so that what was offered before is there.
void PersistentCache::touch(std::span<const PageKey> pages) {
  Job job{.name = {}, .file = {}, .touched = chain_of(pages)};
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void PersistentCache::drop(uint64_t entries) {
  const std::lock_guard lock(mutex_);
  stats_.dropped += entries;
}

// Memory that runs out while an entry is written or looked up costs that entry, not the process.
Result<void> PersistentCache::write(const Job& job) {
  try {
    if (job.file.empty()) return store_->touch(job.touched), Result<void>();
    return store_->write(job.name, job.file);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kDoesNotFit, "memory ran out");
  }
}

void PersistentCache::write_jobs() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job& job = jobs_.front();  // in the queue until it is done
    lock.unlock();
    const auto written = write(job);
    lock.lock();
    if (!job.file.empty()) {
      queued_bytes_ -= job.file.size();
      queued_.erase(job.name.text());
      written ? ++stats_.writes : ++stats_.dropped;
      if (!written && !std::exchange(has_warned_, true)) log::warn("prefixes are not kept on disk: {}", written.error().text());
    }
    jobs_.pop_front();
    changed_.notify_all();
  }
}

void PersistentCache::finish_writes() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return jobs_.empty(); });
}

void PersistentCache::ask(Query query) {
  {
    const std::lock_guard lock(mutex_);
    queries_.push_back(std::move(query));
  }
  changed_.notify_all();
}

void PersistentCache::answer_queries() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_stopping_ || (!queries_.empty() && loaded_bytes_ == 0); });
    if (is_stopping_) return;
    Query query = std::move(queries_.front());
    queries_.pop_front();
    lock.unlock();
    Answer answer;
    try {
      answer = look_up(query);
    } catch (const std::bad_alloc&) {
      answer = {};  // as if nothing were there
    }
    answer.query = std::move(query);
    lock.lock();
    for (const Entry& entry : answer.entries) loaded_bytes_ += entry.file.size();
    stats_.reads += answer.entries.size() + answer.state.has_value();
    answers_.push_back(std::move(answer));
    changed_.notify_all();
  }
}

Result<Entry> PersistentCache::read(EntryKind kind, const Query& query, uint32_t page) {
  const EntryName name{query.keys[page], kind};
  const EntryShape shape = kind == EntryKind::kPages ? shape_.pages : EntryShape{{shape_.state_bytes}};
  uint64_t limit = 4096 + sizeof(int32_t) * shape_.page_tokens;
  for (const size_t bytes : shape.part_bytes) limit += bytes + sizeof(uint64_t);
  auto file = store_->read(name, limit);
  const bool is_odd = !file && file.error().code == ErrorCode::kDoesNotFit;  // longer than any entry
  if (!file && !is_odd) return Failure(std::move(file).error());  // not there, or not to be had now
  const auto tokens = std::span(query.tokens).subspan(size_t{page} * shape_.page_tokens, shape_.page_tokens);
  auto entry = file ? decode_entry(std::move(*file), name, tokens, shape) : Failure(std::move(file).error());
  if (entry) return entry;
  log::debug("prefix cache: {} is ignored and removed: {}", name.text(), entry.error().text());
  store_->remove(name);
  return fail(ErrorCode::kIntegrity, "{} was damaged", name.text());
}

// Where one file is damaged, those behind it may be too: looked at now, they are written again by the same request.
void PersistentCache::sweep(const Query& query, uint32_t page) {
  for (; page < query.keys.size(); ++page) {
    (void)read(EntryKind::kPages, query, page);
    if (shape_.state_bytes > 0) (void)read(EntryKind::kState, query, page);
  }
}

PersistentCache::Answer PersistentCache::look_up(const Query& query) {
  Answer answer;
  answer.pages = static_cast<uint32_t>(query.keys.size()) - query.first;
  if (!shape_.pages.part_bytes.empty()) {
    uint64_t bytes = 0;
    constexpr uint32_t kPagesAhead = 4;  // the disk works while checksums are made
    for (uint32_t i = 0; i < answer.pages && bytes < shape_.loaded_bytes; ++i) {
      if (i + kPagesAhead < answer.pages) store_->will_read({query.keys[query.first + i + kPagesAhead], EntryKind::kPages});
      auto entry = read(EntryKind::kPages, query, query.first + i);
      if (!entry && entry.error().code == ErrorCode::kIntegrity) sweep(query, query.first + i);
      if (!entry) break;
      bytes += entry->file.size();
      answer.entries.push_back(std::move(*entry));
    }
    answer.is_cut = bytes >= shape_.loaded_bytes && answer.entries.size() < answer.pages;
    answer.pages = static_cast<uint32_t>(answer.entries.size());
  }
  if (shape_.state_bytes > 0) {
    for (; answer.pages > 0; --answer.pages) {
      auto state = read(EntryKind::kState, query, query.first + answer.pages - 1);
      if (!state) continue;
      answer.state = std::move(*state);
      break;
    }
    if (!answer.entries.empty()) answer.entries.resize(answer.pages);
  }
  const auto used = std::span(query.keys).first(query.first + answer.pages);
  store_->touch(chain_of(shape_.pages.part_bytes.empty() ? used.last(answer.pages > 0 ? 1 : 0) : used));
  return answer;
}

std::optional<PersistentCache::Answer> PersistentCache::take() {
  std::optional<Answer> answer;
  {
    const std::lock_guard lock(mutex_);
    if (answers_.empty()) return std::nullopt;
    answer = std::move(answers_.front());
    answers_.pop_front();
    for (const Entry& entry : answer->entries) loaded_bytes_ -= entry.file.size();
  }
  changed_.notify_all();
  return answer;
}

bool PersistentCache::wait_for_answer(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return !answers_.empty(); });
}

PersistentStats PersistentCache::stats() const {
  PersistentStats stats;
  {
    const std::lock_guard lock(mutex_);
    stats = stats_;
  }
  stats.bytes = store_->bytes();
  return stats;
}

}  // namespace hearth::engine

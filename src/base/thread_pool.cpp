#include "base/thread_pool.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/log.h"
#include "base/trace.h"

namespace hearth {

namespace {

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// About 50 us: longer than the gap between two operations of a step, far shorter than a scheduler's time slice.
constexpr int kSpins = 2000;

void sleep(std::atomic<uint32_t>& word, uint32_t while_it_is) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, while_it_is, nullptr, nullptr, 0);
}
void wake(std::atomic<uint32_t>& word) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1 << 30, nullptr, nullptr, 0);
}

}  // namespace

// A call is open until its caller finds no chunk left. Workers join an open call, and only those are waited for: one that
// sleeps or has lost its processor to somebody else is not missed while the others do its share.
struct ThreadPool::Shared {
  static constexpr uint64_t kClosed = uint64_t{1} << 31;

  std::vector<std::thread> workers;
  unsigned threads = 1;
  Trace* trace = nullptr;
  const ChunkFunction* function = nullptr;
  size_t chunks = 0;
  alignas(64) std::atomic<size_t> next_chunk{0};
  alignas(64) std::atomic<uint32_t> generation{0};  // futex word: the number of the newest call, or the end
  alignas(64) std::atomic<uint64_t> call{kClosed};  // its number (upper half), kClosed, and how many workers joined
  alignas(64) std::atomic<uint32_t> finished{0};    // futex word: of those, how many found no chunk left
  std::atomic<uint32_t> parked{0};                  // workers asleep until the next call
  std::atomic<bool> caller_parked{false};
  std::atomic<bool> stopping{false};

  void run_chunks(unsigned worker) {
    for (size_t c = next_chunk.fetch_add(1, std::memory_order_relaxed); c < chunks;
         c = next_chunk.fetch_add(1, std::memory_order_relaxed))
      (*function)(c, worker);
  }

  void announce() {
    generation.fetch_add(1);
    if (parked.load() != 0) wake(generation);
  }

  uint32_t await_generation(uint32_t seen) {
    for (int i = 0; i < kSpins; ++i) {
      if (const uint32_t now = generation.load(std::memory_order_acquire); now != seen) return now;
      pause_briefly();
    }
    parked.fetch_add(1);
    while (generation.load() == seen) sleep(generation, seen);
    parked.fetch_sub(1);
    return generation.load(std::memory_order_acquire);
  }

  bool join(uint32_t number) {
    uint64_t now = call.load(std::memory_order_acquire);
    while (now >> 32 == number && (now & kClosed) == 0)
      if (call.compare_exchange_weak(now, now + 1, std::memory_order_acquire)) return true;
    return false;
  }

  void work(unsigned worker) {
    uint32_t seen = 0;
    while (true) {
      seen = await_generation(seen);
      if (stopping.load(std::memory_order_acquire)) return;
      if (!join(seen)) continue;
      const uint64_t begin = trace != nullptr ? Trace::now() : 0;
      run_chunks(worker);
      if (trace != nullptr) trace->worked(worker, begin);
      finished.fetch_add(1);
      if (caller_parked.load()) wake(finished);
    }
  }

  // Asleep, the caller leaves its processor to whoever still has a chunk; yielding would keep it looking busy.
  void await_workers() {
    const auto joined = static_cast<uint32_t>(call.fetch_or(kClosed, std::memory_order_acq_rel) & (kClosed - 1));
    for (int i = 0; i < kSpins; ++i) {
      if (finished.load(std::memory_order_acquire) == joined) return;
      pause_briefly();
    }
    caller_parked.store(true);
    for (uint32_t done; (done = finished.load()) != joined;) sleep(finished, done);
    caller_parked.store(false, std::memory_order_relaxed);
  }
};

ThreadPool::ThreadPool(unsigned threads, Trace* trace, const std::function<void(unsigned worker)>& at_start)
    : shared_(std::make_unique<Shared>()) {
  shared_->trace = trace;
  if (trace != nullptr) trace->expect_threads(std::max(1u, threads));
  for (; shared_->threads < threads; ++shared_->threads) {
    try {
      shared_->workers.emplace_back([shared = shared_.get(), worker = shared_->threads, at_start] {
        if (at_start) at_start(worker);
        shared->work(worker);
      });
    } catch (const std::system_error& refused) {
      log::warn("{} threads instead of {}: the system gives no more ({})", shared_->threads, threads, refused.what());
      return;
    }
  }
}

ThreadPool::~ThreadPool() {
  shared_->stopping.store(true, std::memory_order_release);
  shared_->announce();
  for (auto& worker : shared_->workers) worker.join();
}

unsigned ThreadPool::threads() const { return shared_->threads; }

void ThreadPool::parallel(size_t chunks, ChunkFunction f) {
  Shared& s = *shared_;
  if (s.threads == 1 || chunks <= 1) {
    for (size_t c = 0; c < chunks; ++c) f(c, 0);
    return;
  }
  s.function = &f;
  s.chunks = chunks;
  s.next_chunk.store(0, std::memory_order_relaxed);
  s.finished.store(0, std::memory_order_relaxed);
  s.call.store(uint64_t{s.generation.load(std::memory_order_relaxed) + 1} << 32, std::memory_order_release);
  const uint64_t forked = s.trace != nullptr ? Trace::now() : 0;
  s.announce();
  s.run_chunks(0);
  const uint64_t own_end = s.trace != nullptr ? Trace::now() : 0;
  s.await_workers();
  if (s.trace != nullptr) s.trace->joined(forked, own_end);
}

}  // namespace hearth

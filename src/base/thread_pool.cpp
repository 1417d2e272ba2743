#include "base/thread_pool.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

}  // namespace

struct ThreadPool::Shared {
  std::vector<std::thread> workers;
  unsigned threads = 1;
  Trace* trace = nullptr;
  const ChunkFunction* function = nullptr;
  size_t chunks = 0;
  alignas(64) std::atomic<size_t> next_chunk{0};
  alignas(64) std::atomic<uint32_t> generation{0};  // futex word: a new call or the end
  alignas(64) std::atomic<uint32_t> running{0};     // workers still in the current call
  std::atomic<uint32_t> parked{0};
  std::atomic<bool> stopping{false};

  void run_chunks(unsigned worker) {
    for (size_t c = next_chunk.fetch_add(1, std::memory_order_relaxed); c < chunks;
         c = next_chunk.fetch_add(1, std::memory_order_relaxed))
      (*function)(c, worker);
  }

  void await_generation(uint32_t seen) {
    for (int i = 0; i < kSpins; ++i) {
      if (generation.load(std::memory_order_acquire) != seen) return;
      pause_briefly();
    }
    parked.fetch_add(1);
    while (generation.load(std::memory_order_acquire) == seen)
      ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&generation), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
    parked.fetch_sub(1);
  }

  void announce() {
    generation.fetch_add(1);
    if (parked.load() != 0)
      ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&generation), FUTEX_WAKE_PRIVATE, 1 << 30, nullptr, nullptr, 0);
  }

  void work(unsigned worker) {
    uint32_t seen = 0;
    while (true) {
      await_generation(seen);
      ++seen;
      if (stopping.load(std::memory_order_acquire)) return;
      const uint64_t begin = trace != nullptr ? Trace::now() : 0;
      run_chunks(worker);
      if (trace != nullptr) trace->worked(worker, begin);
      running.fetch_sub(1, std::memory_order_release);
    }
  }
};

ThreadPool::ThreadPool(unsigned threads, Trace* trace, const std::function<void(unsigned worker)>& at_start)
    : shared_(std::make_unique<Shared>()) {
  shared_->threads = std::max(1u, threads);
  shared_->trace = trace;
  if (trace != nullptr) trace->expect_threads(shared_->threads);
  for (unsigned i = 1; i < shared_->threads; ++i)
    shared_->workers.emplace_back([shared = shared_.get(), i, at_start] {
      if (at_start) at_start(i);
      shared->work(i);
    });
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
  s.running.store(s.threads - 1, std::memory_order_relaxed);
  const uint64_t forked = s.trace != nullptr ? Trace::now() : 0;
  s.announce();
  s.run_chunks(0);
  const uint64_t own_end = s.trace != nullptr ? Trace::now() : 0;
  // Yielding after a while keeps an oversubscribed machine moving: the last worker may need this very core.
  for (int i = 0; s.running.load(std::memory_order_acquire) != 0; ++i)
    i < kSpins ? pause_briefly() : std::this_thread::yield();
  if (s.trace != nullptr) s.trace->joined(forked, own_end);
}

}  // namespace hearth

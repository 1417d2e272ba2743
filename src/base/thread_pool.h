#pragma once
// The workers of one process. A parallel call hands out chunk numbers dynamically, so that a descheduled core delays one
// chunk and not the call. Workers spin for a bounded time between calls, then park.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

namespace hearth {

class Trace;

// A non-owning reference to a callable void(size_t chunk, unsigned worker).
class ChunkFunction {
 public:
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, ChunkFunction>>>
  ChunkFunction(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, size_t chunk, unsigned worker) {
          (*static_cast<std::remove_reference_t<F>*>(object))(chunk, worker);
        }) {}
  void operator()(size_t chunk, unsigned worker) const { call_(object_, chunk, worker); }

 private:
  void* object_;
  void (*call_)(void*, size_t, unsigned);
};

class ThreadPool {
 public:
  // `threads` includes the caller's; at least 1, and fewer (with a warning) where the system refuses some. `trace` records what
  // they do, unless null, and outlives the pool. `at_start` runs first on each thread of the pool's own, with its number.
  explicit ThreadPool(unsigned threads, Trace* trace = nullptr, const std::function<void(unsigned worker)>& at_start = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned threads() const;

  // Calls f(chunk, worker) once for every chunk in [0, chunks), on all threads, and returns when all are done.
  // worker < threads(). f must not throw and must not call parallel() on the same pool. One caller at a time.
  void parallel(size_t chunks, ChunkFunction f);

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace hearth

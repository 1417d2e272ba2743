#pragma once
// An engine stepped by a thread of its own, which sleeps while there is nothing to do.
#include <atomic>
#include <thread>

#include "engine/engine.h"

namespace hearth::service {

class EngineThread {
 public:
  explicit EngineThread(engine::Engine& engine);  // which must outlive it, and be stepped by nobody else
  ~EngineThread();                                // after the step under way; what is unfinished stays so
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

 private:
  engine::Engine& engine_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace hearth::service

#include "service/engine_thread.h"

namespace hearth::service {

EngineThread::EngineThread(engine::Engine& engine) : engine_(engine), thread_([this] {
  while (!is_stopping_.load())
    if (!engine_.step()) engine_.wait_for_work(std::chrono::seconds(1));
}) {}

EngineThread::~EngineThread() {
  is_stopping_.store(true);
  engine_.wake();
  thread_.join();
}

}  // namespace hearth::service

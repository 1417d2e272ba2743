#pragma once
// Weights on their way into the CPU backend. Adding lays out memory and notes work; run() takes the memory and shares the
// work of all weights among all threads, in the order of the source bytes, so that a file is read from front to back. With
// several memory nodes each worker packs the panels of its own node, whose pages then lie there (base/topology.h).
#include <memory>

#include "base/thread_pool.h"
#include "base/topology.h"
#include "ops/backend.h"

namespace hearth::ops::cpu {

// `pool` and `placement`, of its workers, outlive the packing.
std::unique_ptr<Packing> make_packing(ThreadPool& pool, const Placement& placement);

// A name for how a format is packed, taken from what packing does to a sample: it changes whenever a layout does.
uint64_t layout_fingerprint(const quant::Format& format);

}  // namespace hearth::ops::cpu

#pragma once
// The CPU backend: packed layouts, kernels per layout and instruction set chosen best-first at start (HEARTH_ISA forces one).
#include <memory>

#include "ops/backend.h"

namespace hearth::ops::cpu {

struct KernelTable;

struct CpuOptions {
  unsigned threads = 0;   // 0: all granted processors
  std::string isa;        // "", or a kernel table's name ("scalar", "avx2", "avx512"; dispatch.cpp has all); "" also reads HEARTH_ISA
  std::string tuning_folder = {};  // where tuning of this machine may lie (tuning_file.h); "": the built-in choices
  Trace* trace = nullptr; // records what the threads do; outlives the backend
};

// Errors: kConfig when the named instruction set is unknown or this machine lacks it.
Result<std::unique_ptr<Backend>> make_backend(const CpuOptions& options = {});
std::unique_ptr<Backend> make_backend(const KernelTable& kernels, const CpuOptions& options);  // with these, whatever options.isa says

}  // namespace hearth::ops::cpu

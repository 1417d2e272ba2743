#pragma once
// Measures where kernels should switch on this machine, layout after layout (choices.h).
//
// A layout's product is timed on weights too large for the caches, once per way of computing it, in turn, and the fastest of
// several rounds counts, for neighbours only ever slow a run down. A switch then lies where the sum of relative times over all
// row counts is least, so that one disturbed measurement moves it little, and where it was unless that gains three percent.
#include <functional>
#include <string_view>

#include "base/thread_pool.h"
#include "base/topology.h"
#include "ops/cpu/choices.h"
#include "ops/cpu/machine_rate.h"

namespace hearth::ops::cpu {

// A product to be timed.
struct TuningTrial {
  std::string_view format;  // the first that is packed into the layout
  uint32_t rows;
  LayoutChoices choices;
  bool by_tiles;  // whether these choices send so many rows through tiles
};

// Runs `product` and returns the seconds it took.
using TuningTimer = std::function<double(const TuningTrial& trial, const std::function<void()>& product)>;
double time_product(const TuningTrial& trial, const std::function<void()>& product);

struct TuningOptions {
  TuningTimer timer = time_product;
  size_t weight_bytes = uncached_bytes(2, size_t{48} << 20);   // of one layout's product
  std::function<bool(size_t done, size_t total)> layout_done;  // false ends it; may be empty
};

// Choices for every layout; those of a layout that no format uses stay as product_choices() has them. About a second per layout
// with vector units. Errors: kCancelled when layout_done returned false.
Result<ProductChoices> tune(const KernelTable& kernels, ThreadPool& pool, const TuningOptions& options);

// The first format that is packed into a layout; null if none is. Names layouts where they have no name of their own.
const quant::Format* format_of_layout(size_t layout);

// Whether a layout's products go through tiles or not; where there are tiles alone (bf16 on amx), nothing is to be chosen.
bool has_tile_choice(const KernelTable& kernels, size_t layout);

}  // namespace hearth::ops::cpu

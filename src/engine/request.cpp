#include "engine/request.h"

namespace hearth::engine {

// A step of splitmix64 apart: seeds of neighbours share no bits that matter.
uint64_t continuation_seed(uint64_t seed, uint32_t index) {
  if (index == 0) return seed;
  uint64_t z = seed + index * 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

}  // namespace hearth::engine

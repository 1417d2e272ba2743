#pragma once
// How kernels ask the compiler for straight-line code: register tiles exist only if their loops are unrolled whole.
#define HEARTH_UNROLL _Pragma("GCC unroll 16")
#define HEARTH_LAMBDA __attribute__((always_inline))

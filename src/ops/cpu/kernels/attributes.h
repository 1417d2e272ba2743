#pragma once
// How kernels ask the compiler for straight-line code: register tiles exist only if their loops are unrolled whole.
// An instruction set may have defined HEARTH_UNROLL otherwise before (isa/scalar/simd.h).
#ifndef HEARTH_UNROLL
#define HEARTH_UNROLL _Pragma("GCC unroll 16")
#endif
#define HEARTH_LAMBDA __attribute__((always_inline))

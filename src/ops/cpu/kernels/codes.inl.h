// Codes of one unit of 32 inputs, from planes of bits to bytes; written once over Simd (packed/code_plane.h has the layout).

using I = Simd::I;

template <unsigned kBits>
HEARTH_ALWAYS_INLINE void read_plane(const CodePlane<kBits>& plane, I (&quads)[8]) {
  if constexpr (kBits == 8) {
    HEARTH_UNROLL
    for (unsigned q = 0; q < 8; ++q) quads[q] = Simd::iload(plane.bytes + 64 * q);
  } else if constexpr (kBits == 4) {
    const I mask = Simd::bytes1(15);
    HEARTH_UNROLL
    for (unsigned v = 0; v < 4; ++v) {
      const I bytes = Simd::iload(plane.bytes + 64 * v);
      quads[2 * v] = Simd::both(bytes, mask);
      quads[2 * v + 1] = Simd::both(Simd::shift<-4>(bytes), mask);
    }
  } else {
    const I mask = Simd::bytes1(3);
    HEARTH_UNROLL
    for (unsigned v = 0; v < 2; ++v) {
      const I bytes = Simd::iload(plane.bytes + 64 * v);
      quads[4 * v] = Simd::both(bytes, mask);
      quads[4 * v + 1] = Simd::both(Simd::shift<-2>(bytes), mask);
      quads[4 * v + 2] = Simd::both(Simd::shift<-4>(bytes), mask);
      quads[4 * v + 3] = Simd::both(Simd::shift<-6>(bytes), mask);
    }
  }
}

// Adds the plane of high bits, which begin at bit kAt of the code.
template <unsigned kAt>
HEARTH_ALWAYS_INLINE void add_plane(const CodePlane<2>& plane, I (&quads)[8]) {
  const I mask = Simd::bytes1(3 << kAt);
  HEARTH_UNROLL
  for (unsigned v = 0; v < 2; ++v) {
    const I bytes = Simd::iload(plane.bytes + 64 * v);
    quads[4 * v] = Simd::either(quads[4 * v], Simd::both(Simd::shift<int(kAt)>(bytes), mask));
    quads[4 * v + 1] = Simd::either(quads[4 * v + 1], Simd::both(Simd::shift<int(kAt) - 2>(bytes), mask));
    quads[4 * v + 2] = Simd::either(quads[4 * v + 2], Simd::both(Simd::shift<int(kAt) - 4>(bytes), mask));
    quads[4 * v + 3] = Simd::either(quads[4 * v + 3], Simd::both(Simd::shift<int(kAt) - 6>(bytes), mask));
  }
}

template <unsigned kAt>
HEARTH_ALWAYS_INLINE void add_plane(const CodePlane<1>& plane, I (&quads)[8]) {
  const I mask = Simd::bytes1(1 << kAt), bytes = Simd::iload(plane.bytes);
  quads[0] = Simd::either(quads[0], Simd::both(Simd::shift<int(kAt)>(bytes), mask));
  quads[1] = Simd::either(quads[1], Simd::both(Simd::shift<int(kAt) - 1>(bytes), mask));
  quads[2] = Simd::either(quads[2], Simd::both(Simd::shift<int(kAt) - 2>(bytes), mask));
  quads[3] = Simd::either(quads[3], Simd::both(Simd::shift<int(kAt) - 3>(bytes), mask));
  quads[4] = Simd::either(quads[4], Simd::both(Simd::shift<int(kAt) - 4>(bytes), mask));
  quads[5] = Simd::either(quads[5], Simd::both(Simd::shift<int(kAt) - 5>(bytes), mask));
  quads[6] = Simd::either(quads[6], Simd::both(Simd::shift<int(kAt) - 6>(bytes), mask));
  quads[7] = Simd::either(quads[7], Simd::both(Simd::shift<int(kAt) - 7>(bytes), mask));
}

template <class L>
HEARTH_ALWAYS_INLINE void read_unit(const UnitPlanes<L::kBits>& planes, const I& table, I (&quads)[8]) {
  read_plane(planes.low, quads);
  if constexpr (UnitPlanes<L::kBits>::kHigh != 0) add_plane<UnitPlanes<L::kBits>::kLow>(planes.high, quads);
  if constexpr (L::kCodes == Codes::kTable) {
    HEARTH_UNROLL
    for (unsigned q = 0; q < 8; ++q) quads[q] = Simd::look_up(table, quads[q]);
  }
}

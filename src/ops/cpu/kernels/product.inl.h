// Panel products over packed layouts, written once over Simd; included inside the namespace of each instruction set.
//
// Every output is a fixed sequence of operations on its own row: integer sums are exact, and the float steps run block after
// block. Which tile of rows it sat in, and whether codes were unpacked beforehand, changes nothing.
//   flat:   acc += (sum over the group of code * x_code) * (scale * x_scale)      group after group
//   super:  acc += (sum over groups of sub_scale * sum of code * x_code) * (scale * x_scale)     block after block

using F = Simd::F;
using I = Simd::I;

// --- codes: one unit of 32 inputs to eight vectors of unsigned bytes -------------------------------------------------------

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

// --- scales: at most 256 inputs of a panel, spread for use by many rows ----------------------------------------------------

constexpr unsigned kStepUnits = kStepInputs / kUnitInputs;

template <unsigned group, bool two_levels, bool has_min, bool wide>
struct Scheme {
  static constexpr unsigned kGroup = group, kGroupsPerUnit = kUnitInputs / group, kStepGroups = kStepInputs / group;
  static constexpr bool kTwoLevels = two_levels, kHasMin = has_min, kWide = wide;

  // Of codes as dot7/dot8 see them.
  int32_t zero;
  // Flat: scale and min per group. Super: integers per group; mins (or, where codes have a zero, sub-scales) in pairs.
  F scales[two_levels ? 1 : kStepGroups];
  F mins[has_min ? (two_levels ? 1 : kStepGroups) : 1];
  I sub_scales[two_levels ? kStepGroups : 1];
  I pairs[two_levels ? kStepGroups / 2 : 1];
};

template <class L>
using SchemeFor = Scheme<L::kGroup, L::kTwoLevels, L::kShift == Shift::kMin, L::kBits == 8 || L::kCodes == Codes::kTable>;

template <class L>
HEARTH_ALWAYS_INLINE void read_scales(const L* blocks, unsigned units, SchemeFor<L>& scheme) {
  if constexpr (L::kTwoLevels) {
    scheme.scales[0] = Simd::load(blocks->scales);
    if constexpr (L::kShift == Shift::kMin) scheme.mins[0] = Simd::load(blocks->mins);
    HEARTH_UNROLL
    for (unsigned g = 0; g < L::kGroups; ++g) scheme.sub_scales[g] = Simd::widen(blocks->sub_scales[g]);
    HEARTH_UNROLL
    for (unsigned p = 0; p < L::kGroups / 2; ++p) {
      if constexpr (L::kShift == Shift::kMin)
        scheme.pairs[p] = Simd::pairs(Simd::widen(blocks->sub_mins[2 * p]), Simd::widen(blocks->sub_mins[2 * p + 1]));
      else
        scheme.pairs[p] = Simd::pairs(scheme.sub_scales[2 * p], scheme.sub_scales[2 * p + 1]);
    }
  } else {
    for (unsigned u = 0; u < units; ++u)
      for (unsigned g = 0; g < L::kGroups; ++g) {
        scheme.scales[u * L::kGroups + g] = Simd::load(blocks[u].scales[g]);
        if constexpr (L::kShift == Shift::kMin) scheme.mins[u * L::kGroups + g] = Simd::load(blocks[u].mins[g]);
      }
  }
}

// --- sources of codes: straight from the panel, or unpacked once for many rows ---------------------------------------------

template <class L>
struct PackedCodes {
  const L* blocks;
  I table;
  HEARTH_ALWAYS_INLINE void unit(unsigned u, I (&quads)[8]) const {
    if constexpr (L::kTwoLevels) read_unit<L>(blocks->planes[u], table, quads);
    else read_unit<L>(blocks[u].planes, table, quads);
  }
};

struct UnpackedCodes {
  const UnitCodes* units;
  HEARTH_ALWAYS_INLINE void unit(unsigned u, I (&quads)[8]) const {
    HEARTH_UNROLL
    for (unsigned q = 0; q < 8; ++q) quads[q] = Simd::iload(units[u].quads[q]);
  }
};

// --- one step: at most 256 inputs of 16 weights rows times kRows activation rows -------------------------------------------

template <bool kWide>
HEARTH_ALWAYS_INLINE I dot(I sum, I codes, I x) {
  if constexpr (kWide) return Simd::dot8(sum, codes, x);
  else return Simd::dot7(sum, codes, x);
}

// -zero * (sum of the group's x codes), from the pair of sums of 16 that its unit has.
template <class S>
HEARTH_ALWAYS_INLINE I centered(const S& scheme, unsigned group_in_unit, const int16_t* pair) {
  const int low = group_in_unit == 0 ? -scheme.zero & 0xFFFF : 0;
  const int high = S::kGroup == 32 || group_in_unit == 1 ? -scheme.zero << 16 : 0;
  return Simd::dot_pairs(Simd::izero(), Simd::iset1(low | high), Simd::broadcast4(pair));
}

template <unsigned kRows, class S, class Source>
HEARTH_ALWAYS_INLINE void flat_step(const S& scheme, const Source& source, unsigned units, const QuantizedStep* x, float* out) {
  F acc[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) acc[r] = Simd::load(out + 16 * r);
  for (unsigned u = 0; u < units; ++u) {
    I quads[8];
    source.unit(u, quads);
    HEARTH_UNROLL
    for (unsigned g = 0; g < S::kGroupsPerUnit; ++g) {
      const unsigned group = u * S::kGroupsPerUnit + g;
      I sum[kRows];
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r) sum[r] = centered(scheme, g, x[r].sums16 + 2 * u);
      HEARTH_UNROLL
      for (unsigned k = 0; k < S::kGroup / 4; ++k) {
        const unsigned quad = g * (S::kGroup / 4) + k;
        HEARTH_UNROLL
        for (unsigned r = 0; r < kRows; ++r)
          sum[r] = dot<S::kWide>(sum[r], quads[quad], Simd::broadcast4(x[r].codes + u * kUnitInputs + 4 * quad));
      }
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        const float x_scale = x[r].scales[u];
        acc[r] = Simd::fma(Simd::to_float(sum[r]), Simd::mul(scheme.scales[group], Simd::set1(x_scale)), acc[r]);
        if constexpr (S::kHasMin) {
          static_assert(S::kGroup == 32, "the only sums at hand");
          acc[r] = Simd::fnma(scheme.mins[group], Simd::set1(x_scale * static_cast<float>(x[r].sums32[u])), acc[r]);
        }
      }
    }
  }
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) Simd::store(out + 16 * r, acc[r]);
}

template <unsigned kRows, class S, class Source>
HEARTH_ALWAYS_INLINE void super_step(const S& scheme, const Source& source, const QuantizedStep* x, float* out) {
  I total[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) total[r] = Simd::izero();
  for (unsigned u = 0; u < kStepUnits; ++u) {
    I quads[8];
    source.unit(u, quads);
    HEARTH_UNROLL
    for (unsigned g = 0; g < S::kGroupsPerUnit; ++g) {
      I sum[kRows];
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r) sum[r] = Simd::izero();
      HEARTH_UNROLL
      for (unsigned k = 0; k < S::kGroup / 4; ++k) {
        const unsigned quad = g * (S::kGroup / 4) + k;
        HEARTH_UNROLL
        for (unsigned r = 0; r < kRows; ++r)
          sum[r] = dot<S::kWide>(sum[r], quads[quad], Simd::broadcast4(x[r].codes + u * kUnitInputs + 4 * quad));
      }
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r)
        total[r] = Simd::iadd(total[r], Simd::imul(sum[r], scheme.sub_scales[u * S::kGroupsPerUnit + g]));
    }
  }
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    const int16_t* x_sums = S::kGroup == 16 ? x[r].sums16 : x[r].sums32;
    const F x_scale = Simd::set1(x[r].scales[0]);
    F acc = Simd::load(out + 16 * r);
    I shift = Simd::izero();  // sum over groups of sub_min (or sub_scale) * sum of x codes
    HEARTH_UNROLL
    for (unsigned p = 0; p < S::kStepGroups / 2; ++p)
      shift = Simd::dot_pairs(shift, scheme.pairs[p], Simd::broadcast4(x_sums + 2 * p));
    if constexpr (!S::kHasMin) total[r] = Simd::isub(total[r], Simd::imul(shift, Simd::iset1(scheme.zero)));
    acc = Simd::fma(Simd::to_float(total[r]), Simd::mul(scheme.scales[0], x_scale), acc);
    if constexpr (S::kHasMin) acc = Simd::fnma(Simd::to_float(shift), Simd::mul(scheme.mins[0], x_scale), acc);
    Simd::store(out + 16 * r, acc);
  }
}

template <unsigned kRows, class S, class Source>
HEARTH_ALWAYS_INLINE void step(const S& scheme, const Source& source, unsigned units, const QuantizedStep* x, float* out) {
  if constexpr (S::kTwoLevels) super_step<kRows>(scheme, source, x, out);
  else flat_step<kRows>(scheme, source, units, x, out);
}

// Shared by all layouts of one scheme.
template <class S>
__attribute__((noinline)) void unpacked_steps(const S& scheme, const UnitCodes* codes, unsigned units, const QuantizedStep* x,
                                              unsigned rows, float* out) {
  const UnpackedCodes source{codes};
  unsigned row = 0;
  for (; row + Simd::kRows <= rows; row += Simd::kRows) step<Simd::kRows>(scheme, source, units, x + row, out + 16 * row);
  if constexpr (Simd::kRows > 4)
    for (; row + 4 <= rows; row += 4) step<4>(scheme, source, units, x + row, out + 16 * row);
  for (; row < rows; ++row) step<1>(scheme, source, units, x + row, out + 16 * row);
}

template <class L>
HEARTH_ALWAYS_INLINE void unpack(const PackedCodes<L>& source, unsigned units, UnitCodes* codes) {
  for (unsigned u = 0; u < units; ++u) {
    I quads[8];
    source.unit(u, quads);
    HEARTH_UNROLL
    for (unsigned k = 0; k < 8; ++k) Simd::istore(codes[u].quads[k], quads[k]);
  }
}

// Asks for the codes and scales of the step after next. Streams of one thread end at every page of memory otherwise, and one
// row then reads at two thirds of the rate measured with this. Past the end of the weights it asks in vain, harmlessly.
template <class L>
HEARTH_ALWAYS_INLINE void fetch_ahead(const L* blocks) {
  constexpr size_t kStepBytes = sizeof(L) * (kStepInputs / L::kInputs);
  const auto* ahead = reinterpret_cast<const std::byte*>(blocks) + 2 * kStepBytes;
  HEARTH_UNROLL
  for (size_t line = 0; line < kStepBytes; line += 64) __builtin_prefetch(ahead + line);
}

template <class L>
void integer_product(const PanelProduct& p) {
  using S = SchemeFor<L>;
  constexpr unsigned kDirectRows = 3;  // up to here unpacking in registers costs less than a trip through the cache
  const L* blocks = reinterpret_cast<const L*>(p.panel);
  PackedCodes<L> source{blocks, L::kCodes == Codes::kTable ? Simd::broadcast16(p.table) : Simd::izero()};
  S scheme;
  scheme.zero = p.zero - (S::kWide ? Simd::kByteZero : 0);
  alignas(64) UnitCodes codes[kStepUnits];
  for (unsigned i = 0; i < 16 * p.rows; i += 16) Simd::store(p.out + i, Simd::zero());
  const QuantizedStep* x = p.quantized;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride) {
    const unsigned left = p.columns - input, units = left < kStepInputs ? left / kUnitInputs : kStepUnits;
    source.blocks = blocks + input / L::kInputs;
    fetch_ahead(source.blocks);
    read_scales<L>(source.blocks, units, scheme);
    if (p.rows > kDirectRows) {
      unpack<L>(source, units, codes);
      unpacked_steps<S>(scheme, codes, units, x, p.rows, p.out);
    } else {
      unsigned row = 0;
      for (; row + 2 <= p.rows; row += 2) step<2>(scheme, source, units, x + row, p.out + 16 * row);
      if (row < p.rows) step<1>(scheme, source, units, x + row, p.out + 16 * row);
    }
  }
}

// --- floats: even and odd inputs in two sums, added at the end -------------------------------------------------------------

struct TwoSums {
  F even, odd;
};

template <unsigned kRows, class V>
HEARTH_ALWAYS_INLINE void float_step(const V* weights, unsigned inputs, const FloatStep* x, TwoSums* sums) {
  F even[kRows], odd[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) even[r] = sums[r].even, odd[r] = sums[r].odd;
  unsigned i = 0;
  for (; i + 1 < inputs; i += 2) {
    if constexpr (kRows == 1) __builtin_prefetch(weights + 16 * i + 2048 / sizeof(V));
    const F w0 = Simd::load(weights + 16 * i), w1 = Simd::load(weights + 16 * i + 16);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      even[r] = Simd::fma(w0, Simd::set1(x[r].values[i]), even[r]);
      odd[r] = Simd::fma(w1, Simd::set1(x[r].values[i + 1]), odd[r]);
    }
  }
  if (i < inputs) {
    const F w = Simd::load(weights + 16 * i);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) even[r] = Simd::fma(w, Simd::set1(x[r].values[i]), even[r]);
  }
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sums[r] = {even[r], odd[r]};
}

template <class V>
void float_product(const PanelProduct& p) {
  TwoSums sums[kRowsAtOnce];
  for (unsigned r = 0; r < p.rows; ++r) sums[r] = {Simd::zero(), Simd::zero()};
  const V* weights = reinterpret_cast<const V*>(p.panel);
  const FloatStep* x = p.floats;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride, weights += 16 * kStepInputs) {
    const unsigned inputs = p.columns - input < kStepInputs ? p.columns - input : kStepInputs;
    unsigned row = 0;
    for (; row + Simd::kFloatRows <= p.rows; row += Simd::kFloatRows)
      float_step<Simd::kFloatRows>(weights, inputs, x + row, sums + row);
    if constexpr (Simd::kFloatRows > 4)
      for (; row + 4 <= p.rows; row += 4) float_step<4>(weights, inputs, x + row, sums + row);
    for (; row < p.rows; ++row) float_step<1>(weights, inputs, x + row, sums + row);
  }
  for (unsigned r = 0; r < p.rows; ++r) Simd::store(p.out + 16 * r, Simd::add(sums[r].even, sums[r].odd));
}

// --- the list -------------------------------------------------------------------------------------------------------------

template <class L>
struct ProductOf {
  static constexpr ProductFn* kFn = &integer_product<L>;
};
template <class V>
struct ProductOf<FloatBlock<V>> {
  static constexpr ProductFn* kFn = &float_product<V>;
};

template <class... L>
consteval ProductTable products(LayoutList<L...>) {
  return {{ProductOf<L>::kFn...}};
}

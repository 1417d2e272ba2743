// Products of integer panels, written once over Simd; included inside the namespace of each instruction set after codes.inl.h.
//
// Every output is a fixed sequence of operations on its own row: integer sums are exact, and the float steps run block after
// block. Which tile of rows it sat in, and whether codes were unpacked beforehand, changes nothing.
//   flat:   acc += (sum over the group of code * x_code) * (scale * x_scale)                     group after group
//   super:  acc += (sum over groups of sub_scale * (sum of code * x_code)) * scale * x_scale     block after block

using F = Simd::F;
using I = Simd::I;

constexpr unsigned kStepUnits = kStepInputs / kUnitInputs;

// --- schemes: layouts that differ only in how codes are stored share the kernels for unpacked codes ------------------------

constexpr unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

template <unsigned largest, unsigned group, bool two_levels, bool has_min>  // largest: a layout's kLargest
struct Scheme {
  static constexpr unsigned kGroup = group, kGroupsPerUnit = kUnitInputs / group, kStepGroups = kStepInputs / group;
  using Ops = Simd;  // dependent: an instruction set has either dot7 and dot8 or pair_sums7, pair_sums8 and add16
  static constexpr bool kTwoLevels = two_levels, kHasMin = has_min, kWide = largest > 127;
  // Where one instruction gives sums of two products in 16 bits: how many quads add up without overflow.
  static constexpr unsigned kQuadsIn16Bits = kWide ? 1 : least(group / 4, 32767 / (2 * 127 * largest));
  // Where it does, and bytes need their signs apart for it, many rows multiply faster by codes as words. With sub-scales they do not.
  static constexpr bool kWords = Simd::kPairSums && kWide && !two_levels;
  // Where it gives sums of four in 32 bits, and whole groups fit 16: two groups meet their sub-scales at once.
  static constexpr bool kGroupPairs = !Simd::kPairSums && two_levels && group == 16 && 16 * 127 * largest <= 32767;
  static constexpr unsigned kTileRows = kGroupPairs ? least(Simd::kRows, 8) : Simd::kRows;  // pairs keep one more sum per row
  // Zeros of codes: brought in by starting every group's sum below zero, or by one more sum over the step.
  static constexpr bool kStarts = !has_min && !(Simd::kPairSums && two_levels);
  static constexpr bool kShifts = two_levels && !kStarts;

  // Flat: scale and minimum per group. Super: one each, and integers per group.
  F scales[two_levels ? 1 : kStepGroups];
  F mins[has_min ? (two_levels ? 1 : kStepGroups) : 1];
  I sub_scales[two_levels ? kStepGroups : 1];  // in each lane once; twice in 16 bits for kPairSums; two groups' for kGroupPairs
  I shift_pairs[kShifts ? kStepGroups / 2 : 1];  // sub-minimums, or sub-scales, of two groups
};

template <class L>
using SchemeFor = Scheme<L::kLargest, L::kGroup, L::kTwoLevels, L::kShift == Shift::kMin>;

template <class L>
HEARTH_ALWAYS_INLINE void read_sub_scales(const L& block, SchemeFor<L>& scheme) {
  using S = SchemeFor<L>;
  HEARTH_UNROLL
  for (unsigned g = 0; g < L::kGroups; g += 2) {
    const I first = Simd::widen(block.sub_scales[g]), second = Simd::widen(block.sub_scales[g + 1]);
    if constexpr (S::kGroupPairs) {
      scheme.sub_scales[g / 2] = Simd::pairs(first, second);
    } else {
      scheme.sub_scales[g] = Simd::kPairSums ? Simd::pairs(first, first) : first;
      scheme.sub_scales[g + 1] = Simd::kPairSums ? Simd::pairs(second, second) : second;
    }
    if constexpr (S::kHasMin)
      scheme.shift_pairs[g / 2] = Simd::pairs(Simd::widen(block.sub_mins[g]), Simd::widen(block.sub_mins[g + 1]));
    else if constexpr (S::kShifts)
      scheme.shift_pairs[g / 2] = Simd::pairs(first, second);
  }
}

template <class L>
HEARTH_ALWAYS_INLINE void read_scales(const std::byte* step, unsigned units, SchemeFor<L>& scheme) {
  if constexpr (L::kTwoLevels) {
    const L& block = *reinterpret_cast<const L*>(step);
    scheme.scales[0] = Simd::load(block.scales);
    if constexpr (L::kShift == Shift::kMin) scheme.mins[0] = Simd::load(block.mins);
    read_sub_scales(block, scheme);
  } else {
    const auto* of_units = reinterpret_cast<const typename L::Scales*>(step);
    for (unsigned u = 0; u < units; ++u)
      for (unsigned g = 0; g < L::kGroups; ++g) {
        scheme.scales[u * L::kGroups + g] = Simd::load(of_units[u].scales[g]);
        if constexpr (L::kShift == Shift::kMin) scheme.mins[u * L::kGroups + g] = Simd::load(of_units[u].mins[g]);
      }
  }
}

// --- what a row of activations adds, whatever the panel --------------------------------------------------------------------

union RowTerms {
  alignas(64) int32_t starts[16];  // [group]: -zero * (sum of x codes), where sums of codes as stored begin
  float shifts[16];                // [group]: x_scale * (sum of x codes), for flat blocks with minimums
};

// [group]: of the step's codes. Records with a scale for 32 codes have sums of 16 alone, to be added up in pairs.
template <class S>
HEARTH_ALWAYS_INLINE I code_sums(const QuantizedStep& x) {
  if constexpr (S::kGroup == 16) return Simd::widen(x.sums16);
  if constexpr (S::kTwoLevels) return Simd::widen(x.whole.sums32);
  const std::byte* sums16 = reinterpret_cast<const std::byte*>(&x) + offsetof(QuantizedStep, sums16);
  return Simd::dot_pairs(Simd::izero(), Simd::iload(sums16), Simd::iset1(0x00010001));
}

template <class S>
HEARTH_ALWAYS_INLINE void prepare_terms(int32_t zero, const QuantizedStep* x, unsigned rows, RowTerms* terms) {
  if constexpr (S::kShifts) return;
  const I factor = Simd::iset1(-zero);
  for (unsigned r = 0; r < rows; ++r) {
    const I sums = code_sums<S>(x[r]);
    if constexpr (S::kStarts) Simd::istore(terms[r].starts, Simd::imul(sums, factor));
    else Simd::store(terms[r].shifts, Simd::mul(Simd::load_partial(x[r].scales, 8), Simd::to_float(sums)));
  }
}

// --- sources of codes: straight from the panel, or unpacked once for many rows ---------------------------------------------

template <class L>
struct PackedCodes {
  static constexpr size_t kStepBytes = sizeof(L) * (kStepInputs / L::kInputs);
  const UnitPlanes<L::kBits>* planes;
  I table;
  const std::byte* ahead;  // the step to ask for while this one is multiplied; null: none

  PackedCodes(const std::byte* step, unsigned units, I table, const std::byte* ahead) : table(table), ahead(ahead) {
    if constexpr (L::kTwoLevels) planes = reinterpret_cast<const L*>(step)->planes;
    else planes = reinterpret_cast<const UnitPlanes<L::kBits>*>(step + units * sizeof(typename L::Scales));
  }
  struct Unit {
    I quads[8];
    HEARTH_ALWAYS_INLINE I quad(unsigned q) const { return quads[q]; }
  };
  HEARTH_ALWAYS_INLINE Unit unit(unsigned u) const {
    Unit unit;
    read_unit<L>(planes[u], table, unit.quads);
    return unit;
  }
  // A share of the step ahead with every unit: asked for all at once, its lines hold up those that are needed now.
  HEARTH_ALWAYS_INLINE void fetch_ahead(unsigned u) const {
    constexpr size_t kShare = (kStepBytes + 64 * kStepUnits - 1) / (64 * kStepUnits) * 64;
    if (ahead != nullptr) fetch<kShare>(ahead + u * kShare);
  }
};

struct UnpackedCodes {
  const UnitCodes* units;
  const std::byte* ahead = nullptr;  // unpacking has asked for it already
  struct Unit {
    const UnitCodes& codes;
    HEARTH_ALWAYS_INLINE I quad(unsigned q) const { return Simd::iload(codes.quads[q]); }
  };
  HEARTH_ALWAYS_INLINE Unit unit(unsigned u) const { return {units[u]}; }
  HEARTH_ALWAYS_INLINE void fetch_ahead(unsigned) const {}
};

// Codes as words of 16 bits: those of a quad's inputs 0 and 2 side by side, and those of 1 and 3.
struct UnitWords {
  std::byte even[8][64], odd[8][64];  // [quad]
};
struct RowWords {
  int32_t even[kStepInputs / 4], odd[kStepInputs / 4];
};

struct UnpackedWords {
  const UnitWords* units;
  RowWords* rows;  // of the tile that is multiplied now
  const std::byte* ahead = nullptr;
  struct Unit {
    const UnitWords& words;
    const RowWords* rows;
  };
  HEARTH_ALWAYS_INLINE Unit unit(unsigned u) const { return {units[u], rows}; }
  HEARTH_ALWAYS_INLINE void fetch_ahead(unsigned) const {}
};

template <class S>
HEARTH_ALWAYS_INLINE void read_words(const QuantizedStep& x, RowWords& words) {
  HEARTH_UNROLL
  for (unsigned q = 0; q < kStepInputs / 4; q += 16) {
    const I quads = Simd::iload(x.codes + 4 * q);
    Simd::istore(words.even + q, S::Ops::even_bytes(quads));
    Simd::istore(words.odd + q, S::Ops::odd_bytes(quads));
  }
}

// --- one step: at most 256 inputs of 16 weights rows times kRows activation rows -------------------------------------------

template <class S>
HEARTH_ALWAYS_INLINE I dot(I sum, I codes, I x) {
  if constexpr (S::kWide) return S::Ops::dot8(sum, codes, x);
  else return S::Ops::dot7(sum, codes, x);
}

template <unsigned kRows, class S>
HEARTH_ALWAYS_INLINE void add_group(const UnpackedWords::Unit& unit, unsigned u, unsigned g, const QuantizedStep*, I, I (&sum)[kRows]) {
  HEARTH_UNROLL
  for (unsigned k = 0; k < S::kGroup / 4; ++k) {
    const unsigned quad = g * S::kGroup / 4 + k, of_row = u * kUnitInputs / 4 + quad;
    const I even = Simd::iload(unit.words.even[quad]), odd = Simd::iload(unit.words.odd[quad]);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) sum[r] = Simd::dot_pairs(sum[r], even, Simd::broadcast4(unit.rows[r].even + of_row));
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) sum[r] = Simd::dot_pairs(sum[r], odd, Simd::broadcast4(unit.rows[r].odd + of_row));
  }
}

// Adds the products of group g of unit u to the rows' sums; with kPairSums times `weight`, 16 bits twice in each lane.
template <unsigned kRows, class S, class Unit>
HEARTH_ALWAYS_INLINE void add_group(const Unit& unit, unsigned u, unsigned g, const QuantizedStep* x, I weight, I (&sum)[kRows]) {
  constexpr unsigned kQuads = S::kGroup / 4;
  const auto four = [&](unsigned r, unsigned k) HEARTH_LAMBDA { return Simd::broadcast4(x[r].codes + u * kUnitInputs + 4 * (g * kQuads + k)); };
  if constexpr (Simd::kPairSums) {
    HEARTH_UNROLL
    for (unsigned first = 0; first < kQuads; first += S::kQuadsIn16Bits) {
      I part[kRows];
      HEARTH_UNROLL
      for (unsigned k = first; k < first + S::kQuadsIn16Bits; ++k) {
        const I codes = unit.quad(g * kQuads + k);
        HEARTH_UNROLL
        for (unsigned r = 0; r < kRows; ++r) {
          const I products = S::kWide ? S::Ops::pair_sums8(codes, four(r, k)) : S::Ops::pair_sums7(codes, four(r, k));
          part[r] = k == first ? products : S::Ops::add16(part[r], products);
        }
      }
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r) sum[r] = Simd::dot_pairs(sum[r], part[r], weight);
    }
  } else if constexpr (kRows == 1) {  // two chains: one waits longer for its own results than for memory
    I other = Simd::izero();
    HEARTH_UNROLL
    for (unsigned k = 0; k < kQuads; k += 2) {
      sum[0] = dot<S>(sum[0], unit.quad(g * kQuads + k), four(0, k));
      other = dot<S>(other, unit.quad(g * kQuads + k + 1), four(0, k + 1));
    }
    sum[0] = Simd::iadd(sum[0], other);
  } else {
    HEARTH_UNROLL
    for (unsigned k = 0; k < kQuads; ++k) {
      const I codes = unit.quad(g * kQuads + k);
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r) sum[r] = dot<S>(sum[r], codes, four(r, k));
    }
  }
}

template <unsigned kRows, class S>
HEARTH_ALWAYS_INLINE void start(const RowTerms* terms, unsigned group, I (&sum)[kRows]) {
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sum[r] = S::kStarts ? Simd::broadcast4(terms[r].starts + group) : Simd::izero();
}

// Units [first, end) of a step.
template <unsigned kRows, class S, class Source>
HEARTH_ALWAYS_INLINE void flat_units(const S& scheme, const Source& source, unsigned first, unsigned end, const QuantizedStep* x,
                                     const RowTerms* terms, float* out) {
  F acc[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) acc[r] = Simd::load(out + 16 * r);
  for (unsigned u = first; u < end; ++u) {
    const auto unit = source.unit(u);
    source.fetch_ahead(u);
    HEARTH_UNROLL
    for (unsigned g = 0; g < S::kGroupsPerUnit; ++g) {
      const unsigned group = u * S::kGroupsPerUnit + g;
      I sum[kRows];
      start<kRows, S>(terms, group, sum);
      add_group<kRows, S>(unit, u, g, x, Simd::iset1(0x00010001), sum);
      const F scale = scheme.scales[group];
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        acc[r] = Simd::fma(Simd::to_float(sum[r]), Simd::mul(scale, Simd::set1(x[r].scales[u])), acc[r]);
        if constexpr (S::kHasMin) acc[r] = Simd::fnma(scheme.mins[group], Simd::set1(terms[r].shifts[group]), acc[r]);
      }
    }
  }
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) Simd::store(out + 16 * r, acc[r]);
}

// Adds sub_scale * (sum of code * x_code) of every group of units [first, end) to the rows' totals.
template <unsigned kRows, class S, class Source>
HEARTH_ALWAYS_INLINE void add_groups(const S& scheme, const Source& source, unsigned first, unsigned end, const QuantizedStep* x,
                                     const RowTerms* terms, I (&total)[kRows]) {
  for (unsigned u = first; u < end; ++u) {
    const auto unit = source.unit(u);
    source.fetch_ahead(u);
    if constexpr (S::kGroupPairs) {
      I low[kRows], high[kRows];
      start<kRows, S>(terms, 2 * u, low);
      add_group<kRows, S>(unit, u, 0, x, Simd::izero(), low);
      start<kRows, S>(terms, 2 * u + 1, high);
      add_group<kRows, S>(unit, u, 1, x, Simd::izero(), high);
      const I sub_scales = scheme.sub_scales[u];
      HEARTH_UNROLL
      for (unsigned r = 0; r < kRows; ++r) total[r] = Simd::dot_pairs(total[r], Simd::pairs(low[r], high[r]), sub_scales);
      continue;
    }
    HEARTH_UNROLL
    for (unsigned g = 0; g < S::kGroupsPerUnit; ++g) {
      const unsigned group = u * S::kGroupsPerUnit + g;
      const I sub_scale = scheme.sub_scales[group];
      if constexpr (Simd::kPairSums) {
        add_group<kRows, S>(unit, u, g, x, sub_scale, total);
      } else {
        I sum[kRows];
        start<kRows, S>(terms, group, sum);
        add_group<kRows, S>(unit, u, g, x, Simd::izero(), sum);
        HEARTH_UNROLL
        for (unsigned r = 0; r < kRows; ++r) total[r] = Simd::iadd(total[r], Simd::imul(sum[r], sub_scale));
      }
    }
  }
}

// Adds one row's step, of which `total` is the sum over groups of sub_scale * (sum of code * x_code), to its sums.
template <class S>
HEARTH_ALWAYS_INLINE void finish_step(const S& scheme, I total, int32_t zero, const QuantizedStep& x, float* out) {
  I shift = Simd::izero();  // sum over groups of sub_min (or sub_scale) * (sum of x codes)
  if constexpr (S::kShifts) {
    const int16_t* x_sums = S::kGroup == 16 ? x.sums16 : x.whole.sums32;
    HEARTH_UNROLL
    for (unsigned p = 0; p < S::kStepGroups / 2; ++p)
      shift = Simd::dot_pairs(shift, scheme.shift_pairs[p], Simd::broadcast4(x_sums + 2 * p));
    if constexpr (!S::kHasMin) total = Simd::isub(total, Simd::imul(shift, Simd::iset1(zero)));
  }
  F value = Simd::mul(Simd::to_float(total), scheme.scales[0]);
  if constexpr (S::kHasMin) value = Simd::fnma(Simd::to_float(shift), scheme.mins[0], value);
  Simd::store(out, Simd::fma(value, Simd::set1(x.whole.scale), Simd::load(out)));
}

template <unsigned kRows, class S, class Source>
HEARTH_ALWAYS_INLINE void super_step(const S& scheme, const Source& source, int32_t zero, const QuantizedStep* x,
                                     const RowTerms* terms, float* out) {
  I total[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) total[r] = Simd::izero();
  add_groups<kRows>(scheme, source, 0, kStepUnits, x, terms, total);
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) finish_step(scheme, total[r], zero, x[r], out + 16 * r);
}

// All rows in tiles of kRows, the rest in smaller ones.
template <unsigned kRows, class S, class Source>
HEARTH_ALWAYS_INLINE void tiles(const S& scheme, Source source, int32_t zero, unsigned units, const QuantizedStep* x,
                                const RowTerms* terms, unsigned rows, float* out) {
  for (; rows >= kRows; rows -= kRows, x += kRows, terms += kRows, out += 16 * kRows) {
    if constexpr (std::same_as<Source, UnpackedWords>)
      for (unsigned r = 0; r < kRows; ++r) read_words<S>(x[r], source.rows[r]);
    if constexpr (S::kTwoLevels) super_step<kRows>(scheme, source, zero, x, terms, out);
    else flat_units<kRows>(scheme, source, 0, units, x, terms, out);
    source.ahead = nullptr;  // asked for once
  }
  constexpr unsigned kLess = kRows > 8 ? 8 : kRows / 2;
  if constexpr (kLess > 0) tiles<kLess>(scheme, source, zero, units, x, terms, rows, out);
}

// One row times two panels by turns of about a kilobyte: a thread that reads two places at once is given more of the memory's rate.
template <class L>
HEARTH_ALWAYS_INLINE void step_by_turns(const SchemeFor<L> (&schemes)[2], const PackedCodes<L> (&sources)[2], int32_t zero, unsigned units,
                                        const QuantizedStep& x, const RowTerms& terms, float* const (&outs)[2]) {
  constexpr unsigned kUnits = 1024 / sizeof(UnitPlanes<L::kBits>), kTurn = kUnits >= 8 ? 8 : kUnits >= 4 ? 4 : 2;
  I totals[2][1] = {{Simd::izero()}, {Simd::izero()}};
  for (unsigned u = 0; u < units; u += kTurn) {
    const unsigned end = least(units, u + kTurn);
    HEARTH_UNROLL
    for (unsigned p = 0; p < 2; ++p) {
      if constexpr (L::kTwoLevels) add_groups<1>(schemes[p], sources[p], u, end, &x, &terms, totals[p]);
      else flat_units<1>(schemes[p], sources[p], u, end, &x, &terms, outs[p]);
    }
  }
  if constexpr (L::kTwoLevels)
    for (unsigned p = 0; p < 2; ++p) finish_step(schemes[p], totals[p][0], zero, x, outs[p]);
}

template <class L>
void integer_product_by_turns(const PanelProduct& p) {
  constexpr size_t kStepBytes = PackedCodes<L>::kStepBytes;
  const int32_t zero = p.zero - (SchemeFor<L>::kWide ? Simd::kByteZero : 0);
  const I table = L::kCodes == Codes::kTable ? Simd::broadcast16(p.table) : Simd::izero();
  float* const outs[2] = {p.out, p.second_out};
  for (float* out : outs) Simd::store(out, Simd::zero());
  SchemeFor<L> schemes[2];
  RowTerms terms;
  const QuantizedStep* x = p.quantized;
  size_t at = 0;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride, at += kStepBytes) {
    const unsigned units = least(kStepUnits, (p.columns - input) / kUnitInputs);
    const PackedCodes<L> sources[2] = {{p.panel + at, units, table, nullptr}, {p.second + at, units, table, nullptr}};
    prepare_terms<SchemeFor<L>>(zero, x, 1, &terms);
    read_scales<L>(p.panel + at, units, schemes[0]);
    read_scales<L>(p.second + at, units, schemes[1]);
    step_by_turns<L>(schemes, sources, zero, units, *x, terms, outs);
  }
}

template <class S>
using Unpacked = std::conditional_t<S::kWords, UnitWords, UnitCodes>;

template <class S>
__attribute__((noinline)) void unpacked_tiles(const S& scheme, const Unpacked<S>* codes, int32_t zero, unsigned units,
                                              const QuantizedStep* x, const RowTerms* terms, unsigned rows, float* out) {
  if constexpr (S::kWords) {
    alignas(64) RowWords words[S::Ops::kWordRows];
    tiles<S::Ops::kWordRows>(scheme, UnpackedWords{codes, words}, zero, units, x, terms, rows, out);
  } else {
    tiles<S::kTileRows>(scheme, UnpackedCodes{codes}, zero, units, x, terms, rows, out);
  }
}

HEARTH_ALWAYS_INLINE void unpack(const I (&quads)[8], UnitCodes& codes) {
  HEARTH_UNROLL
  for (unsigned k = 0; k < 8; ++k) Simd::istore(codes.quads[k], quads[k]);
}

HEARTH_ALWAYS_INLINE void unpack(const I (&quads)[8], UnitWords& words) {
  HEARTH_UNROLL
  for (unsigned k = 0; k < 8; ++k) {
    Simd::istore(words.even[k], Simd::both(quads[k], Simd::iset1(0x00FF00FF)));
    Simd::istore(words.odd[k], Simd::shift<-8>(quads[k]));
  }
}

template <class L>
void integer_product(const PanelProduct& p) {
  if (p.second != nullptr) return integer_product_by_turns<L>(p);
  using S = SchemeFor<L>;
  constexpr size_t kStepBytes = PackedCodes<L>::kStepBytes;
  const bool by_bytes = S::kWide && !(S::kWords && p.unpack);
  const int32_t zero = p.zero - (by_bytes ? Simd::kByteZero : 0);  // of codes as they are multiplied
  const I table = L::kCodes == Codes::kTable ? Simd::broadcast16(p.table) : Simd::izero();
  S scheme;
  alignas(64) Unpacked<S> codes[kStepUnits];
  RowTerms terms[kRowsAtOnce];
  for (unsigned i = 0; i < 16 * p.rows; i += 16) Simd::store(p.out + i, Simd::zero());
  const QuantizedStep* x = p.quantized;
  const std::byte* step = p.panel;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride, step += kStepBytes) {
    const unsigned units = least(kStepUnits, (p.columns - input) / kUnitInputs);
    const PackedCodes<L> source(step, units, table, p.fetch_steps != 0 ? step + p.fetch_steps * kStepBytes : nullptr);
    prepare_terms<S>(zero, x, p.rows, terms);
    read_scales<L>(step, units, scheme);
    if (p.unpack) {
      fetch<kStepBytes>(step + kStepBytes);
      for (unsigned u = 0; u < units; ++u) unpack(source.unit(u).quads, codes[u]);
      unpacked_tiles<S>(scheme, codes, zero, units, x, terms, p.rows, p.out);
    } else {
      tiles<Simd::kDirectRows>(scheme, source, zero, units, x, terms, p.rows, p.out);
    }
  }
}

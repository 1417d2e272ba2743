// Products through tiles (AMX), written once over Simd and Tiles; included after integer_product.inl.h, whose results they equal
// bit for bit: integer sums are exact however they are formed, and the float steps are the same.
//   flat:   each group's sums are one product of tiles only as deep as the group
//   super:  sub_scale * code = 64 * high + low, digits that fit 8 bits: full-depth products sum a whole step of each digit
// Activations go in by sixteen rows. Records past the last row exist; what they give is not looked at.

constexpr unsigned kTileInputs = 64;

// 32 rows' sums of a pair of tiles each, as stored.
struct TileSums {
  alignas(64) int32_t of[4][16][16];
};
HEARTH_ALWAYS_INLINE void store_sums(TileSums& sums, bool two) {
  Tiles::template store<0>(sums.of[0], 64);
  Tiles::template store<1>(sums.of[1], 64);
  if (!two) return;
  Tiles::template store<2>(sums.of[2], 64);
  Tiles::template store<3>(sums.of[3], 64);
}

// --- flat blocks -----------------------------------------------------------------------------------------------------------

// Group after group: tile 0 has the first sixteen rows' sums, tile 2 the others'.
template <class S>
HEARTH_ALWAYS_INLINE void flat_rows(const S& scheme, const UnitCodes* codes, unsigned units, const QuantizedStep* x,
                                    const RowTerms* terms, unsigned rows, float* out) {
  const bool two = rows > 16;
  TileSums sums;
  for (unsigned group = 0; group < units * S::kGroupsPerUnit; ++group) {
    const unsigned unit = group / S::kGroupsPerUnit, quad = group % S::kGroupsPerUnit * (S::kGroup / 4);
    Tiles::template zero<0>();
    Tiles::template zero<2>();
    Tiles::template load<6>(codes[unit].quads[quad], 64);
    Tiles::template load<4>(x[0].codes + group * S::kGroup, sizeof(QuantizedStep));
    Tiles::template dot_unsigned<0, 4, 6>();
    if (two) {
      Tiles::template load<5>(x[16].codes + group * S::kGroup, sizeof(QuantizedStep));
      Tiles::template dot_unsigned<2, 5, 6>();
      Tiles::template store<2>(sums.of[2], 64);
    }
    Tiles::template store<0>(sums.of[0], 64);
    const F scale = scheme.scales[group];
    for (unsigned r = 0; r < rows; ++r) {
      I sum = Simd::iload(sums.of[r / 16 * 2][r % 16]);
      if constexpr (S::kStarts) sum = Simd::iadd(sum, Simd::broadcast4(terms[r].starts + group));
      F acc = Simd::fma(Simd::to_float(sum), Simd::mul(scale, Simd::set1(x[r].scales[unit])), Simd::load(out + 16 * r));
      if constexpr (S::kHasMin) acc = Simd::fnma(scheme.mins[group], Simd::set1(terms[r].shifts[group]), acc);
      Simd::store(out + 16 * r, acc);
    }
  }
}

// --- super-blocks ----------------------------------------------------------------------------------------------------------

// (code - zero) * sub_scale of one step as two digits, in tiles of 64 inputs.
struct Digits {
  alignas(64) uint8_t high[kStepInputs / kTileInputs][16][64];
  alignas(64) uint8_t low[kStepInputs / kTileInputs][16][64];
};

template <class L>
HEARTH_ALWAYS_INLINE void split_digits(const L& block, const PackedCodes<L>& source, int32_t zero, Digits& digits) {
  const I bytes = Simd::iset1(0x00FF00FF), low_bits = Simd::iset1(0x003F003F), zeros = Simd::iset1(zero * 0x00010001);
  for (unsigned u = 0; u < kStepUnits; ++u) {
    const auto unit = source.unit(u);
    HEARTH_UNROLL
    for (unsigned q = 0; q < 8; ++q) {
      const I wide = Simd::widen(block.sub_scales[(u * kUnitInputs + 4 * q) / L::kGroup]), factor = Simd::pairs(wide, wide);
      const I codes = unit.quads[q];
      const I even = Simd::mul16(Simd::sub16(Simd::both(codes, bytes), zeros), factor);
      const I odd = Simd::mul16(Simd::sub16(Simd::both(Simd::template shift<-8>(codes), bytes), zeros), factor);
      const auto joined = [](I a, I b) HEARTH_LAMBDA { return Simd::either(a, Simd::template shift<8>(b)); };
      const unsigned quad = u * 8 + q;
      Simd::istore(digits.high[quad / 16][quad % 16], joined(Simd::both(Simd::template halved16<6>(even), bytes),
                                                             Simd::both(Simd::template halved16<6>(odd), bytes)));
      Simd::istore(digits.low[quad / 16][quad % 16], joined(Simd::both(even, low_bits), Simd::both(odd, low_bits)));
    }
  }
}

// Tiles 0 and 1: the first sixteen rows' sums of high and low digits; 2 and 3: the others'.
template <class S>
HEARTH_ALWAYS_INLINE void super_rows(const S& scheme, const Digits& digits, const QuantizedStep* x, unsigned rows, float* out) {
  const bool two = rows > 16;
  Tiles::template zero<0>();
  Tiles::template zero<1>();
  Tiles::template zero<2>();
  Tiles::template zero<3>();
  for (unsigned t = 0; t < kStepInputs / kTileInputs; ++t) {
    Tiles::template load<4>(x[0].codes + t * kTileInputs, sizeof(QuantizedStep));
    Tiles::template load<6>(digits.high[t], 64);
    Tiles::template dot_signed<0, 4, 6>();
    Tiles::template load<7>(digits.low[t], 64);
    Tiles::template dot_signed<1, 4, 7>();
    if (!two) continue;
    Tiles::template load<5>(x[16].codes + t * kTileInputs, sizeof(QuantizedStep));
    Tiles::template dot_signed<2, 5, 6>();
    Tiles::template dot_signed<3, 5, 7>();
  }
  TileSums sums;
  store_sums(sums, two);
  for (unsigned r = 0; r < rows; ++r) {
    const I high = Simd::iload(sums.of[r / 16 * 2][r % 16]), low = Simd::iload(sums.of[r / 16 * 2 + 1][r % 16]);
    finish_step(scheme, Simd::iadd(Simd::imul(high, Simd::iset1(64)), low), 0, x[r], out + 16 * r);
  }
}

template <class L>
void tile_product(const PanelProduct& p) {
  using S = SchemeFor<L>;
  constexpr size_t kStepBytes = sizeof(L) * (kStepInputs / L::kInputs);
  const int32_t zero = p.zero;  // tiles multiply codes as they are stored
  const I table = L::kCodes == Codes::kTable ? Simd::broadcast16(p.table) : Simd::izero();
  S scheme;
  union {
    alignas(64) UnitCodes codes[kStepUnits];
    Digits digits;
  };
  RowTerms terms[L::kTwoLevels ? 1 : kRowsAtOnce];
  for (unsigned i = 0; i < 16 * p.rows; i += 16) Simd::store(p.out + i, Simd::zero());
  const QuantizedStep* x = p.quantized;
  const std::byte* step = p.panel;
  Tiles::configure(L::kTwoLevels ? 16 : L::kGroup / 4);
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride, step += kStepBytes) {
    const unsigned units = least(kStepUnits, (p.columns - input) / kUnitInputs);
    const PackedCodes<L> source(step, units, table, nullptr);
    read_scales<L>(step, units, scheme);
    fetch<kStepBytes>(step + kStepBytes);
    if constexpr (L::kTwoLevels) {
      split_digits(*reinterpret_cast<const L*>(step), source, zero, digits);
      for (unsigned r = 0; r < p.rows; r += 32) super_rows(scheme, digits, x + r, least(32, p.rows - r), p.out + 16 * r);
    } else {
      prepare_terms<S>(zero, x, p.rows, terms);
      unpack<L>(source, units, codes);
      for (unsigned r = 0; r < p.rows; r += 32)
        flat_rows(scheme, codes, units, x + r, terms + r, least(32, p.rows - r), p.out + 16 * r);
    }
  }
  Tiles::release();
}

// --- bf16 panels: any number of rows ---------------------------------------------------------------------------------------

// Sums stay in tiles 0 (sixteen rows) and 2 (sixteen more) over all inputs. A panel's last pairs go through a copy: what follows
// the panel may be no number.
template <class = void>
void bf16_tile_product(const PanelProduct& p) {
  constexpr unsigned kPairs = 16;  // of one tile
  const auto* weights = reinterpret_cast<const Bf16Pair*>(p.panel);
  const unsigned pairs = (p.columns + 1) / 2;
  alignas(64) Bf16Pair last[kPairs] = {};
  const unsigned whole = pairs / kPairs * kPairs;
  for (unsigned i = whole; i < pairs; ++i) Simd::istore(last + i - whole, Simd::iload(weights + i));
  Tiles::configure(kPairs);
  for (unsigned row = 0; row < p.rows; row += 32) {
    const unsigned rows = least(32, p.rows - row);
    Tiles::template zero<0>();
    Tiles::template zero<2>();
    for (unsigned i = 0; i < pairs; i += kPairs) {
      const Bf16Step* x = p.bf16 + 2 * i / kStepInputs * p.step_stride + row;
      const unsigned at = 2 * i % kStepInputs;
      __builtin_prefetch(weights + i + 4 * kPairs);
      Tiles::template load<6>(i < whole ? weights + i : last, 64);
      Tiles::template load<4>(x[0].values + at, sizeof(Bf16Step));
      Tiles::template dot_bf16<0, 4, 6>();
      if (rows <= 16) continue;
      Tiles::template load<5>(x[16].values + at, sizeof(Bf16Step));
      Tiles::template dot_bf16<2, 5, 6>();
    }
    TileSums sums;
    store_sums(sums, rows > 16);
    for (unsigned r = 0; r < rows; ++r) Simd::istore(p.out + 16 * (row + r), Simd::iload(sums.of[r / 16 * 2][r % 16]));
  }
  Tiles::release();
}

// --- the list --------------------------------------------------------------------------------------------------------------

template <class L>
struct TileProductOf {
  static constexpr ProductFn *kOf = nullptr, *kByTiles = &tile_product<L>;
};
template <class V>
struct TileProductOf<FloatBlock<V>> {
  static constexpr ProductFn *kOf = nullptr, *kByTiles = nullptr;
};
template <>
struct TileProductOf<Bf16Pair> {
  static constexpr ProductFn *kOf = &bf16_tile_product<>, *kByTiles = nullptr;
};

template <class... L>
consteval ProductTable tile_products(LayoutList<L...>, decltype(ProductTable::round_bf16) round_bf16) {
  return {.of = {TileProductOf<L>::kOf...}, .by_tiles = {TileProductOf<L>::kByTiles...}, .round_bf16 = round_bf16};
}

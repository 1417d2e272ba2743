// Products through tiles (AMX), written once over Simd and Tiles; included after tile_pieces.inl.h and integer_product.inl.h. Those of
// integer panels equal the latter's bit for bit: integer sums are exact however they are formed, and the float steps are the same.
//   flat:   each group's sums are one product of tiles only as deep as the group
//   super:  sub_scale * code = 64 * high + low, digits that fit 8 bits: full-depth products sum a whole step of each digit
// Tiles and vectors work at the same time: while tiles multiply a block of rows, vectors finish the sums of the block before.
// Rows go in by sixteens. Records past the last row exist, and so do sums; what they hold is not looked at.

constexpr unsigned kTileInputs = 64;

// Sixteen rows' sums of some tiles, as stored.
template <unsigned kTiles>
struct TileSums {
  alignas(64) int32_t of[kTiles][16][16];
};

// --- flat blocks -----------------------------------------------------------------------------------------------------------

// Codes as tiles multiply them: signed, without their zero. What a table gives has lost it already.
template <class L>
HEARTH_ALWAYS_INLINE void unpack_signed(const PackedCodes<L>& source, unsigned units, int32_t zero, UnitCodes* codes) {
  const I zeros = Simd::bytes1(zero);
  for (unsigned u = 0; u < units; ++u) {
    const auto unit = source.unit(u);
    HEARTH_UNROLL
    for (unsigned q = 0; q < 8; ++q)
      Simd::istore(codes[u].quads[q], L::kCodes == Codes::kTable ? unit.quads[q] : Simd::sub8(unit.quads[q], zeros));
  }
}

// Multiplies sixteen rows, x, and finishes the sixteen before them, group after group.
template <bool kMultiplies, bool kFinishes, class S>
HEARTH_ALWAYS_INLINE void flat_sixteen(const S& scheme, const UnitCodes* codes, unsigned groups, const QuantizedStep* x,
                                       const RowTerms* terms, float* out, TileSums<S::kStepGroups>& sums) {
  F acc[16];
  if constexpr (kFinishes) {
    HEARTH_UNROLL
    for (unsigned r = 0; r < 16; ++r) acc[r] = Simd::load(out - 16 * 16 + 16 * r);
  }
  const auto group = [&]<int kTile>(unsigned g) HEARTH_LAMBDA {
    const unsigned unit = g / S::kGroupsPerUnit, quad = g % S::kGroupsPerUnit * (S::kGroup / 4);
    if constexpr (kMultiplies) {
      Tiles::template zero<kTile>();
      Tiles::template load<6 + kTile>(codes[unit].quads[quad], 64);
      Tiles::template load<4 + kTile>(x[0].codes + g * S::kGroup, sizeof(QuantizedStep));
      Tiles::template dot_signed<kTile, 4 + kTile, 6 + kTile>();
    }
    if constexpr (kFinishes) {
      const F scale = scheme.scales[g];
      HEARTH_UNROLL
      for (unsigned r = 0; r < 16; ++r) {
        const F sum = Simd::to_float(Simd::iload(sums.of[g][r]));
        acc[r] = Simd::fma(sum, Simd::mul(scale, Simd::set1((x - 16)[r].scales[unit])), acc[r]);
        if constexpr (S::kHasMin) acc[r] = Simd::fnma(scheme.mins[g], Simd::set1((terms - 16)[r].shifts[g]), acc[r]);
      }
    }
    if constexpr (kMultiplies) Tiles::template store<kTile>(sums.of[g], 64);
  };
  for (unsigned g = 0; g < groups; g += 2) {
    group.template operator()<0>(g);
    if (g + 1 < groups) group.template operator()<1>(g + 1);
  }
  if constexpr (kFinishes) {
    HEARTH_UNROLL
    for (unsigned r = 0; r < 16; ++r) Simd::store(out - 16 * 16 + 16 * r, acc[r]);
  }
}

template <class S>
HEARTH_ALWAYS_INLINE void flat_rows(const S& scheme, const UnitCodes* codes, unsigned units, const QuantizedStep* x,
                                    const RowTerms* terms, unsigned rows, float* out) {
  constexpr unsigned kTerms = S::kHasMin ? 16 : 0;  // only minimums have terms
  const unsigned groups = units * S::kGroupsPerUnit;
  TileSums<S::kStepGroups> sums;
  flat_sixteen<true, false>(scheme, codes, groups, x, terms, out, sums);
  for (unsigned row = 16; row < rows; row += 16) {
    x += 16, terms += kTerms, out += 16 * 16;
    flat_sixteen<true, true>(scheme, codes, groups, x, terms, out, sums);
  }
  flat_sixteen<false, true>(scheme, codes, groups, x + 16, terms + kTerms, out + 16 * 16, sums);
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

// Multiplies sixteen rows, x, into a tile of high digits and one of low ones, and finishes the sixteen before them.
template <bool kMultiplies, bool kFinishes, class S>
HEARTH_ALWAYS_INLINE void super_sixteen(const S& scheme, const Digits& digits, const QuantizedStep* x, float* out, TileSums<2>& sums) {
  constexpr unsigned kParts = kStepInputs / kTileInputs, kPartRows = 16 / kParts;
  if constexpr (kMultiplies) {
    Tiles::template zero<0>();
    Tiles::template zero<1>();
  }
  for (unsigned t = 0; t < kParts; ++t) {
    if constexpr (kMultiplies) {
      Tiles::template load<4>(x[0].codes + t * kTileInputs, sizeof(QuantizedStep));
      Tiles::template load<6>(digits.high[t], 64);
      Tiles::template dot_signed<0, 4, 6>();
      Tiles::template load<7>(digits.low[t], 64);
      Tiles::template dot_signed<1, 4, 7>();
    }
    if constexpr (kFinishes) {
      HEARTH_UNROLL
      for (unsigned r = t * kPartRows; r < (t + 1) * kPartRows; ++r) {
        const I high = Simd::iload(sums.of[0][r]), low = Simd::iload(sums.of[1][r]);
        finish_step(scheme, Simd::iadd(Simd::template shift32<6>(high), low), 0, (x - 16)[r], out - 16 * 16 + 16 * r);
      }
    }
  }
  if constexpr (kMultiplies) {
    Tiles::template store<0>(sums.of[0], 64);
    Tiles::template store<1>(sums.of[1], 64);
  }
}

template <class S>
HEARTH_ALWAYS_INLINE void super_rows(const S& scheme, const Digits& digits, const QuantizedStep* x, unsigned rows, float* out) {
  TileSums<2> sums;
  super_sixteen<true, false>(scheme, digits, x, out, sums);
  for (unsigned row = 16; row < rows; row += 16) {
    x += 16, out += 16 * 16;
    super_sixteen<true, true>(scheme, digits, x, out, sums);
  }
  super_sixteen<false, true>(scheme, digits, x + 16, out + 16 * 16, sums);
}

// --- one panel -------------------------------------------------------------------------------------------------------------

template <class L>
HEARTH_ALWAYS_INLINE void tile_panel(const PanelProduct& p, const std::byte* panel, float* out) {
  using S = SchemeFor<L>;
  constexpr size_t kStepBytes = sizeof(L) * (kStepInputs / L::kInputs);
  I table = Simd::izero();
  if constexpr (L::kCodes == Codes::kTable) {
    table = Simd::broadcast16(p.table);
    if constexpr (!L::kTwoLevels) table = Simd::sub8(table, Simd::bytes1(p.zero));
  }
  S scheme;
  union {
    alignas(64) UnitCodes codes[kStepUnits];
    Digits digits;
  };
  RowTerms terms[!L::kTwoLevels && S::kHasMin ? kTileRowsAtOnce : 1];
  for (unsigned r = 0; r < p.rows; r += 16)
    for (unsigned i = 0; i < 16; ++i) Simd::store(out + 16 * (r + i), Simd::zero());
  const QuantizedStep* x = p.quantized;
  const std::byte* step = panel;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride, step += kStepBytes) {
    const unsigned units = least(kStepUnits, (p.columns - input) / kUnitInputs);
    const PackedCodes<L> source(step, units, table, nullptr);
    read_scales<L>(step, units, scheme);
    fetch<kStepBytes>(step + kStepBytes);
    if constexpr (L::kTwoLevels) {
      split_digits(*reinterpret_cast<const L*>(step), source, p.zero, digits);
      super_rows(scheme, digits, x, p.rows, out);
    } else {
      if constexpr (S::kHasMin) prepare_terms<S>(p.zero, x, p.rows, terms);
      unpack_signed<L>(source, units, p.zero, codes);
      flat_rows(scheme, codes, units, x, terms, p.rows, out);
    }
  }
}

template <class L>
void tile_product(const PanelProduct& p) {
  Tiles::configure(L::kTwoLevels ? 16 : L::kGroup / 4);
  tile_panel<L>(p, p.panel, p.out);
  if (p.second != nullptr) tile_panel<L>(p, p.second, p.second_out);
  Tiles::release();
}

// --- bf16 panels: any number of rows ---------------------------------------------------------------------------------------

HEARTH_ALWAYS_INLINE Operand one_piece(const void* first, const void* second, size_t stride) {
  return {{static_cast<const std::byte*>(first), static_cast<const std::byte*>(second)}, stride, 0};
}

// Sums of one or two tiles of rows, from `row` on, and of one or two panels.
template <unsigned kRows, unsigned kColumns>
HEARTH_ALWAYS_INLINE void begin_sums(const PanelProduct& p, unsigned row, bool at_zero) {
  float *first = p.out + 16 * row, *second = p.second_out + 16 * row;
  if (at_zero) for_sums<kRows, kColumns>(first, second, 16 * 16, []<int kT>(float*) HEARTH_LAMBDA { Tiles::template zero<kT>(); });
  else for_sums<kRows, kColumns>(first, second, 16 * 16, []<int kT>(float* from) HEARTH_LAMBDA { Tiles::template load<kT>(from, 64); });
}
template <unsigned kRows, unsigned kColumns>
HEARTH_ALWAYS_INLINE void end_sums(const PanelProduct& p, unsigned row) {
  for_sums<kRows, kColumns>(p.out + 16 * row, p.second_out + 16 * row, 16 * 16, []<int kT>(float* to) HEARTH_LAMBDA { Tiles::template store<kT>(to, 64); });
}

// The pairs of one tile, at `pairs`; a panel's last ones in a copy filled up with 0, for what follows the panel may be no number.
constexpr unsigned kTilePairs = 16;
struct Bf16Panel {
  const Bf16Pair* weights;
  unsigned whole;  // pairs in whole tiles
  alignas(64) Bf16Pair last[kTilePairs] = {};

  HEARTH_ALWAYS_INLINE Bf16Panel(const std::byte* panel, unsigned pairs)
      : weights(reinterpret_cast<const Bf16Pair*>(panel)), whole(pairs / kTilePairs * kTilePairs) {
    for (unsigned i = whole; i < pairs; ++i) Simd::istore(last + i - whole, Simd::iload(weights + i));
  }
  HEARTH_ALWAYS_INLINE const Bf16Pair* tile(unsigned pair) const { return pair < whole ? weights + pair : last; }
};

// 32 rows, or the first sixteen of them, times one panel or two: pairs [begin, end). Sums continue those in memory, unless at 0.
template <unsigned kPanels>
HEARTH_ALWAYS_INLINE void bf16_block(const PanelProduct& p, const Bf16Panel& first, const Bf16Panel& second, unsigned row, unsigned begin,
                                     unsigned end, size_t fetch_bytes) {
  for_block(p.rows - row > 16 ? 2 : 1, kPanels, [&]<unsigned kRows, unsigned kColumns>() HEARTH_LAMBDA {
    begin_sums<kRows, kColumns>(p, row, begin == 0);
    for (unsigned i = begin; i < end; i += kTilePairs) {
      const Bf16Step* x = p.bf16 + 2 * i / kStepInputs * p.step_stride + row;
      const unsigned at = 2 * i % kStepInputs;
      if (fetch_bytes != 0) {
        fetch<kTilePairs * 64>(reinterpret_cast<const std::byte*>(first.weights + i) + fetch_bytes);
        if constexpr (kPanels > 1) fetch<kTilePairs * 64>(reinterpret_cast<const std::byte*>(second.weights + i) + fetch_bytes);
      }
      add_products<kRows, kColumns, 1, 1>(one_piece(x[0].values + at, x[16].values + at, sizeof(Bf16Step)), one_piece(first.tile(i), second.tile(i), 64));
    }
    end_sums<kRows, kColumns>(p, row);
  });
}

// Few rows pass over all inputs at once, where time is reading; many take a step of weights that stays in the first-level cache.
template <unsigned kPanels>
HEARTH_ALWAYS_INLINE void bf16_panels(const PanelProduct& p) {
  const unsigned pairs = (p.columns + 1) / 2, at_once = p.rows <= 32 ? pairs : kStepInputs / 2;
  const Bf16Panel first(p.panel, pairs), second(kPanels > 1 ? p.second : p.panel, kPanels > 1 ? pairs : 0);
  for (unsigned begin = 0; begin < pairs; begin += at_once)
    for (unsigned row = 0; row < p.rows; row += 32)
      bf16_block<kPanels>(p, first, second, row, begin, least(pairs, begin + at_once), row == 0 ? p.fetch_steps * kStepInputs / 2 * sizeof(Bf16Pair) : 0);
}

template <class = void>
void bf16_tile_product(const PanelProduct& p) {
  Tiles::configure(kTilePairs, least(p.rows, 16));
  if (p.second != nullptr) bf16_panels<2>(p);
  else bf16_panels<1>(p);
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
  static constexpr ProductFn *kOf = &bf16_tile_product<>, *kByTiles = kOf;
};

template <class... L>
consteval ProductTable tile_products(LayoutList<L...>, decltype(ProductTable::round_bf16) round_bf16) {
  return {.of = {TileProductOf<L>::kOf...}, .by_tiles = {TileProductOf<L>::kByTiles...}, .round_bf16 = round_bf16};
}

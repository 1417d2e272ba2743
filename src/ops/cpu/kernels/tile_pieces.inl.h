// Products of bf16 through tiles (AMX), of numbers that may be several pieces; written once over Simd and Tiles. What attention and
// bf16 panels have in common.
//
// Two tiles of rows meet two of columns: each that is loaded is multiplied twice. A number is the nearest one of bf16, the one nearest
// to what that leaves, and so on.

using F = Simd::F;

using PairTile = std::byte[16][64];  // sixteen rows of sixteen pairs
constexpr size_t kTileBytes = sizeof(PairTile);

// Stores the pieces of sixteen pairs, one after the other, kTileBytes or any other distance apart. If they hold all of such numbers, the
// last one need not be rounded.
template <unsigned kPieces, bool kHoldAll = false>
HEARTH_ALWAYS_INLINE void store_pieces(std::byte* out, size_t distance, F first, F second) {
  HEARTH_UNROLL
  for (unsigned piece = 0; piece < kPieces; ++piece, out += distance) {
    const bool rounds = !kHoldAll || piece + 1 < kPieces;
    const F first_piece = rounds ? Simd::round_bf16(first) : first, second_piece = rounds ? Simd::round_bf16(second) : second;
    Simd::istore(out, Simd::bf16_pairs(first_piece, second_piece));
    first = Simd::sub(first, first_piece);
    second = Simd::sub(second, second_piece);
  }
}

// One or two tiles, each of several pieces.
struct Operand {
  const std::byte* tiles[2];
  size_t stride;       // of a tile's rows
  size_t piece_bytes;  // from one piece to the next
};

// Which piece of the rows meets which of the columns, in an order in which one of the two is loaded already.
struct PiecePair {
  unsigned row, column;
};
template <unsigned kRowPieces, unsigned kColumnPieces>
inline constexpr PiecePair kPiecePairs[] = {{1, 0}, {0, 0}, {0, 1}};
template <unsigned kRowPieces>
inline constexpr PiecePair kPiecePairs<kRowPieces, 1>[] = {{1, 0}, {0, 0}};
template <>
inline constexpr PiecePair kPiecePairs<1, 1>[] = {{0, 0}};
template <>
inline constexpr PiecePair kPiecePairs<3, 3>[] = {{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}, {0, 2}};

// Sums of rows r and columns c, tile 2 * r + c, += the pieces of rows in tiles 4 and 5 times those of columns in 6 and 7.
template <unsigned kRows, unsigned kColumns, unsigned kRowPieces, unsigned kColumnPieces>
HEARTH_ALWAYS_INLINE void add_products(const Operand& rows, const Operand& columns) {
  constexpr auto& kPairs = kPiecePairs<kRowPieces, kColumnPieces>;
  const auto add = [&]<size_t kAt>() HEARTH_LAMBDA {
    constexpr PiecePair pair = kPairs[kAt];
    if constexpr (kAt == 0 || pair.row != kPairs[kAt - (kAt > 0)].row) {
      Tiles::template load<4>(rows.tiles[0] + pair.row * rows.piece_bytes, rows.stride);
      if constexpr (kRows > 1) Tiles::template load<5>(rows.tiles[1] + pair.row * rows.piece_bytes, rows.stride);
    }
    if constexpr (kAt == 0 || pair.column != kPairs[kAt - (kAt > 0)].column) {
      Tiles::template load<6>(columns.tiles[0] + pair.column * columns.piece_bytes, columns.stride);
      if constexpr (kColumns > 1) Tiles::template load<7>(columns.tiles[1] + pair.column * columns.piece_bytes, columns.stride);
    }
    Tiles::template dot_bf16<0, 4, 6>();
    if constexpr (kColumns > 1) Tiles::template dot_bf16<1, 4, 7>();
    if constexpr (kRows > 1) Tiles::template dot_bf16<2, 5, 6>();
    if constexpr (kRows > 1 && kColumns > 1) Tiles::template dot_bf16<3, 5, 7>();
  };
  [&]<size_t... kAt>(std::index_sequence<kAt...>) HEARTH_LAMBDA { (add.template operator()<kAt>(), ...); }
  (std::make_index_sequence<std::size(kPairs)>());
}

// Calls body<rows, columns>() for one or two tiles of each.
template <class Body>
HEARTH_ALWAYS_INLINE void for_block(unsigned rows, unsigned columns, Body body) {
  if (rows > 1 && columns > 1) body.template operator()<2, 2>();
  else if (rows > 1) body.template operator()<2, 1>();
  else if (columns > 1) body.template operator()<1, 2>();
  else body.template operator()<1, 1>();
}

// Does to<t>(place of sums t) for the sums of a block: the first rows', of both columns, and `below` numbers further the others'.
template <unsigned kRows, unsigned kColumns, class To>
HEARTH_ALWAYS_INLINE void for_sums(float* first, float* second, size_t below, To to) {
  to.template operator()<0>(first);
  if constexpr (kColumns > 1) to.template operator()<1>(second);
  if constexpr (kRows > 1) to.template operator()<2>(first + below);
  if constexpr (kRows > 1 && kColumns > 1) to.template operator()<3>(second + below);
}

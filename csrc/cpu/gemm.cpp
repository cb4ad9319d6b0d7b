#include "gemm.h"

#include <algorithm>
#include <array>

namespace fastnn::cpu {

namespace {

// ---- Tiles: H rows times NV vectors of C, held in registers while k runs ----------------------------------

enum class Start { zero, bias, c };

// One tile's operands; `last` is the number of columns in the last vector.
template <class T>
struct Tile {
  const T* a;
  const T* b;
  T* c;
  const T* bias;
  std::int64_t a_row, a_col, a_outer, b_row, b_outer, c_row;
  std::int64_t inner, outer;
  std::int64_t last;
  Start start;
};

template <int N, class F>
FASTNN_INLINE void unrolled(F f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

// Tail: the last vector is partial.
template <class T, int H, int NV, bool Tail>
void run_tile(const Tile<T>& t) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const std::int64_t last = t.last;
  const auto get = [last](const T* p, auto v) __attribute__((always_inline)) {
    if constexpr (Tail && v == NV - 1) {
      return load_partial<V>(p + v * L, last);
    } else {
      return load<V>(p + v * L);
    }
  };
  V sum[H][NV];
  if (t.start == Start::zero) {
    unrolled<H>([&](auto h) { unrolled<NV>([&](auto v) { sum[h][v] = zero<V>(); }); });
  } else if (t.start == Start::bias) {
    unrolled<NV>([&](auto v) {
      const V x = get(t.bias, v);
      unrolled<H>([&](auto h) { sum[h][v] = x; });
    });
  } else {
    unrolled<H>([&](auto h) { unrolled<NV>([&](auto v) { sum[h][v] = get(t.c + h * t.c_row, v); }); });
  }
  const T* a_outer = t.a;
  const T* b_outer = t.b;
  const std::int64_t a_row = t.a_row;
  for (std::int64_t o = 0; o < t.outer; ++o, a_outer += t.a_outer, b_outer += t.b_outer) {
    const T* a = a_outer;
    const T* b = b_outer;
    for (std::int64_t k = 0; k < t.inner; ++k, a += t.a_col, b += t.b_row) {
      V y[NV];
      unrolled<NV>([&](auto v) __attribute__((always_inline)) { y[v] = get(b, v); });
      unrolled<H>([&](auto h) __attribute__((always_inline)) {
        const V x = broadcast<V>(a[h * a_row]);
        unrolled<NV>([&](auto v) __attribute__((always_inline)) { sum[h][v] = fma(x, y[v], sum[h][v]); });
      });
    }
  }
  unrolled<H>([&](auto h) {
    T* c = t.c + h * t.c_row;
    unrolled<NV>([&](auto v) {
      if constexpr (Tail && v == NV - 1) {
        store_partial<V>(c + v * L, sum[h][v], last);
      } else {
        store(c + v * L, sum[h][v]);
      }
    });
  });
}

// ---- Which tiles: functions of the shape and the number of registers only ---------------------------------

constexpr bool many_registers = vector_registers >= 32;
constexpr int max_vectors = many_registers ? 4 : 2;  // widest tile of more than one row
constexpr int max_vectors_one_row = 8;               // one row needs many vectors to hide fma's latency
constexpr int max_rows = 14;

// The tallest tile for a width.
constexpr int tallest(int vectors) {
  if (many_registers) return vectors == 1 ? 14 : vectors == 2 ? 12 : vectors == 3 ? 8 : vectors == 4 ? 6 : 1;
  return vectors == 1 ? 8 : vectors == 2 ? (has_fma ? 6 : 4) : 1;
}

// Heights that are compiled; others are made of two of them.
constexpr bool has_height(int rows, int vectors) {
  return rows >= 1 && rows <= tallest(vectors) && (rows <= 6 || rows == 8 || rows == tallest(vectors));
}

template <class T>
using TileFn = void (*)(const Tile<T>&);
template <class T>
using TileTable = std::array<std::array<TileFn<T>, max_rows + 1>, max_vectors_one_row + 1>;

template <class T, bool Tail>
constexpr TileTable<T> make_tiles() {
  TileTable<T> table{};
  [&]<int... V>(std::integer_sequence<int, V...>) {
    (
        [&]<int NV, int... H>(std::integral_constant<int, NV>, std::integer_sequence<int, H...>) {
          (
              [&]<int Rows>(std::integral_constant<int, Rows>) {
                if constexpr (has_height(Rows, NV)) table[NV][Rows] = run_tile<T, Rows, NV, Tail>;
              }(std::integral_constant<int, H + 1>{}),
              ...);
        }(std::integral_constant<int, V + 1>{}, std::make_integer_sequence<int, max_rows>{}),
        ...);
  }(std::make_integer_sequence<int, max_vectors_one_row>{});
  return table;
}

template <class T>
constexpr TileTable<T> full_tiles = make_tiles<T, false>();
template <class T>
constexpr TileTable<T> tail_tiles = make_tiles<T, true>();

// Rows of the next tile when `rest` rows are left.
int tile_rows(std::int64_t rest, int vectors) {
  if (rest >= tallest(vectors)) return tallest(vectors);
  int rows = static_cast<int>(rest);
  if (!has_height(rows, vectors)) rows = rows == 13 ? 8 : (rows + 1) / 2;
  return rows;
}

// Columns are cut into panels of nearly equal numbers of vectors, the wider ones first.
template <class T>
struct Panels {
  std::int64_t vectors, count;
  Panels(std::int64_t columns, std::int64_t rows) {
    constexpr int L = vector_lanes<T>;
    const int widest = rows == 1 ? max_vectors_one_row : max_vectors;
    vectors = (columns + L - 1) / L;
    count = (vectors + widest - 1) / widest;
  }
  // First vector of a panel.
  std::int64_t begin(std::int64_t panel) const {
    return panel * (vectors / count) + std::min(panel, vectors % count);
  }
};

// ---- Packing ----------------------------------------------------------------------------------------------
//
// k is cut into blocks, so that a panel of B stays in a cache while the rows of A pass. Copying that panel to
// consecutive memory pays for many rows; for fewer where rows of B are so far apart that their lines share a
// few places in the cache, and the panel takes one or two lines of each. Copying A pays where it is
// transposed (its columns then share places, too) and many panels read it. Thresholds are measured ones.

constexpr std::int64_t block_k_bytes = 2048;       // of one column of B
constexpr std::int64_t block_a_bytes = 384 << 10;  // of a packed block of A
constexpr std::int64_t pack_rows = 192;
constexpr std::int64_t pack_rows_aliased = 32;
constexpr std::int64_t pack_b_bytes = 64 << 10;
constexpr std::int64_t pack_a_columns = 256;
constexpr std::int64_t aliased_bytes = 2048;

template <class T>
constexpr std::int64_t block_k = block_k_bytes / static_cast<int>(sizeof(T));
constexpr std::int64_t block_m = block_a_bytes / block_k_bytes;

template <class T>
bool packs_b(const Gemm<T>& g) {
  constexpr std::int64_t size = sizeof(T);
  if (g.b_col != 1) return true;
  const bool aliased = g.b_row * size % aliased_bytes == 0 && max_vectors * vector_bytes <= 128;
  return g.m >= (aliased ? pack_rows_aliased : pack_rows) && g.n * g.inner * g.outer * size >= pack_b_bytes;
}

template <class T>
bool packs_a(const Gemm<T>& g) {
  return packs_b(g) && g.n >= pack_a_columns && g.a_row == 1 && g.a_col != 1;
}

// Elements of scratch for a panel of B; A's follows it.
template <class T>
std::int64_t packed_b_size(const Gemm<T>& g) {
  constexpr std::int64_t L = vector_lanes<T>;
  return std::min<std::int64_t>((g.n + L - 1) / L, max_vectors) * L * std::min(g.inner * g.outer, block_k<T>);
}

// What is done at once: some rows of C and a block of k, which has two levels: rounds of the outer loop, or a
// part of one.
template <class T>
struct Block {
  const T* a;
  const T* b;
  std::int64_t inner, outer;
  std::int64_t first_row, end_row;
  Start start;
  bool finished;  // k ends here
  T* packed_a;    // null: not packed
  T* packed_b;
};

// The same where B's columns are contiguous: squares of it are transposed on the way.
template <class T>
void pack_transposed_b(const Gemm<T>& g, const Block<T>& block, std::int64_t first, std::int64_t columns,
                       T* dst) {
  constexpr int L = vector_lanes<T>;
  const std::int64_t width = (columns + L - 1) / L * L;
  for (std::int64_t o = 0; o < block.outer; ++o, dst += block.inner * width) {
    const T* b = block.b + o * g.b_outer + first * g.b_col;
    for (std::int64_t j = 0; j < columns; j += L) {
      const int height = static_cast<int>(std::min<std::int64_t>(L, columns - j));
      for (std::int64_t i = 0; i < block.inner; i += L) {
        const int depth = static_cast<int>(std::min<std::int64_t>(L, block.inner - i));
        const T* s = b + j * g.b_col + i;
        T* d = dst + i * width + j;
        if (height == L && depth == L) {
          transpose<T, L>(s, g.b_col, d, width);
        } else {
          for (int k = 0; k < depth; ++k) store(d + k * width, zero<Vec<T, L>>());
          transpose_partial<T, L>(s, g.b_col, height, depth, d, width);
        }
      }
    }
  }
}

// Copies columns of B to k rows of `vectors` whole vectors, filled up with zeros.
template <class T>
void pack_b(const Gemm<T>& g, const Block<T>& block, std::int64_t first, std::int64_t columns, T* dst) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  if (g.b_col != 1) {
    pack_transposed_b(g, block, first, columns, dst);
    return;
  }
  for (std::int64_t o = 0; o < block.outer; ++o) {
    const T* b = block.b + o * g.b_outer + first;
    for (std::int64_t i = 0; i < block.inner; ++i, b += g.b_row) {
      std::int64_t j = 0;
      for (; j + L <= columns; j += L, dst += L) store(dst, load<V>(b + j));
      if (j < columns) {
        store(dst, load_partial<V>(b + j, columns - j));
        dst += L;
      }
    }
  }
}

// Copies rows of a transposed A (a_row is 1) so that those of one k lie together: dst[k * rows + row].
template <class T>
void pack_a(const Gemm<T>& g, const Block<T>& block, std::int64_t first, std::int64_t rows, T* dst) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  for (std::int64_t o = 0; o < block.outer; ++o) {
    const T* a = block.a + first + o * g.a_outer;
    for (std::int64_t k = 0; k < block.inner; ++k, a += g.a_col, dst += rows) {
      for (std::int64_t r = 0; r < rows; r += L) {
        const std::int64_t count = std::min<std::int64_t>(L, rows - r);
        store_partial(dst + r, load_partial<V>(a + r, count), count);
      }
    }
  }
}

template <class T>
void run_block(const Gemm<T>& g, const Block<T>& block, const GemmFinish<T>& finish) {
  constexpr int L = vector_lanes<T>;
  const Panels<T> panels(g.n, g.b_col == 1 ? g.m : max_rows);  // packed panels are no wider than max_vectors
  int packed_width = 0;                                        // tiles have other heights for other widths
  for (std::int64_t p = 0; p < panels.count; ++p) {
    const std::int64_t first = panels.begin(p) * L;
    const int vectors = static_cast<int>(panels.begin(p + 1) - panels.begin(p));
    const std::int64_t columns = std::min<std::int64_t>(vectors * L, g.n - first);
    Tile<T> t;
    t.inner = block.inner, t.outer = block.outer;
    t.a_row = g.a_row, t.a_col = g.a_col, t.a_outer = g.a_outer;
    t.b = block.b + first * g.b_col, t.b_row = g.b_row, t.b_outer = g.b_outer;
    t.c_row = g.c_row;
    t.bias = g.bias != nullptr ? g.bias + first : nullptr;
    t.last = columns - (vectors - 1) * L;
    t.start = block.start;
    if (block.packed_b != nullptr) {
      pack_b(g, block, first, columns, block.packed_b);
      t.b = block.packed_b, t.b_row = vectors * L, t.b_outer = block.inner * vectors * L;
    }
    const auto& tiles = (columns < vectors * L ? tail_tiles<T> : full_tiles<T>)[vectors];
    for (std::int64_t m = block.first_row; m < block.end_row;) {
      const int rows = tile_rows(block.end_row - m, vectors);
      t.a = block.a + m * g.a_row;
      t.c = g.c + m * g.c_row + first;
      if (block.packed_a != nullptr) {
        T* a = block.packed_a + (m - block.first_row) * block.inner * block.outer;
        if (vectors != packed_width) pack_a(g, block, m, rows, a);
        t.a = a, t.a_row = 1, t.a_col = rows, t.a_outer = block.inner * rows;
      }
      tiles[rows](t);
      if (block.finished && finish.apply != nullptr)
        finish.apply(finish.context, t.c, t.c_row, rows, columns);
      m += rows;
    }
    packed_width = vectors;
  }
}

}  // namespace

template <class T>
std::int64_t gemm_scratch(const Gemm<T>& g) {
  if (!packs_b(g)) return 0;
  const std::int64_t k = std::min(g.inner * g.outer, block_k<T>);
  const std::int64_t a_size = packs_a(g) ? std::min(g.m, block_m) * k : 0;
  return (packed_b_size(g) + a_size) * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
void gemm(const Gemm<T>& g, std::byte* scratch, GemmFinish<T> finish) {
  if (g.m <= 0 || g.n <= 0) return;
  Block<T> block{};
  if (scratch != nullptr && packs_b(g)) {
    block.packed_b = reinterpret_cast<T*>(scratch);
    if (packs_a(g)) block.packed_a = block.packed_b + packed_b_size(g);
  }
  // k is cut only where its panel of B is packed or read again, rows only where they are packed.
  const bool whole = (g.m <= max_rows && g.b_col == 1) || g.inner * g.outer <= block_k<T>;
  const std::int64_t inner = whole ? g.inner : std::min(g.inner, block_k<T>);
  const std::int64_t outer = whole ? g.outer : inner < g.inner ? 1 : block_k<T> / g.inner;
  const std::int64_t row_blocks = block.packed_a != nullptr ? (g.m + block_m - 1) / block_m : 1;
  for (std::int64_t r = 0; r < row_blocks; ++r) {
    block.first_row = r * g.m / row_blocks;
    block.end_row = (r + 1) * g.m / row_blocks;
    std::int64_t o = 0, i = 0;
    do {
      const bool begun = o > 0 || i > 0;
      block.start = g.accumulate || begun ? Start::c : g.bias != nullptr ? Start::bias : Start::zero;
      block.a = g.a + o * g.a_outer + i * g.a_col;
      block.b = g.b + o * g.b_outer + i * g.b_row;
      block.inner = std::min(inner, g.inner - i);
      block.outer = std::min(outer, g.outer - o);
      i += block.inner;
      if (i >= g.inner) i = 0, o += block.outer;
      block.finished = o >= g.outer;
      run_block(g, block, finish);
    } while (!block.finished);
  }
}

template <class T>
void transpose_matrix(const T* src, std::int64_t rows, std::int64_t cols, std::int64_t src_row, T* dst,
                      std::int64_t dst_row) {
  constexpr int L = vector_lanes<T>;
  // Stripes of source rows, so that whole cache lines of dst are written one after the other.
  for (std::int64_t i = 0; i < rows; i += L) {
    const int height = static_cast<int>(std::min<std::int64_t>(L, rows - i));
    for (std::int64_t j = 0; j < cols; j += L) {
      const int width = static_cast<int>(std::min<std::int64_t>(L, cols - j));
      const T* s = src + i * src_row + j;
      T* d = dst + j * dst_row + i;
      if (height == L && width == L) {
        transpose<T, L>(s, src_row, d, dst_row);
      } else {
        transpose_partial<T, L>(s, src_row, height, width, d, dst_row);
      }
    }
  }
}

#define FASTNN_GEMM(T)                                              \
  template std::int64_t gemm_scratch<T>(const Gemm<T>&);            \
  template void gemm<T>(const Gemm<T>&, std::byte*, GemmFinish<T>); \
  template void transpose_matrix<T>(const T*, std::int64_t, std::int64_t, std::int64_t, T*, std::int64_t);
FASTNN_GEMM(float)
FASTNN_GEMM(double)
#undef FASTNN_GEMM

}  // namespace fastnn::cpu

#include "gemm_bfloat16.h"

#include <algorithm>
#include <array>

#include "core/memory.h"
#include "cpu/kernels.h"
#include "cpu/simd_bfloat16.h"

namespace fastnn::cpu {

namespace {

constexpr int L = vector_lanes<float>;
using V = Vec<float, L>;

// ---- Tiles: rows times vectors of C, held in registers while a block of k runs ----------------------------

// The multiply-add's latency of 6 cycles, two a cycle, wants 12 sums and more.
constexpr int kRows = vector_registers >= 32 ? 8 : 4;
constexpr int kVectors = 3;
// A block of A and one of B fit the second-level cache together, a panel of B nearly the first-level cache.
constexpr std::int64_t kBlockPairs = 192;  // of k
constexpr std::int64_t kBlockRows = 256;
constexpr std::int64_t kBlockVectors = 24;  // of columns

enum class Start { zero, bias, c };

// `last` is the number of columns in the last vector. A is [row][k], or k by k the tile's rows.
template <class Cell>
struct Tile {
  const Cell* a;
  const Cell* b;
  float* c;
  const float* bias;
  std::int64_t a_row, a_col, c_row;
  std::int64_t depth;
  std::int64_t last;
  Start start;
};

template <class Pairs, int H, int NV>
void run_tile(const Tile<typename Pairs::Cell>& t) {
  using Cell = typename Pairs::Cell;
  using Cells = Vec<Cell, L>;
  const auto get = [&](const float* p, int v) __attribute__((always_inline)) {
    return v == NV - 1 ? load_partial<V>(p + v * L, t.last) : load<V>(p + v * L);
  };
  V sum[H][NV];
  // The lines of C arrive while the sums are made.
  if (t.start != Start::c) {
    for (int h = 0; h < H; ++h) {
      for (int v = 0; v < NV; ++v) __builtin_prefetch(t.c + h * t.c_row + v * L, 1);
    }
  }
  unroll<NV>([&](auto v) {
    const V bias = t.start == Start::bias ? get(t.bias, v) : zero<V>();
    unroll<H>([&](auto h) { sum[h][v] = t.start == Start::c ? get(t.c + h * t.c_row, v) : bias; });
  });
  const Cell* a = t.a;
  const Cell* b = t.b;
  const std::int64_t a_row = t.a_row, a_col = t.a_col;
  for (std::int64_t k = 0; k < t.depth; ++k, a += a_col, b += NV * L) {
    Cells y[NV];
    unroll<NV>([&](auto v) { y[v] = hold(load<Cells>(b + v * L)); });
    unroll<H>([&](auto h) {
      const Cells x = hold(broadcast<Cells>(a[h * a_row]));
      unroll<NV>([&](auto v) { sum[h][v] = Pairs::multiply_add(x, y[v], sum[h][v]); });
    });
  }
  unroll<H>([&](auto h) {
    unroll<NV>([&](auto v) {
      float* c = t.c + h * t.c_row + v * L;
      if (v < NV - 1 || t.last == L) {
        store(c, sum[h][v]);
      } else {
        store_partial(c, sum[h][v], t.last);
      }
    });
  });
}

template <class Pairs>
struct Tiles {
  using Fn = void (*)(const Tile<typename Pairs::Cell>&);
  static constexpr auto table = []<size_t... I>(std::index_sequence<I...>) {
    return std::array<Fn, sizeof...(I)>{
        run_tile<Pairs, static_cast<int>(I) % kRows + 1, static_cast<int>(I) / kRows + 1>...};
  }(std::make_index_sequence<static_cast<size_t>(kRows* kVectors)>{});
  static Fn at(std::int64_t rows, std::int64_t vectors) {
    return table[static_cast<size_t>((vectors - 1) * kRows + rows - 1)];
  }
};

// ---- Packing ----------------------------------------------------------------------------------------------

// Vectors of columns are cut into panels of nearly equal numbers.
struct Panels {
  std::int64_t vectors, count;
  explicit Panels(std::int64_t columns)
      : vectors((columns + L - 1) / L), count((vectors + kVectors - 1) / kVectors) {}
  std::int64_t begin(std::int64_t panel) const { return panel * vectors / count; }
};

template <class Pairs>
struct Packer {
  using Cell = typename Pairs::Cell;
  static constexpr std::int64_t cells = Pairs::pair_cells;

  // Cells from row to row of A: whole vectors, and one more so that rows do not meet in one set of a cache.
  static constexpr std::int64_t row_cells = kBlockPairs * cells + L;

  // Rows of A: [row][k].
  static void rows_of_a(const float* a, std::int64_t a_row, std::int64_t rows, std::int64_t depth, Cell* to) {
    for (std::int64_t r = 0; r < rows; ++r, a += a_row, to += row_cells) {
      std::int64_t k = 0;
      for (; k + 2 * L <= depth; k += 2 * L) {
        Pairs::round_row(load<V>(a + k), load<V>(a + k + L), to + k / 2 * cells);
      }
      if (k < depth) {
        const std::int64_t rest = depth - k, one = std::min<std::int64_t>(rest, L);
        Pairs::round_row(load_partial<V>(a + k, one), load_partial<V>(a + k + one, rest - one),
                         to + k / 2 * cells);
      }
    }
  }

  static constexpr std::int64_t kAhead = 8;

  // Pairs of rows of a matrix, `columns` of them from `from` on: body(pair, column, even, odd) with vectors.
  template <class Body>
  static FASTNN_INLINE void for_pairs(const float* from, std::int64_t row, std::int64_t depth,
                                      std::int64_t columns, Body body) {
    for (std::int64_t k = 0; k < depth; k += 2, from += 2 * row) {
      const float* other = k + 1 < depth ? from + row : nullptr;
      // Rows are far apart, so that the processor does not foresee the next ones.
      const float* ahead = from + (k + kAhead < depth ? kAhead * row : 0);
      std::int64_t j = 0;
      for (; j + L <= columns; j += L) {
        __builtin_prefetch(ahead + j);
        __builtin_prefetch(ahead + row + j);
        body(k / 2, j, load<V>(from + j), other != nullptr ? load<V>(other + j) : zero<V>());
      }
      if (j < columns) {
        body(k / 2, j, load_partial<V>(from + j, columns - j),
             other != nullptr ? load_partial<V>(other + j, columns - j) : zero<V>());
      }
    }
  }

  // Columns of A, in groups of kRows: [group][k][kRows].
  static void columns_of_a(const float* a, std::int64_t a_col, std::int64_t rows, std::int64_t depth,
                           Cell* to) {
    const std::int64_t group_cells = (depth + 1) / 2 * cells * kRows;
    static_assert(L % kRows == 0 || kRows % L == 0);
    for_pairs(a, a_col, depth, rows, [&](std::int64_t pair, std::int64_t j, V even, V odd) {
      Cell vectors[2 * L];
      Pairs::round_pairs(even, odd, vectors, L);
      for (std::int64_t c = 0; c < cells; ++c) {
        constexpr int kRun = std::min(L, kRows);
        for (int i = 0; i < L; i += kRun) {
          const std::int64_t at = j + i;
          if (at >= rows) break;
          Cell* group = to + at / kRows * group_cells + (pair * cells + c) * kRows + at % kRows;
          store(group, load<Vec<Cell, kRun>>(vectors + c * L + i));
        }
      }
    });
  }

  // Rows of B, in panels of columns: [panel][k][width].
  static void rows_of_b(const float* b, std::int64_t b_row, std::int64_t depth, std::int64_t columns,
                        const Panels& panels, Cell* to) {
    const std::int64_t height = (depth + 1) / 2 * cells;
    std::int64_t panel = 0, begin = 0, width = 0;
    for_pairs(b, b_row, depth, columns, [&](std::int64_t pair, std::int64_t j, V even, V odd) {
      if (j == 0) panel = begin = width = 0;
      if (j == begin + width) {
        begin = panels.begin(panel) * L;
        width = panels.begin(++panel) * L - begin;
      }
      Pairs::round_pairs(even, odd, to + begin * height + pair * cells * width + (j - begin), width);
    });
  }

  // A panel of B where its columns are contiguous.
  static void columns_of_b(const float* b, std::int64_t b_col, std::int64_t depth, std::int64_t columns,
                           Cell* to) {
    const std::int64_t width = (columns + L - 1) / L * L;
    using Cells = Vec<Cell, L>;
    constexpr std::int64_t kStep = 2 * L / cells;  // of k: L cells
    const std::int64_t height = (depth + 1) / 2 * cells;
    for (std::int64_t j = 0; j < columns; j += L) {
      for (std::int64_t k = 0; k < depth; k += kStep) {
        Cells block[L];
        for (int i = 0; i < L; ++i) {
          Cell row[2 * L];
          const float* from = b + (j + i) * b_col + k;
          const std::int64_t rest = j + i < columns ? std::min<std::int64_t>(kStep, depth - k) : 0;
          const std::int64_t one = std::min<std::int64_t>(rest, L);
          if (rest == 2 * L) {
            Pairs::round_row(load<V>(from), load<V>(from + L), row);
          } else {
            Pairs::round_row(load_partial<V>(from, one), load_partial<V>(from + one, rest - one), row);
          }
          block[i] = load<Cells>(row);
        }
        detail::transpose_registers<Cell, L>(block);
        const std::int64_t first = k / 2 * cells;
        for (std::int64_t i = 0; i < std::min<std::int64_t>(L, height - first); ++i) {
          store(to + (first + i) * width + j, block[i]);
        }
      }
    }
  }
};

// ---- Few rows: B is rounded in registers, for it is used once ---------------------------------------------

constexpr int direct_vectors(int rows) { return rows == 1 ? 8 : rows == 2 ? 6 : rows <= 4 ? 4 : 3; }

// Columns [first, first + columns) of g, for the numbers [k, k + depth). NV vectors, the last one partial.
template <class Pairs, int H, int NV>
void run_direct(const Gemm<float>& g, std::int64_t k, std::int64_t depth, const typename Pairs::Cell* a,
                std::int64_t first, std::int64_t columns) {
  constexpr std::int64_t row_cells = Packer<Pairs>::row_cells;
  const std::int64_t last = columns - (NV - 1) * L;
  const auto get = [last](const float* p, int v) __attribute__((always_inline)) {
    return v == NV - 1 ? load_partial<V>(p + v * L, last) : load<V>(p + v * L);
  };
  V sum[H][NV];
  unroll<NV>([&](auto v) {
    const V bias = g.bias != nullptr ? get(g.bias + first, v) : zero<V>();
    unroll<H>([&](auto h) { sum[h][v] = g.accumulate || k > 0 ? get(g.c + h * g.c_row + first, v) : bias; });
  });
  const float* b = g.b + k * g.b_row + first;
  for (std::int64_t i = 0; i < depth; i += 2, b += 2 * g.b_row, a += Pairs::pair_cells) {
    const bool whole = i + 1 < depth;
    unroll<NV>([&](auto v) {
      const auto held = Pairs::held(get(b, v), whole ? get(b + g.b_row, v) : zero<V>());
      unroll<H>([&](auto h) { sum[h][v] = Pairs::multiply_add(a + h * row_cells, held, sum[h][v]); });
    });
  }
  unroll<H>([&](auto h) {
    unroll<NV>([&](auto v) {
      float* c = g.c + h * g.c_row + first + v * L;
      store_partial(c, sum[h][v], v == NV - 1 ? last : L);
    });
  });
}

template <class Pairs, int H>
void run_direct_row(const Gemm<float>& g, std::int64_t k, std::int64_t depth, const typename Pairs::Cell* a) {
  constexpr int NV = direct_vectors(H);
  std::int64_t first = 0;
  for (; g.n - first > (NV - 1) * L; first += NV * L) {
    run_direct<Pairs, H, NV>(g, k, depth, a, first, std::min<std::int64_t>(g.n - first, NV * L));
  }
  for (; first < g.n; first += L) {
    run_direct<Pairs, H, 1>(g, k, depth, a, first, std::min<std::int64_t>(g.n - first, L));
  }
}

template <class Pairs>
struct DirectRows {
  using Fn = void (*)(const Gemm<float>&, std::int64_t, std::int64_t, const typename Pairs::Cell*);
  static constexpr auto table = []<size_t... I>(std::index_sequence<I...>) {
    return std::array<Fn, sizeof...(I)>{run_direct_row<Pairs, static_cast<int>(I) + 1>...};
  }(std::make_index_sequence<static_cast<size_t>(kRows)>{});
};

// ---- All together -----------------------------------------------------------------------------------------

// A block of rows and columns, for the numbers [k, k + depth).
template <class Pairs>
void multiply_block(const Gemm<float>& g, std::int64_t k, std::int64_t depth,
                    const typename Pairs::Cell* packed_a, typename Pairs::Cell* packed_b,
                    const GemmFinish<float>& finish) {
  using Pack = Packer<Pairs>;
  const Panels panels(g.n);
  Tile<typename Pairs::Cell> t{};
  t.c_row = g.c_row;
  t.depth = (depth + 1) / 2 * Pairs::pair_cells;
  t.a_row = g.a_col == 1 ? Pack::row_cells : 1;
  t.a_col = g.a_col == 1 ? 1 : kRows;
  t.start = g.accumulate || k > 0 ? Start::c : g.bias != nullptr ? Start::bias : Start::zero;
  const float* b = g.b + k * g.b_row;
  if (g.b_col == 1) Pack::rows_of_b(b, g.b_row, depth, g.n, panels, packed_b);
  for (std::int64_t p = 0; p < panels.count; ++p) {
    const std::int64_t first = panels.begin(p) * L, width = panels.begin(p + 1) * L - first;
    const std::int64_t columns = std::min(width, g.n - first);
    auto* panel = packed_b + first * t.depth;
    if (g.b_col != 1) Pack::columns_of_b(b + first * g.b_col, g.b_col, depth, columns, panel);
    t.b = panel;
    t.bias = g.bias != nullptr ? g.bias + first : nullptr;
    t.last = columns - (width - L);
    for (std::int64_t m = 0; m < g.m; m += kRows) {
      const std::int64_t rows = std::min<std::int64_t>(kRows, g.m - m);
      t.a = packed_a + m * (g.a_col == 1 ? t.a_row : t.depth);
      t.c = g.c + m * g.c_row + first;
      Tiles<Pairs>::at(rows, width / L)(t);
      if (k + depth >= g.inner && finish.apply != nullptr) {
        finish.apply(finish.context, t.c, t.c_row, rows, columns);
      }
    }
  }
}

// A block of rows.
template <class Pairs>
void multiply(const Gemm<float>& g, typename Pairs::Cell* packed_a, typename Pairs::Cell* packed_b,
              const GemmFinish<float>& finish) {
  using Pack = Packer<Pairs>;
  // Narrow stripes of many far rows are read slowly; packing reads whole rows.
  constexpr std::int64_t kNear = 1 << 17;
  const bool is_direct = g.a_col == 1 && g.b_col == 1 && g.m <= kRows && (g.m <= 4 || g.n * g.inner <= kNear);
  std::int64_t k = 0;
  do {
    const std::int64_t depth = std::min(2 * kBlockPairs, g.inner - k);
    if (g.a_col == 1) {
      Pack::rows_of_a(g.a + k, g.a_row, g.m, depth, packed_a);
    } else {
      Pack::columns_of_a(g.a + k * g.a_col, g.a_col, g.m, depth, packed_a);
    }
    if (is_direct) {
      DirectRows<Pairs>::table[static_cast<size_t>(g.m - 1)](g, k, depth, packed_a);
      if (k + depth >= g.inner && finish.apply != nullptr) {
        finish.apply(finish.context, g.c, g.c_row, g.m, g.n);
      }
      k += depth;
      continue;
    }
    for (std::int64_t n = 0; n < g.n; n += kBlockVectors * L) {
      Gemm<float> part = g;
      part.n = std::min<std::int64_t>(kBlockVectors * L, g.n - n);
      part.b += n * g.b_col;
      part.c += n;
      if (part.bias != nullptr) part.bias += n;
      multiply_block<Pairs>(part, k, depth, packed_a, packed_b, finish);
    }
    k += depth;
  } while (k < g.inner);
}

template <class Pairs>
std::int64_t cells_of_a(const Gemm<float>& g) {
  const std::int64_t rows = (std::min(g.m, kBlockRows) + kRows - 1) / kRows * kRows;
  return (rows * Packer<Pairs>::row_cells + 15) / 16 * 16;
}

}  // namespace

std::int64_t gemm_bfloat16_scratch(const Gemm<float>& g) {
  return with_bfloat16([&]<class Pairs>() {
    const std::int64_t vectors = std::min((g.n + L - 1) / L, kBlockVectors);
    return (cells_of_a<Pairs>(g) + vectors * L * kBlockPairs * Pairs::pair_cells) *
           static_cast<std::int64_t>(sizeof(float));
  });
}

void gemm_bfloat16(const Gemm<float>& g, std::byte* scratch, GemmFinish<float> finish) {
  if (g.m <= 0 || g.n <= 0) return;
  with_bfloat16([&]<class Pairs>() {
    using Cell = typename Pairs::Cell;
    const std::int64_t blocks = (g.m + kBlockRows - 1) / kBlockRows;
    for (std::int64_t i = 0; i < blocks; ++i) {
      const std::int64_t first = i * kBlockRows;
      Gemm<float> part = g;
      part.m = std::min(kBlockRows, g.m - first);
      part.a += first * g.a_row;
      part.c += first * g.c_row;
      Cell* packed_a = reinterpret_cast<Cell*>(scratch);
      multiply<Pairs>(part, packed_a, packed_a + cells_of_a<Pairs>(part), finish);
    }
  });
}

}  // namespace fastnn::cpu

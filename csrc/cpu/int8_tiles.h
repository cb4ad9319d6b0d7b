// The product of int8_product.h in tiles of registers. Included by the files that compile it, with and
// without the processor's instruction for four products of bytes; everything is local to the file.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "cpu/activation.h"
#include "cpu/int8_panels.h"
#include "cpu/int8_product.h"
#include "cpu/kernels.h"
#include "cpu/simd_int8.h"

namespace fastnn::cpu {
namespace {

using I = Int8Lanes;
using F = Vec<float, kInt8Lanes>;
using Bytes = Vec<std::uint8_t, kInt8Lanes>;

// Rows of the tallest tile for a width: as many sums as registers allow beside the weights and a row's bytes,
// which take twice the registers without a native dot4.
constexpr int kTallest = kInt8MostVectors == 4 ? (has_native_dot4 ? 6 : 4) : (has_native_dot4 ? 6 : 4);
constexpr int tallest(int vectors) { return vectors <= 2 && kInt8MostVectors == 4 ? 8 : kTallest; }
constexpr int kMostRows = 8;
constexpr bool has_height(int rows, int vectors) {
  return rows == 1 || rows == 2 || rows == 4 || rows == tallest(vectors);
}

struct Tile {
  const std::uint8_t* rows[kMostRows];
  const Int8Rows* geometry;
  const std::int8_t* weights;
  const std::int32_t* weight_sums;  // of the panel's outputs
  const Int8Finish* finish;
  std::int64_t first;  // output of the panel's first column
  std::int64_t n;
  std::int64_t last;  // columns in the last vector
  std::byte* out;     // of the tile's first row, column 0
  bool overrun;       // whole vectors may be written at the rows' ends: what lies behind is written later
};

FASTNN_INLINE I quad(const std::uint8_t* p) {
  std::int32_t four;
  std::memcpy(&four, p, 4);
  return broadcast<I>(four);
}

FASTNN_INLINE Bytes to_bytes(const Int8Finish& f, F y) {
  const F scaled = round(y * broadcast<F>(f.out_inverse)) + broadcast<F>(static_cast<float>(f.out_zero));
  const F bounded = min(max(scaled, zero<F>()), broadcast<F>(255.0f));
  return __builtin_convertvector(convert<I>(bounded), Bytes);
}

// One vector of outputs to its place; `count` columns of it.
FASTNN_INLINE void write(const Tile& t, std::int64_t row, std::int64_t column, F y, std::int64_t count) {
  const std::int64_t place = row * t.n + column;
  if (!t.finish->to_bytes) {
    float* out = reinterpret_cast<float*>(t.out) + place;
    if (count == kInt8Lanes) {
      store(out, y);
    } else {
      store_partial(out, y, count);
    }
    return;
  }
  auto* out = reinterpret_cast<std::uint8_t*>(t.out) + place;
  const Bytes bytes = to_bytes(*t.finish, y);
  if (count == kInt8Lanes || t.overrun) {
    store(out, bytes);
  } else {
    std::uint8_t copy[kInt8Lanes];
    store(copy, bytes);
    for (std::int64_t i = 0; i < count; ++i) out[i] = copy[i];
  }
}

template <int H, int NV>
void run_tile(const Tile& t) {
  constexpr int L = kInt8Lanes;
  // Few sums would wait for each other: each is made of several parts, which integers allow.
  constexpr int S = H * NV >= 8 ? 1 : 8 / (H * NV);
  I sum[S][H][NV];
  unroll<S>(
      [&](auto s) { unroll<H>([&](auto h) { unroll<NV>([&](auto v) { sum[s][h][v] = zero<I>(); }); }); });
  const Int8Rows& g = *t.geometry;
  const std::int8_t* w = t.weights;
  const std::int64_t bytes = g.quads() * 4;
  for (std::int64_t y = 0; y < g.outer_y; ++y) {
    for (std::int64_t x = 0; x < g.outer_x; ++x) {
      const std::int64_t from = y * g.outer_y_step + x * g.outer_x_step;
      const std::uint8_t* row[H];
      unroll<H>([&](auto h) { row[h] = t.rows[h] + from; });
      const auto step = [&](auto s, std::int64_t k) __attribute__((always_inline)) {
        I weight[NV];
        unroll<NV>([&](auto v) __attribute__((always_inline)) {
          weight[v] = (I)load<Vec<std::int8_t, 4 * L>>(w + v * 4 * L);
        });
        unroll<H>([&](auto h) __attribute__((always_inline)) {
          const I four = quad(row[h] + k);
          unroll<NV>([&](auto v) __attribute__((always_inline)) {
            sum[s][h][v] = dot4(sum[s][h][v], four, weight[v]);
          });
        });
        w += NV * 4 * L;
      };
      std::int64_t k = 0;
      if constexpr (S > 1) {
        for (; k + 4 * S <= bytes; k += 4 * S) {
          unroll<S>([&](auto s) __attribute__((always_inline)) { step(s, k + 4 * s); });
        }
      }
      for (; k < bytes; k += 4) step(std::integral_constant<int, 0>{}, k);
    }
  }

  const Int8Finish& f = *t.finish;
  const ops::ActivationKind kind = f.activation.kind;
  F factor[NV], bias[NV];
  I shift[NV];
  unroll<NV>([&](auto v) {
    const std::int64_t count = v == NV - 1 ? t.last : L;
    const std::int64_t column = t.first + v * L;
    factor[v] = load_partial<F>(f.weight_scale + column, count) * broadcast<F>(f.scale);
    bias[v] = f.bias != nullptr ? load_partial<F>(f.bias + column, count) : zero<F>();
    shift[v] = load<I>(t.weight_sums + v * L) * broadcast<I>(f.zero);
  });
  const auto value = [&](auto h, auto v) __attribute__((always_inline)) {
    I total = sum[0][h][v];
    if constexpr (S > 1) {
      unroll<S - 1>([&](auto s) __attribute__((always_inline)) { total += sum[s + 1][h][v]; });
    }
    return convert<F>(total - shift[v]) * factor[v] + bias[v];
  };
  if (kind == ops::ActivationKind::linear || kind == ops::ActivationKind::relu) {
    const F least =
        broadcast<F>(kind == ops::ActivationKind::relu ? 0.0f : -std::numeric_limits<float>::infinity());
    unroll<H>([&](auto h) {
      unroll<NV>(
          [&](auto v) { write(t, h, t.first + v * L, max(least, value(h, v)), v == NV - 1 ? t.last : L); });
    });
    return;
  }
  float buffer[H][NV * L];
  unroll<H>([&](auto h) { unroll<NV>([&](auto v) { store(&buffer[h][v * L], value(h, v)); }); });
  apply_activation(f.activation, &buffer[0][0], H * NV * L);
  for (int h = 0; h < H; ++h) {
    for (int v = 0; v < NV; ++v)
      write(t, h, t.first + v * L, load<F>(&buffer[h][v * L]), v == NV - 1 ? t.last : L);
  }
}

// ---- Windows ---------------------------------------------------------------------------------------------

// Windows beside each other in a tile: four sums of each.
constexpr int windows_together(int vectors) {
  constexpr int sums = kInt8MostVectors == 4 ? 16 : has_native_dot4 ? 8 : 4;
  return std::max(1, sums / (4 * vectors));
}

// `count` windows of a line, `step` bytes from one to the next, as many as go at a time. The largest sum
// makes the largest byte, or the smallest where the factor is negative.
template <int W, int NV>
void run_windows(const Tile& t, std::int64_t count, std::int64_t step, std::int64_t rest) {
  constexpr int L = kInt8Lanes;
  const Int8Rows& g = *t.geometry;
  const Int8Finish& f = *t.finish;
  const std::int64_t bytes = g.quads() * 4;
  const std::int64_t within[4] = {0, g.beside, g.below, g.below + g.beside};
  F factor[NV], bias[NV];
  I start[NV], turn[NV];
  bool turns = false;
  unroll<NV>([&](auto v) {
    const std::int64_t columns = v == NV - 1 ? t.last : L;
    const std::int64_t column = t.first + v * L;
    factor[v] = load_partial<F>(f.weight_scale + column, columns) * broadcast<F>(f.scale);
    turn[v] = (I)less(factor[v], zero<F>());
    turns |= any(less(factor[v], zero<F>()));
    bias[v] = f.bias != nullptr ? load_partial<F>(f.bias + column, columns) : zero<F>();
    start[v] = -load<I>(t.weight_sums + v * L) * broadcast<I>(f.zero);
  });
  const bool relu = f.activation.kind == ops::ActivationKind::relu;
  const F least = broadcast<F>(relu ? 0.0f : -std::numeric_limits<float>::infinity());
  const std::uint8_t* first = t.rows[0];
  auto* out = reinterpret_cast<std::uint8_t*>(t.out) + t.first;
  for (; count >= W; count -= W, first += W * step) {
    I sum[4][W][NV];
    unroll<4>(
        [&](auto i) { unroll<W>([&](auto w) { unroll<NV>([&](auto v) { sum[i][w][v] = start[v]; }); }); });
    const std::int8_t* weights = t.weights;
    for (std::int64_t y = 0; y < g.outer_y; ++y) {
      for (std::int64_t x = 0; x < g.outer_x; ++x) {
        const std::uint8_t* run = first + y * g.outer_y_step + x * g.outer_x_step;
        for (std::int64_t k = 0; k < bytes; k += 4, weights += NV * 4 * L) {
          I weight[NV];
          unroll<NV>([&](auto v) __attribute__((always_inline)) {
            weight[v] = (I)load<Vec<std::int8_t, 4 * L>>(weights + v * 4 * L);
          });
          unroll<W>([&](auto w) __attribute__((always_inline)) {
            const std::uint8_t* window = run + k + w * step;
            unroll<4>([&](auto i) __attribute__((always_inline)) {
              const I four = quad(window + within[i]);
              unroll<NV>([&](auto v) __attribute__((always_inline)) {
                sum[i][w][v] = dot4(sum[i][w][v], four, weight[v]);
              });
            });
          });
        }
      }
    }
    unroll<W>([&](auto w) __attribute__((always_inline)) {
      rest -= t.n;
      unroll<NV>([&](auto v) __attribute__((always_inline)) {
        I most = max(max(sum[0][w][v], sum[1][w][v]), max(sum[2][w][v], sum[3][w][v]));
        if (turns) [[unlikely]] {
          const I smallest = min(min(sum[0][w][v], sum[1][w][v]), min(sum[2][w][v], sum[3][w][v]));
          most = (smallest & turn[v]) | (most & ~turn[v]);
        }
        const F y = max(least, convert<F>(most) * factor[v] + bias[v]);
        const Bytes made = to_bytes(f, y);
        const std::int64_t columns = v == NV - 1 ? t.last : L;
        std::uint8_t* to = out + v * L;
        if (columns == L || (t.overrun && rest >= L)) {
          store(to, made);
        } else {
          std::uint8_t copy[L];
          store(copy, made);
          for (std::int64_t i = 0; i < columns; ++i) to[i] = copy[i];
        }
      });
      out += t.n;
    });
  }
  if constexpr (W > 1) {
    if (count == 0) return;
    Tile behind = t;
    behind.rows[0] = first;
    behind.out = reinterpret_cast<std::byte*>(out - t.first);
    run_windows<1, NV>(behind, count, step, rest);
  }
}

using WindowsFn = void (*)(const Tile&, std::int64_t, std::int64_t, std::int64_t);
constexpr std::array<WindowsFn, kInt8MostVectors> kWindows = []<int... V>(std::integer_sequence<int, V...>) {
  return std::array<WindowsFn, kInt8MostVectors>{run_windows<windows_together(V + 1), V + 1>...};
}(std::make_integer_sequence<int, kInt8MostVectors>{});

// ---- Single positions ------------------------------------------------------------------------------------

using TileFn = void (*)(const Tile&);
using TileTable = std::array<std::array<TileFn, kMostRows + 1>, kInt8MostVectors + 1>;

constexpr TileTable kTiles = [] {
  TileTable table{};
  const auto add = [&]<int H, int NV>() {
    if constexpr (has_height(H, NV)) table[NV][H] = run_tile<H, NV>;
  };
  [&]<int... V>(std::integer_sequence<int, V...>) {
    ((add.template operator()<1, V + 1>(), add.template operator()<2, V + 1>(),
      add.template operator()<4, V + 1>(), add.template operator()<6, V + 1>(),
      add.template operator()<8, V + 1>()),
     ...);
  }(std::make_integer_sequence<int, kInt8MostVectors>{});
  return table;
}();

int tile_rows(std::int64_t rest, int vectors) {
  const int most = tallest(vectors);
  return rest >= most ? most : rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
}

// Goes through the rows of the left side, one after the other.
class Walk {
 public:
  Walk(const Int8Rows& g, std::int64_t row) : g_(g) {
    const std::int64_t positions = g.columns * g.lines;
    const std::int64_t sample = row / positions, place = row % positions;
    column_ = place % g.columns;
    line_ = place / g.columns;
    sample_ = g.x + sample * g.sample_step;
    at_ = sample_ + line_ * g.line_step + column_ * g.column_step;
  }
  const std::uint8_t* next() {
    const std::uint8_t* here = at_;
    at_ += g_.column_step;
    if (++column_ == g_.columns) {
      column_ = 0;
      if (++line_ == g_.lines) {
        line_ = 0;
        sample_ += g_.sample_step;
      }
      at_ = sample_ + line_ * g_.line_step;
    }
    return here;
  }

 private:
  const Int8Rows& g_;
  const std::uint8_t* sample_;
  const std::uint8_t* at_;
  std::int64_t column_, line_;
};

void run_product(const Int8Product& p) {
  constexpr int L = kInt8Lanes;
  const Int8Panels panels(p.n);
  const std::int64_t quads = p.rows.all_quads();
  const auto* sums = reinterpret_cast<const std::int32_t*>(p.packed + panels.vectors * quads * 4 * L);
  for (std::int64_t panel = p.first_panel; panel < p.end_panel; ++panel) {
    const std::int64_t first = panels.begin(panel);
    const int vectors = static_cast<int>(panels.begin(panel + 1) - first);
    Tile t;
    t.geometry = &p.rows;
    t.finish = &p.finish;
    t.weights = p.packed + first * quads * 4 * L;
    t.weight_sums = sums + first * L;
    t.first = first * L;
    t.n = p.n;
    t.last = std::min<std::int64_t>(L, p.n - (first + vectors - 1) * L);
    if (p.rows.windows) {
      for (std::int64_t row = p.first_row; row < p.end_row;) {
        const std::int64_t line = row / p.rows.columns, column = row % p.rows.columns;
        const std::int64_t count = std::min(p.rows.columns - column, p.end_row - row);
        t.rows[0] = p.rows.x + line / p.rows.lines * p.rows.sample_step +
                    line % p.rows.lines * p.rows.line_step + column * p.rows.column_step;
        t.out = static_cast<std::byte*>(p.out) + row * p.n;
        t.overrun = panels.count == 1;
        kWindows[static_cast<size_t>(vectors - 1)](t, count, p.rows.column_step, (p.end_row - row) * p.n);
        row += count;
      }
      continue;
    }
    Walk walk(p.rows, p.first_row);
    const std::int64_t size = p.finish.to_bytes ? 1 : sizeof(float);
    for (std::int64_t row = p.first_row; row < p.end_row;) {
      const int height = tile_rows(p.end_row - row, vectors);
      for (int h = 0; h < height; ++h) t.rows[h] = walk.next();
      t.out = static_cast<std::byte*>(p.out) + row * p.n * size;
      row += height;
      t.overrun = panels.count == 1 && (p.end_row - row) * p.n >= L;
      kTiles[static_cast<size_t>(vectors)][static_cast<size_t>(height)](t);
    }
  }
}

}  // namespace
}  // namespace fastnn::cpu

// The register tile of convolution's forward pass and input gradient: C blocks of channels times X positions
// of a row, accumulated over the taps in order (y, x, channel).
//
// E is the number of elements of one (position, channel): the vector's lanes in the batch-lane layout, where
// a block is one output channel, inputs are loaded and weights broadcast; or 1 in rows, where a block is a
// vector of output channels, weights are loaded and inputs broadcast. Either way memory is read in order and
// never packed for X.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "cpu/kernels.h"
#include "cpu/simd_bfloat16.h"

namespace fastnn::cpu {

/// Sums of products of T. T is a floating-point type, or std::int32_t: pairs of bfloat16 (NativePairs).
template <class T>
using Sum = std::conditional_t<std::is_same_v<T, std::int32_t>, float, T>;

template <class V, class S>
FASTNN_INLINE S multiply_add(V a, V b, S sum) {
#if FASTNN_BFLOAT16_PAIRS
  if constexpr (!std::is_same_v<V, S>) return NativePairs::multiply_add(a, b, sum);
#endif
  if constexpr (std::is_same_v<V, S>) return fma(a, b, sum);
}

inline constexpr int kMostBlocks = vector_registers == 32 ? 8 : 6;
inline constexpr int kMostPositions = vector_registers == 32 ? 12 : 8;

/// Positions beside that many blocks for which accumulators and operands fit the registers.
constexpr int positions_beside(int blocks) {
  constexpr std::array<int, 9> wide{0, 12, 12, 8, 6, 5, 4, 3, 3};
  constexpr std::array<int, 9> narrow{0, 8, 6, 4, 3, 2, 2, 0, 0};
  return (vector_registers == 32 ? wide : narrow)[static_cast<size_t>(blocks)];
}

/// `total` things in parts of nearly equal size: the first `wide` parts have `size`, the others one less.
struct Split {
  int64_t size = 0, wide = 0, parts = 0;

  static Split balanced(int64_t total, int64_t most) {
    if (total <= 0) return {};
    const int64_t parts = (total + most - 1) / most;
    const int64_t size = (total + parts - 1) / parts;
    return {size, total - parts * (size - 1), parts};
  }
  int64_t first(int64_t part) const { return part * size - std::max<int64_t>(0, part - wide); }
  int64_t size_of(int64_t part) const { return part < wide ? size : size - 1; }
};

struct TileShape {
  Split blocks, positions;
};

/// What should stay in the first-level cache.
inline constexpr int64_t kNearBytes = 20 * 1024;

/// The tiles that cover `blocks` by `positions` in the least time. steps: multiply-adds of an accumulator.
/// weight_bytes: what a block of the tile loads in each step, where that comes from memory that a tile
/// streams.
inline TileShape choose_tiles(int64_t blocks, int64_t positions, int64_t steps, int64_t weight_bytes = 0) {
  // A tile's step in sixteenths of a cycle, on a processor with two multiply-adds and two loads a cycle,
  // latency 4, and 20 bytes a cycle from the second-level cache. Of equal tiles that with the fewest loads
  // wins.
  const auto tile_cost = [&](int64_t b, int64_t p) {
    if (b * p == 0) return 0.0;
    const int64_t far = steps * b * weight_bytes > kNearBytes ? b * weight_bytes * 16 / 20 : 0;
    return static_cast<double>(steps * (std::max<int64_t>({8 * b * p, 8 * (b + p + 1), 64, far}) + b + p) +
                               300);
  };
  TileShape best;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t most = 1; most <= std::min<int64_t>(kMostBlocks, blocks); ++most) {
    const Split b = Split::balanced(blocks, most);
    if (b.size != most) continue;
    const Split p = Split::balanced(positions, positions_beside(static_cast<int>(most)));
    double cost = 0;
    for (int64_t i : {0, 1}) {
      for (int64_t j : {0, 1}) {
        cost +=
            static_cast<double>((i == 0 ? b.wide : b.parts - b.wide) * (j == 0 ? p.wide : p.parts - p.wide)) *
            tile_cost(b.size - i, p.size - j);
      }
    }
    if (cost < least) {
      least = cost;
      best = {b, p};
    }
  }
  return best;
}

inline constexpr int64_t kLineFloats = 64 / sizeof(float);  ///< of a cache line

/// What the tiles of a row have in common. Offsets are in elements.
template <class T>
struct TileRow {
  const T* const* rows;  ///< the input row of each vertical tap, at the first position's first tap
  int64_t taps_y;
  int64_t taps_x;
  int64_t run;    ///< input channels of a tap that lie one after the other, in the input and in the weights
  int64_t x_tap;  ///< from tap to tap in a row of the input
  int64_t x_position;  ///< from position to position in a row of the input
  int64_t w_row;
  int64_t w_tap;
  int64_t w_channel;
  int64_t out_position;
  Sum<T> floor;  ///< results are at least that: 0 makes a relu, -infinity nothing
  /// What is needed soon: each tile asks for so many lines of it (correlate_tiles).
  const float* ahead = nullptr;
  int64_t ahead_lines = 0;
};

/// `tiles` tiles, one beside the other. w: the first block's first weight. start: the blocks' initial values
/// (bias) or null. last: channels of the last block in rows.
template <class T>
using TileFn = void (*)(const TileRow<T>&, int64_t x_offset, const T* w, const Sum<T>* start, Sum<T>* out,
                        int64_t tiles, int64_t last);

template <class T, int E, int C, int X>
void correlate_tiles(const TileRow<T>& row, int64_t x_offset, const T* w, const Sum<T>* start, Sum<T>* out,
                     int64_t tiles, [[maybe_unused]] int64_t last) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  using S = Vec<Sum<T>, L>;
  constexpr bool lanes_are_samples = E > 1;
  const TileRow<T> r = row;  // a copy, which the stores below cannot change
  const float* ahead = r.ahead;
  for (; tiles > 0; --tiles) {
    for (int64_t i = 0; i < r.ahead_lines; ++i, ahead += kLineFloats) __builtin_prefetch(ahead, 0, 2);
    S sum[C][X];
    unroll<C>([&](auto c) {
      S init = zero<S>();
      if (start != nullptr) {
        if constexpr (lanes_are_samples) {
          init = broadcast<S>(start[c]);
        } else {
          init = load<S>(start + c * L);
        }
      }
      for (int i = 0; i < X; ++i) sum[c][i] = init;
    });
    for (int64_t ky = 0; ky < r.taps_y; ++ky) {
      const T* x_row = r.rows[ky] + x_offset;
      const T* w_row = w + ky * r.w_row;
      for (int64_t kx = 0; kx < r.taps_x; ++kx) {
        const T* xp = x_row + kx * r.x_tap;
        const T* wp = w_row + kx * r.w_tap;
        for (int64_t k = 0; k < r.run; ++k) {
          const auto input = [&](int i) {
            if constexpr (lanes_are_samples) {
              return load<V>(xp + i * r.x_position);
            } else {
              return broadcast<V>(xp[i * r.x_position]);
            }
          };
          const auto weight = [&](int c) {
            if constexpr (lanes_are_samples) {
              return broadcast<V>(wp[c]);
            } else {
              return load<V>(wp + c * L);
            }
          };
          // The fewer operands stay in registers, the others pass through one.
          if constexpr (X <= C) {
            V x[X];
            for (int i = 0; i < X; ++i) x[i] = hold(input(i));
            for (int c = 0; c < C; ++c) {
              const V v = hold(weight(c));
              for (int i = 0; i < X; ++i) sum[c][i] = multiply_add(v, x[i], sum[c][i]);
            }
          } else {
            V v[C];
            for (int c = 0; c < C; ++c) v[c] = hold(weight(c));
            for (int i = 0; i < X; ++i) {
              const V x = hold(input(i));
              for (int c = 0; c < C; ++c) sum[c][i] = multiply_add(v[c], x, sum[c][i]);
            }
          }
          xp += E;
          wp += r.w_channel;
        }
      }
    }
    const S floor = broadcast<S>(r.floor);
    unroll<X * C>([&](auto n) {
      constexpr int i = n / C, c = n % C;
      const S result = max(floor, sum[c][i]);  // keeps NaN
      Sum<T>* target = out + i * r.out_position + c * L;
      if (lanes_are_samples || c < C - 1 || last == L) {
        store(target, result);
      } else {
        store_partial(target, result, last);
      }
    });
    x_offset += X * r.x_position;
    out += X * r.out_position;
  }
}

template <class T, int E>
class TileTable {
 public:
  static TileFn<T> at(int blocks, int positions) {
    return kTable[static_cast<size_t>((blocks - 1) * kMostPositions + positions - 1)];
  }

 private:
  template <size_t I>
  static constexpr TileFn<T> entry() {
    constexpr int blocks = static_cast<int>(I) / kMostPositions + 1;
    constexpr int positions = static_cast<int>(I) % kMostPositions + 1;
    if constexpr (positions <= positions_beside(blocks)) {
      return correlate_tiles<T, E, blocks, positions>;
    } else {
      return nullptr;
    }
  }
  template <size_t... I>
  static constexpr std::array<TileFn<T>, sizeof...(I)> fill(std::index_sequence<I...>) {
    return {entry<I>()...};
  }
  static constexpr auto kTable =
      fill(std::make_index_sequence<static_cast<size_t>(kMostBlocks* kMostPositions)>{});
};

/// Positions of a tile of correlate_three.
inline constexpr int kMostThree = vector_registers == 32 ? 16 : 10;
inline constexpr int kFewestThree = 6;  ///< fewer wait for each other's sums

/// Tiles of one block of channels in rows, for three taps side by side and strides of 1: an input is
/// broadcast once for the three positions that see it, where a broadcast for each multiply-add would be what
/// takes the time. Sums go over (y, channel, x).
template <class T, int X>
void correlate_three(const TileRow<T>& row, int64_t x_offset, const T* w, const Sum<T>* start, Sum<T>* out,
                     int64_t tiles, int64_t last) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  using S = Vec<Sum<T>, L>;
  const TileRow<T> r = row;  // a copy, which the stores below cannot change
  for (; tiles > 0; --tiles) {
    S sum[X];
    const S init = start != nullptr ? load<S>(start) : zero<S>();
    for (int i = 0; i < X; ++i) sum[i] = init;
    for (int64_t ky = 0; ky < r.taps_y; ++ky) {
      const T* x_row = r.rows[ky] + x_offset;
      const T* w_row = w + ky * r.w_row;
      for (int64_t k = 0; k < r.run; ++k, w_row += r.w_channel) {
        const T* xp = x_row + k;
        const V first = hold(load<V>(w_row));
        const V second = hold(load<V>(w_row + r.w_tap));
        const V third = hold(load<V>(w_row + 2 * r.w_tap));
        unroll<X + 2>([&](auto cell) {
          constexpr int i = cell;
          const V x = hold(broadcast<V>(*xp));
          xp += r.x_position;
          if constexpr (i >= 2) sum[i - 2] = multiply_add(third, x, sum[i - 2]);
          if constexpr (i >= 1 && i <= X) sum[i - 1] = multiply_add(second, x, sum[i - 1]);
          if constexpr (i < X) sum[i] = multiply_add(first, x, sum[i]);
        });
      }
    }
    const S floor = broadcast<S>(r.floor);
    unroll<X>([&](auto i) {
      const S result = max(floor, sum[i]);  // keeps NaN
      if (last == L) {
        store(out + i * r.out_position, result);
      } else {
        store_partial(out + i * r.out_position, result, last);
      }
    });
    x_offset += X * r.x_position;
    out += X * r.out_position;
  }
}

template <class T>
class ThreeTable {
 public:
  static TileFn<T> at(int positions) { return kTable[static_cast<size_t>(positions - kFewestThree + 1)]; }

 private:
  template <size_t... I>
  static constexpr std::array<TileFn<T>, sizeof...(I)> fill(std::index_sequence<I...>) {
    return {correlate_three<T, static_cast<int>(I) + kFewestThree - 1>...};
  }
  static constexpr auto kTable =
      fill(std::make_index_sequence<static_cast<size_t>(kMostThree - kFewestThree + 2)>{});
};

}  // namespace fastnn::cpu

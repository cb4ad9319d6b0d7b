// Convolution and the largest values of windows of two by two positions, in the batch-lane layout: the four
// sums of a window stay in registers, and only the largest is written. A sum is the same chain of
// multiply-adds as in correlate_tiles.
#pragma once

#include "cpu/conv2d_tile.h"
#include "cpu/max_pool.h"

namespace fastnn::cpu {

inline constexpr int kMostWindowBlocks = vector_registers == 32 ? 6 : 3;
inline constexpr int kMostWindows = vector_registers == 32 ? 6 : 3;

/// Windows beside that many channels for which accumulators and operands fit the registers.
constexpr int windows_beside(int blocks) {
  constexpr std::array<int, 7> wide{0, 6, 3, 2, 1, 1, 1};
  constexpr std::array<int, 7> narrow{0, 3, 1, 1, 0, 0, 0};
  return (vector_registers == 32 ? wide : narrow)[static_cast<size_t>(blocks)];
}

/// `tiles` tiles of W windows, one beside the other. row: the upper row's taps; lower: the input rows of the
/// lower one's. row.out_position: from window to window. w, start: the first channel's.
template <class T>
using WindowsFn = void (*)(const TileRow<T>& row, const T* const* lower, int64_t x_offset, const T* w,
                           const T* start, T* out, int64_t tiles);

template <class T, int E, int C, int W>
void correlate_windows(const TileRow<T>& row, const T* const* lower, int64_t x_offset, const T* w,
                       const T* start, T* out, int64_t tiles) {
  constexpr int L = vector_lanes<T>;
  static_assert(E == L);
  using V = Vec<T, L>;
  constexpr int P = 2 * W, X = 2 * P;  // positions in a row, and in both
  const TileRow<T> r = row;            // a copy, which the stores below cannot change
  for (; tiles > 0; --tiles) {
    V sum[C][X];
    unroll<C>([&](auto c) {
      const V init = start != nullptr ? broadcast<V>(start[c]) : zero<V>();
      for (int i = 0; i < X; ++i) sum[c][i] = init;
    });
    for (int64_t ky = 0; ky < r.taps_y; ++ky) {
      const T* upper_row = r.rows[ky] + x_offset;
      const T* lower_row = lower[ky] + x_offset;
      const T* w_row = w + ky * r.w_row;
      for (int64_t kx = 0; kx < r.taps_x; ++kx) {
        const T* up = upper_row + kx * r.x_tap;
        const T* lp = lower_row + kx * r.x_tap;
        const T* wp = w_row + kx * r.w_tap;
        for (int64_t k = 0; k < r.run; ++k) {
          const auto input = [&](int i) {
            return load<V>(i < P ? up + i * r.x_position : lp + (i - P) * r.x_position);
          };
          if constexpr (X <= C) {
            V x[X];
            for (int i = 0; i < X; ++i) x[i] = hold(input(i));
            for (int c = 0; c < C; ++c) {
              const V v = hold(broadcast<V>(wp[c]));
              for (int i = 0; i < X; ++i) sum[c][i] = fma(v, x[i], sum[c][i]);
            }
          } else {
            V v[C];
            for (int c = 0; c < C; ++c) v[c] = hold(broadcast<V>(wp[c]));
            for (int i = 0; i < X; ++i) {
              const V x = hold(input(i));
              for (int c = 0; c < C; ++c) sum[c][i] = fma(v[c], x, sum[c][i]);
            }
          }
          up += E;
          lp += E;
          wp += r.w_channel;
        }
      }
    }
    const V floor = broadcast<V>(r.floor);
    // max may lose a NaN. The values' sum is one then; infinities may make one, too, which does no harm.
    V check = zero<V>();
    const auto each_window = [&](auto body) {
      unroll<C * W>([&](auto n) {
        constexpr int i = n / C, c = n % C;
        body(sum[c][2 * i], sum[c][2 * i + 1], sum[c][P + 2 * i], sum[c][P + 2 * i + 1],
             out + i * r.out_position + c * L);
      });
    };
    each_window([&](V a, V b, V c, V d, T* to) {
      check += (a + b) + (c + d);
      store(to, max(floor, max(max(a, b), max(c, d))));
    });
    if (any(isnan(check))) [[unlikely]] {
      each_window([&](V a, V b, V c, V d, T* to) {
        store(to, max(floor, larger(larger(a, b), larger(c, d))));  // keeps NaN
      });
    }
    x_offset += P * r.x_position;
    out += W * r.out_position;
  }
}

template <class T, int E>
class WindowsTable {
 public:
  static WindowsFn<T> at(int blocks, int windows) {
    return kTable[static_cast<size_t>((blocks - 1) * kMostWindows + windows - 1)];
  }

 private:
  template <size_t I>
  static constexpr WindowsFn<T> entry() {
    constexpr int blocks = static_cast<int>(I) / kMostWindows + 1;
    constexpr int windows = static_cast<int>(I) % kMostWindows + 1;
    if constexpr (windows <= windows_beside(blocks)) {
      return correlate_windows<T, E, blocks, windows>;
    } else {
      return nullptr;
    }
  }
  template <size_t... I>
  static constexpr std::array<WindowsFn<T>, sizeof...(I)> fill(std::index_sequence<I...>) {
    return {entry<I>()...};
  }
  static constexpr auto kTable =
      fill(std::make_index_sequence<static_cast<size_t>(kMostWindowBlocks* kMostWindows)>{});
};

}  // namespace fastnn::cpu

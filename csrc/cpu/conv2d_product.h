// The register tile of convolution's kernel gradient: products of K input channels with C blocks of output
// channels, summed over positions. A block is one channel of a vector of samples (lanes; the sum over samples
// in it is left to `combine`), or a vector of channels (rows).
#pragma once

#include <array>
#include <utility>

#include "cpu/conv2d_tile.h"

namespace fastnn::cpu {

/// A block of positions (with pairs of bfloat16: of pairs of positions or samples). Strides are in elements.
template <class T>
struct Block {
  int64_t rows, positions;
  int64_t x_row, x_position;
  int64_t dy_row, dy_position;
  int64_t out_row;  ///< from input channel to input channel
};

template <class T>
using ProductFn = void (*)(const Block<T>&, const T* x, const T* dy, Sum<T>* out, int64_t last);

// last: channels of the last block in rows.
template <class T, int E, int C, int K>
void product_tile(const Block<T>& block, const T* x, const T* dy, Sum<T>* out,
                  [[maybe_unused]] int64_t last) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  using S = Vec<Sum<T>, L>;
  const Block<T> b = block;
  S sum[K][C] = {};
  for (int64_t r = 0; r < b.rows; ++r) {
    const T* xp = x + r * b.x_row;
    const T* gp = dy + r * b.dy_row;
    for (int64_t p = 0; p < b.positions; ++p) {
      const auto input = [&](int k) {
        if constexpr (E > 1) {
          return load<V>(xp + k * L);
        } else {
          return broadcast<V>(xp[k]);
        }
      };
      const auto gradient = [&](int c) {
        if constexpr (E > 1) {
          return load<V>(gp + c * L);
        } else {
          return c < C - 1 ? load<V>(gp + c * L) : load_partial<V>(gp + c * L, last);
        }
      };
      if constexpr (C <= K) {
        V g[C];
        for (int c = 0; c < C; ++c) g[c] = hold(gradient(c));
        for (int k = 0; k < K; ++k) {
          const V v = hold(input(k));
          for (int c = 0; c < C; ++c) sum[k][c] = multiply_add(v, g[c], sum[k][c]);
        }
      } else {
        V v[K];
        for (int k = 0; k < K; ++k) v[k] = hold(input(k));
        for (int c = 0; c < C; ++c) {
          const V g = hold(gradient(c));
          for (int k = 0; k < K; ++k) sum[k][c] = multiply_add(v[k], g, sum[k][c]);
        }
      }
      xp += b.x_position;
      gp += b.dy_position;
    }
  }
  unroll<K * C>([&](auto i) {
    constexpr int k = i / C, c = i % C;
    Sum<T>* target = out + k * b.out_row + c * L;
    if (E > 1 || c < C - 1 || last == L) {
      store(target, load<S>(target) + sum[k][c]);
    } else {
      store_partial(target, load_partial<S>(target, last) + sum[k][c], last);
    }
  });
}

template <class T, int E>
class ProductTable {
 public:
  static ProductFn<T> at(int64_t blocks, int64_t inputs) {
    return kTable[static_cast<size_t>((blocks - 1) * kMostPositions + inputs - 1)];
  }

 private:
  template <size_t I>
  static constexpr ProductFn<T> entry() {
    constexpr int blocks = static_cast<int>(I) / kMostPositions + 1;
    constexpr int inputs = static_cast<int>(I) % kMostPositions + 1;
    if constexpr (inputs <= positions_beside(blocks)) {
      return product_tile<T, E, blocks, inputs>;
    } else {
      return nullptr;
    }
  }
  template <size_t... I>
  static constexpr std::array<ProductFn<T>, sizeof...(I)> fill(std::index_sequence<I...>) {
    return {entry<I>()...};
  }
  static constexpr auto kTable =
      fill(std::make_index_sequence<static_cast<size_t>(kMostBlocks* kMostPositions)>{});
};

}  // namespace fastnn::cpu

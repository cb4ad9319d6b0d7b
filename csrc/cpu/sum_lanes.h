// Sums over the lanes of several vectors at once.
#pragma once

#include "cpu/simd.h"

namespace fastnn::cpu {

namespace detail {

// Blocks of H of a and b in turn, from the lower (Side 0) or upper (Side 1) half of each 2 H.
template <int H, int Side, class V, int... J>
FASTNN_INLINE V half_blocks(V a, V b, std::integer_sequence<int, J...>) {
  constexpr int L = lanes<V>;
  return shuffle<(J / (2 * H) * 2 * H + Side * H + J % H + (J / H % 2) * L)...>(a, b);
}

// Folds blocks of 2 H lanes to H, two vectors to one.
template <int H, class V>
FASTNN_INLINE V fold_blocks(V a, V b) {
  constexpr Indices<lanes<V>> all{};
  return half_blocks<H, 0>(a, b, all) + half_blocks<H, 1>(a, b, all);
}

}  // namespace detail

/// totals[i] = hsum(v[i]) for N vectors, by fewer operations than one after the other. v is used up.
template <class T, int L, int N>
FASTNN_INLINE void sum_each_lanes(Vec<T, L> (&v)[N], T* totals) {
  if constexpr (L == 1) {
    for (int i = 0; i < N; ++i) totals[i] = v[i];
  } else if constexpr (N >= L) {
    for (int first = 0; first + L <= N; first += L) {
      Vec<T, L> w[L];
      for (int i = 0; i < L; ++i) w[i] = v[first + i];
      const auto fold = [&]<int H>() {
        for (int i = 0; i < H; ++i) w[i] = detail::fold_blocks<H>(w[i], w[i + H]);
      };
      if constexpr (L >= 16) fold.template operator()<8>();
      if constexpr (L >= 8) fold.template operator()<4>();
      if constexpr (L >= 4) fold.template operator()<2>();
      fold.template operator()<1>();
      store(totals + first, w[0]);
    }
    for (int i = N / L * L; i < N; ++i) totals[i] = hsum(v[i]);
  } else {
    for (int i = 0; i < N; ++i) totals[i] = hsum(v[i]);
  }
}

}  // namespace fastnn::cpu

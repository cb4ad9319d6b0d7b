// out[0 .. n) += the sum of `positions` runs of n elements that lie one after the other.
#pragma once

#include <algorithm>

#include "cpu/simd.h"

namespace fastnn::cpu {

template <class T>
void sum_positions(const T* in, int64_t positions, int64_t n, T* out) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  constexpr int64_t kBlock =
      128;  // positions summed before they are added: short sums of short sums round less
  for (int64_t first = 0; first < positions; first += kBlock) {
    const int64_t count = std::min(kBlock, positions - first);
    const T* start = in + first * n;
    const auto columns = [&]<int C>(int64_t i) {
      V sum[C] = {};
      for (int64_t p = 0; p < count; ++p) {
        for (int c = 0; c < C; ++c) sum[c] += load<V>(start + p * n + i + c * L);
      }
      for (int c = 0; c < C; ++c) store(out + i + c * L, load<V>(out + i + c * L) + sum[c]);
    };
    int64_t i = 0;
    for (; i + 8 * L <= n; i += 8 * L) columns.template operator()<8>(i);
    for (; i + 2 * L <= n; i += 2 * L) columns.template operator()<2>(i);
    for (; i < n; i += L) {
      const int64_t width = std::min<int64_t>(L, n - i);
      V sum{};
      for (int64_t p = 0; p < count; ++p) sum += load_partial<V>(start + p * n + i, width);
      store_partial(out + i, load_partial<V>(out + i, width) + sum, width);
    }
  }
}

}  // namespace fastnn::cpu

// Sums of many terms in blocks: the rounding error grows with the block's length plus the number of blocks,
// not with the number of terms. The order is fixed.
#pragma once

#include "cpu/simd.h"

namespace fastnn::cpu {

inline constexpr int64_t kSumBlock = 64;

/// term(0) + ... + term(count - 1)
template <class V, class Term>
FASTNN_INLINE V block_sum(int64_t count, Term term) {
  V total = zero<V>();
  int64_t i = 0;
  for (; i + kSumBlock <= count; i += kSumBlock) {
    V even = zero<V>(), odd = zero<V>();
    for (int64_t k = 0; k < kSumBlock; k += 2) {
      even += term(i + k);
      odd += term(i + k + 1);
    }
    total += even + odd;
  }
  V rest = zero<V>();
  for (; i < count; ++i) rest += term(i);
  return total + rest;
}

/// v with the lanes from n on set to `rest`, whatever they hold.
template <class V>
FASTNN_INLINE V first_lanes(V v, int64_t n, Elem<V> rest = 0) {
  if constexpr (lanes<V> == 1) {
    return n > 0 ? v : rest;
  } else {
    using B = Bits<V>;
    B number;
    for (int i = 0; i < lanes<V>; ++i) number[i] = static_cast<Elem<B>>(i);
    return select(less(number, broadcast<B>(static_cast<Elem<B>>(n))), v, broadcast<V>(rest));
  }
}

/// Lane-wise sums of f(vector) over `count` contiguous elements; hsum gives the total.
template <class T, class F>
FASTNN_INLINE Vec<T, vector_lanes<T>> run_sum(const T* p, int64_t count, F f) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  V total = block_sum<V>(count / L, [&](int64_t i) { return f(load<V>(p + i * L)); });
  const int64_t rest = count % L;
  if (rest != 0) total += first_lanes(f(load_partial<V>(p + count - rest, rest)), rest);
  return total;
}
template <class T>
FASTNN_INLINE Vec<T, vector_lanes<T>> run_sum(const T* p, int64_t count) {
  return run_sum<T>(p, count, [](auto v) { return v; });
}

}  // namespace fastnn::cpu

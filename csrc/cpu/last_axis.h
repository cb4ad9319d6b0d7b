// Walking over a position's last axis (its classes or features), once for both layouts. In lanes (L > 1)
// every element is a vector of L samples. In rows (L == 1) the vector runs along the axis, the last block
// partly filled.
#pragma once

#include <cstdint>

#include "cpu/simd.h"

namespace fastnn::cpu {

template <class T, int L>
struct LastAxis {
  static constexpr int width = L == 1 ? vector_lanes<T> : L;
  using Block = Vec<T, width>;  ///< consecutive elements (rows), or one element of L samples (lanes)
  using Value = Vec<T, L>;      ///< one number a sample

  /// Calls f(offset, valid) for each block of `extent` elements; `valid` of its lanes hold data.
  template <class F>
  static FASTNN_INLINE void each(int64_t extent, F f) {
    if constexpr (L == 1) {
      int64_t c = 0;
      for (; c + width <= extent; c += width) f(c, width);
      if (c < extent) f(c, static_cast<int>(extent - c));
    } else {
      for (int64_t c = 0; c < extent; ++c) f(c * L, L);
    }
  }
  static FASTNN_INLINE Block get(const T* p, int valid) {
    if constexpr (L != 1) return load<Block>(p);
    return valid == width ? load<Block>(p) : load_partial<Block>(p, valid);
  }
  static FASTNN_INLINE void put(T* p, Block v, int valid) {
    if constexpr (L == 1) {
      if (valid < width) return store_partial<Block>(p, v, valid);
    }
    store(p, v);
  }
  /// v, but `fill` in lanes that hold no data.
  static FASTNN_INLINE Block fill_rest(Block v, int valid, T fill) {
    if constexpr (L == 1) {
      if (valid < width) {
        using B = Bits<Block>;
        B number{};
        for (int i = 0; i < width; ++i) number[i] = i;
        return select(less(number, broadcast<B>(valid)), v, broadcast<Block>(fill));
      }
    }
    return v;
  }
  static FASTNN_INLINE Block spread(Value v) {
    if constexpr (L == 1) {
      return broadcast<Block>(v);
    } else {
      return v;
    }
  }
  static FASTNN_INLINE Value sum(Block v) {
    if constexpr (L == 1) {
      return hsum(v);
    } else {
      return v;
    }
  }
  static FASTNN_INLINE Value largest(Block v) {
    if constexpr (L == 1) {
      return hmax(v);
    } else {
      return v;
    }
  }
};

/// A sum of many terms in two levels, the upper one compensated (Kahan 1965), so that its rounding error does
/// not grow with their number.
template <class V>
struct LongSum {
  V total = zero<V>();
  V lost = zero<V>();  // what rounding added to `total`
  V part = zero<V>();
  int terms = 0;

  FASTNN_INLINE void add(V v) {
    part += v;
    if (++terms == 64) {
      const V term = part - lost;
      const V sum = total + term;
      lost = (sum - total) - term;
      total = sum;
      part = zero<V>();
      terms = 0;
    }
  }
  FASTNN_INLINE V value() const { return total + (part - lost); }
};

}  // namespace fastnn::cpu

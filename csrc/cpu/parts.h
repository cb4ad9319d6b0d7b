// A whole vector, or the part of one at the end of a run.
#pragma once

#include "cpu/simd.h"

namespace fastnn::cpu {

/// Loads a vector, of which the first `width` elements are there unless it is full.
template <bool Full, class V>
FASTNN_INLINE V get(const Elem<V>* p, int64_t width) {
  if constexpr (Full) {
    return load<V>(p);
  } else {
    return load_partial<V>(p, width);
  }
}

/// Stores a vector, or its first `width` elements.
template <bool Full, class V>
FASTNN_INLINE void put(Elem<V>* p, V v, int64_t width) {
  if constexpr (Full) {
    store(p, v);
  } else {
    store_partial(p, v, width);
  }
}

}  // namespace fastnn::cpu

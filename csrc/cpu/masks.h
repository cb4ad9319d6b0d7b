// Truth in memory: one byte, 0 or 1, for each element.
#pragma once

#include <cstdint>

#include "cpu/simd.h"

namespace fastnn::cpu {

/// Which of lanes<V> bytes are not 0.
template <class V>
FASTNN_INLINE Mask<V> load_mask(const uint8_t* p) {
  if constexpr (lanes<V> == 1) {
    return *p != 0;
  } else {
    using Bytes = Vec<int8_t, lanes<V>>;
    return not_equal(convert<Bits<V>>(load<Bytes>(reinterpret_cast<const int8_t*>(p))), zero<Bits<V>>());
  }
}

/// Writes a mask as lanes<V> bytes.
template <class V>
FASTNN_INLINE void store_mask(uint8_t* p, Mask<V> mask) {
  if constexpr (lanes<V> == 1) {
    *p = mask;
  } else {
    using Bytes = Vec<int8_t, lanes<V>>;
    store(reinterpret_cast<int8_t*>(p), convert<Bytes>(mask & broadcast<Bits<V>>(1)));
  }
}

/// The same truth in all lanes.
template <class V>
FASTNN_INLINE Mask<V> same_mask(bool truth) {
  if constexpr (lanes<V> == 1) {
    return truth;
  } else {
    return broadcast<Bits<V>>(truth ? -1 : 0);
  }
}

}  // namespace fastnn::cpu

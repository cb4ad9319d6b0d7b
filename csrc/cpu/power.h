// Powers of any base.
#pragma once

#include <limits>

#include "cpu/vector_math.h"

namespace fastnn::cpu {

/// a^b; beside pow() of vector_math.h, which is for bases of at least 0. NaN for a finite base below 0 if the
/// exponent is not whole.
template <class V>
FASTNN_INLINE V power(V a, V b) {
  const V size = pow(abs(a), b);
  const V half = b * broadcast<V>(Elem<V>(0.5));
  const V inf = broadcast<V>(std::numeric_limits<Elem<V>>::infinity());
  const V nan = broadcast<V>(std::numeric_limits<Elem<V>>::quiet_NaN());
  const V whole = select(equal(round(half), half), size, -size);  // even or odd
  const V below = select(equal(round(b), b), whole, select(equal(a, -inf), size, nan));
  return select(less(a, zero<V>()), below, size);
}

}  // namespace fastnn::cpu

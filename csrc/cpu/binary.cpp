#include "ops/binary.h"

#include "cpu/broadcast.h"

namespace fastnn::cpu {

namespace {

struct Add {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return a + b;
  }
};
struct Subtract {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return a - b;
  }
};
struct Multiply {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return a * b;
  }
};
struct Divide {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return a / b;
  }
};
// NaN in either operand gives NaN.
struct Maximum {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return select(isnan(a), a, max(a, b));
  }
};
struct Minimum {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return select(isnan(a), a, min(a, b));
  }
};
struct Greater {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return select(greater(a, b), broadcast<V>(1), zero<V>());
  }
};
struct GreaterEqual {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return select(greater_equal(a, b), broadcast<V>(1), zero<V>());
  }
};

}  // namespace

#define FASTNN_BINARY(name, functor)                                     \
  extern const Kernel name##_kernel;                                     \
  const Kernel name##_kernel{.f32 = broadcast_kernels<functor, float>(), \
                             .f64 = broadcast_kernels<functor, double>()};
FASTNN_BINARY(add, Add)
FASTNN_BINARY(subtract, Subtract)
FASTNN_BINARY(multiply, Multiply)
FASTNN_BINARY(divide, Divide)
FASTNN_BINARY(maximum, Maximum)
FASTNN_BINARY(minimum, Minimum)
FASTNN_BINARY(greater, Greater)
FASTNN_BINARY(greater_equal, GreaterEqual)
#undef FASTNN_BINARY

}  // namespace fastnn::cpu

#include "ops/binary.h"

#include "cpu/broadcast.h"
#include "cpu/power.h"
#include "cpu/vector_math.h"

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
    if constexpr (!std::is_floating_point_v<Elem<V>>) return max(a, b);
    return select(isnan(a), a, max(a, b));
  }
};
struct Minimum {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    if constexpr (!std::is_floating_point_v<Elem<V>>) return min(a, b);
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

struct Power {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return power(a, b);
  }
};

}  // namespace

#define FASTNN_BINARY(name, functor)                                     \
  extern const Kernel name##_kernel;                                     \
  const Kernel name##_kernel{.f32 = broadcast_kernels<functor, float>(), \
                             .f64 = broadcast_kernels<functor, double>()};
#define FASTNN_BINARY_NUMBERS(name, functor)                                      \
  extern const Kernel name##_kernel;                                              \
  const Kernel name##_kernel{.f32 = broadcast_kernels<functor, float, int32_t>(), \
                             .f64 = broadcast_kernels<functor, double>()};
FASTNN_BINARY_NUMBERS(add, Add)
FASTNN_BINARY_NUMBERS(subtract, Subtract)
FASTNN_BINARY_NUMBERS(multiply, Multiply)
FASTNN_BINARY(divide, Divide)
FASTNN_BINARY_NUMBERS(maximum, Maximum)
FASTNN_BINARY_NUMBERS(minimum, Minimum)
FASTNN_BINARY(power, Power)
FASTNN_BINARY(greater, Greater)
FASTNN_BINARY(greater_equal, GreaterEqual)
#undef FASTNN_BINARY
#undef FASTNN_BINARY_NUMBERS

}  // namespace fastnn::cpu

#include "ops/unary.h"

#include <cmath>

#include "cpu/elementwise.h"
#include "cpu/power.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace {

using Kind = ops::UnaryKind;

template <class V>
V sign_of(V x) {
  const V one = broadcast<V>(1);
  return select(greater(x, zero<V>()), one, select(less(x, zero<V>()), -one, x));  // NaN stays NaN
}

// x^n for a whole number n by repeated squaring, so that negative x are allowed.
template <class V>
V whole_power(V x, int64_t n) {
  const bool inverse = n < 0;
  uint64_t left = inverse ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n);
  V result = broadcast<V>(1);
  for (V factor = x; left != 0; left >>= 1, factor = factor * factor) {
    if (left & 1) result = result * factor;
  }
  return inverse ? broadcast<V>(1) / result : result;
}

constexpr double kMostWhole = 64;  // larger exponents go by the logarithm

template <class T>
struct Unary {
  static void run(const KernelCall& call, int64_t count) {
    using V = Vec<T, vector_lanes<T>>;
    const auto& c = call.configuration<ops::UnaryConfig>();
    const T* x = call.in[0].as<T>();
    T* y = call.out[0].as<T>();
    const V one = broadcast<V>(1);
    const V low = broadcast<V>(static_cast<T>(c.low)), high = broadcast<V>(static_cast<T>(c.high));
    switch (c.kind) {
      case Kind::exp:
        return map_elements(x, y, count, [](V v) { return exp(v); });
      case Kind::log:
        return map_elements(x, y, count, [](V v) { return log(v); });
      case Kind::log1p:
        return map_elements(x, y, count, [](V v) { return log1p(v); });
      case Kind::expm1:
        return map_elements(x, y, count, [](V v) { return expm1(v); });
      case Kind::sqrt:
        return map_elements(x, y, count, [](V v) { return sqrt(v); });
      case Kind::rsqrt:
        return map_elements(x, y, count, [=](V v) { return one / sqrt(v); });
      case Kind::abs:
        return map_elements(x, y, count, [](V v) { return abs(v); });
      case Kind::sign:
        return map_elements(x, y, count, [](V v) { return sign_of(v); });
      case Kind::sin:
        return map_elements(x, y, count, [](V v) { return sin(v); });
      case Kind::cos:
        return map_elements(x, y, count, [](V v) { return cos(v); });
      case Kind::erf:
        return map_elements(x, y, count, [](V v) { return erf(v); });
      case Kind::square:
        return map_elements(x, y, count, [](V v) { return v * v; });
      case Kind::reciprocal:
        return map_elements(x, y, count, [=](V v) { return one / v; });
      case Kind::floor:
        return map_elements(x, y, count, [](V v) { return floor(v); });
      case Kind::ceil:
        return map_elements(x, y, count, [](V v) { return -floor(-v); });
      case Kind::round:
        return map_elements(x, y, count, [](V v) { return round(v); });
      case Kind::power:
        return power(c.exponent, x, y, count);
      case Kind::clip:
        // NaN stays: it is neither above nor below.
        return map_elements(
            x, y, count, [=](V v) { return select(less(v, low), low, select(greater(v, high), high, v)); });
      case Kind::inside:
        return map_elements(x, y, count, [=](V v) {
          return select(mask_and(greater_equal(v, low), less_equal(v, high)), one, zero<V>());
        });
      case Kind::count:
        return;
    }
  }

  static void power(double exponent, const T* x, T* y, int64_t count) {
    using V = Vec<T, vector_lanes<T>>;
    if (exponent == std::floor(exponent) && std::fabs(exponent) <= kMostWhole) {
      const auto n = static_cast<int64_t>(exponent);
      return map_elements(x, y, count, [n](V v) { return whole_power(v, n); });
    }
    const V p = broadcast<V>(static_cast<T>(exponent));
    map_elements(x, y, count, [p](V v) { return cpu::power(v, p); });
  }
};

}  // namespace

extern const Kernel unary_kernel;
const Kernel unary_kernel{.f32 = elementwise_kernels<Unary, float>(),
                          .f64 = elementwise_kernels<Unary, double>()};

}  // namespace fastnn::cpu

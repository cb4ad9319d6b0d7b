// rotary works in rows: a run of features is two halves that are turned against each other.
#include "ops/rotary.h"

#include <algorithm>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T>
void turn(const T* x, const T* cosines, const T* sines, T sign, int64_t half, T* y) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  for (int64_t i = 0; i < half; i += L) {
    const int64_t n = std::min<int64_t>(L, half - i);
    const V a = load_partial<V>(x + i, n), b = load_partial<V>(x + half + i, n);
    const V c = load_partial<V>(cosines + i, n), s = load_partial<V>(sines + i, n) * broadcast<V>(sign);
    store_partial(y + i, fma(a, c, -(b * s)), n);
    store_partial(y + half + i, fma(b, c, a * s), n);
  }
}

template <class T>
void rotary_rows(const KernelCall& call) {
  const auto& c = call.configuration<ops::RotaryConfig>();
  const int64_t half = c.size / 2;
  const auto angles = [&](int input, int64_t sample) {
    return call.in[input].as<T>() + (call.in[input].batched ? sample * call.in[input].size : 0);
  };
  for (int64_t i = 0; i < call.count; ++i) {
    for (int64_t t = 0; t < c.positions; ++t) {
      const T* cosines = angles(1, i) + t * half;
      const T* sines = angles(2, i) + t * half;
      for (int64_t h = 0; h < c.heads; ++h) {
        const int64_t at = ((i * c.positions + t) * c.heads + h) * c.size;
        turn(call.in[0].as<T>() + at, cosines, sines, c.inverse ? T(-1) : T(1), half,
             call.out[0].as<T>() + at);
      }
    }
  }
}

}  // namespace

extern const Kernel rotary_kernel;
const Kernel rotary_kernel{.f32 = {.rows = rotary_rows<float>}, .f64 = {.rows = rotary_rows<double>}};

}  // namespace fastnn::cpu

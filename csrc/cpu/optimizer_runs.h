// What optimizers' kernels share: runs of a parameter's elements, its gradient and slots, vector by vector.
#pragma once

#include "core/update.h"
#include "cpu/simd.h"

namespace fastnn::cpu {

template <class V>
struct Slots {
  using T = Elem<V>;
  T* const* arrays;
  int64_t at;
  int64_t count;  // lanes in use, below lanes<V> at the tail only

  FASTNN_INLINE V get(int which) const {
    return count == lanes<V> ? load<V>(arrays[which] + at) : load_partial<V>(arrays[which] + at, count);
  }
  FASTNN_INLINE void put(int which, V value) const {
    if (count == lanes<V>) {
      store(arrays[which] + at, value);
    } else {
      store_partial(arrays[which] + at, value, count);
    }
  }
};

/// The scalars of a call as vectors.
template <class V>
struct Scalars {
  V rate, keep, scale, clip, beta1, beta2, rest1, rest2, epsilon, correction1, correction2, look_ahead, power,
      l1, l2, shrinkage;

  explicit Scalars(const UpdateCall& call)
      : rate(of(call.rate)),
        keep(of(call.keep)),
        scale(of(call.scale)),
        clip(of(call.clip)),
        beta1(of(call.beta1)),
        beta2(of(call.beta2)),
        rest1(of(1 - call.beta1)),
        rest2(of(1 - call.beta2)),
        epsilon(of(call.epsilon)),
        correction1(of(call.correction1)),
        correction2(of(call.correction2)),
        look_ahead(of(call.look_ahead)),
        power(of(call.power)),
        l1(of(call.l1)),
        l2(of(call.l2)),
        shrinkage(of(call.shrinkage)) {}

  static V of(double value) { return broadcast<V>(static_cast<Elem<V>>(value)); }
  /// beta * old + rest * value
  static FASTNN_INLINE V mix(V beta, V old, V rest, V value) { return fma(beta, old, rest * value); }
  FASTNN_INLINE V clamped(V g) const { return min(clip, max(V(-clip), g)); }  // keeps NaN
};

/// Calls body(slots, lanes in use) for every vector of the run.
template <class T, class Body>
FASTNN_INLINE void each(const UpdateCall& call, T* const* arrays, Body body) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  int64_t i = 0;
  for (; i + L <= call.count; i += L) body(Slots<V>{arrays, i, L});
  if (i < call.count) body(Slots<V>{arrays, i, call.count - i});
}

template <class T>
struct Arrays {
  T* slots[kMostSlots];
  T* operands[2];  // parameter, gradient

  explicit Arrays(const UpdateCall& call)
      : operands{static_cast<T*>(call.parameter), static_cast<T*>(call.gradient)} {
    for (int i = 0; i < kMostSlots; ++i) slots[i] = static_cast<T*>(call.slots[i]);
  }
};

// Those of optimizer_directions.cpp; the second argument says the type.
void make_directions(const UpdateCall& call, float);
void make_directions(const UpdateCall& call, double);

}  // namespace fastnn::cpu

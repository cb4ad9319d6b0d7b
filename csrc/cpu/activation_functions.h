// Every activation's formula and derivative, once, over Vec<T, L>; used by `activation` and by ops that fuse
// it.
#pragma once

#include "cpu/simd.h"
#include "cpu/vector_math.h"
#include "ops/activation.h"

namespace fastnn::cpu {

using ops::ActivationKind;

// NaN in gives NaN out in every branch.
template <ActivationKind K, class V>
FASTNN_INLINE V activate(V x, Elem<V> alpha) {
  using T = Elem<V>;
  const V nought = zero<V>();
  const V one = broadcast<V>(T(1));
  constexpr T kSeluScale = T(1.0507009873554804934193349852946);
  constexpr T kSeluAlpha = T(1.6732632423543772848170429916717);
  if constexpr (K == ActivationKind::linear) return x;
  if constexpr (K == ActivationKind::relu) return max(nought, x);
  if constexpr (K == ActivationKind::leaky_relu) return select(less(x, nought), x * broadcast<V>(alpha), x);
  if constexpr (K == ActivationKind::elu) return select(less(x, nought), broadcast<V>(alpha) * expm1(x), x);
  if constexpr (K == ActivationKind::selu) {
    return broadcast<V>(kSeluScale) * select(less(x, nought), broadcast<V>(kSeluAlpha) * expm1(x), x);
  }
  if constexpr (K == ActivationKind::celu) {
    return select(less(x, nought), broadcast<V>(alpha) * expm1(x / broadcast<V>(alpha)), x);
  }
  if constexpr (K == ActivationKind::gelu) {
    return broadcast<V>(T(0.5)) * x * (one + erf(x * broadcast<V>(T(0.70710678118654752440))));
  }
  if constexpr (K == ActivationKind::gelu_tanh) {
    const V inner = broadcast<V>(T(0.79788456080286535588)) * (x + broadcast<V>(T(0.044715)) * x * x * x);
    return broadcast<V>(T(0.5)) * x * (one + tanh(inner));
  }
  if constexpr (K == ActivationKind::silu) return x * sigmoid(x);
  if constexpr (K == ActivationKind::mish) return x * tanh(softplus(x));
  if constexpr (K == ActivationKind::sigmoid) return sigmoid(x);
  if constexpr (K == ActivationKind::hard_sigmoid) {
    const V t = x * broadcast<V>(T(1.0 / 6.0)) + broadcast<V>(T(0.5));
    return min(one, max(nought, t));
  }
  if constexpr (K == ActivationKind::tanh) return tanh(x);
  if constexpr (K == ActivationKind::softplus) return softplus(x);
  if constexpr (K == ActivationKind::softsign) return x / (one + abs(x));
  if constexpr (K == ActivationKind::exponential) return exp(x);
}

/// The same for U vectors.
template <ActivationKind K, class V, int U>
FASTNN_INLINE void activate(V (&x)[U], Elem<V> alpha) {
  if constexpr (K == ActivationKind::tanh) {
    tanh(x);
  } else {
    for (V& v : x) v = activate<K>(v, alpha);
  }
}

/// y[i] = f(x[i]); y may be x.
template <ActivationKind K, class T>
FASTNN_INLINE void activate_run(const T* x, T* y, int64_t count, T alpha) {
  constexpr int L = vector_lanes<T>;
  constexpr int U = vector_registers == 32 ? 4 : 2;
  using V = Vec<T, L>;
  int64_t i = 0;
  for (; i + U * L <= count; i += U * L) {
    V v[U];
    for (int u = 0; u < U; ++u) v[u] = load<V>(x + i + u * L);
    activate<K>(v, alpha);
    for (int u = 0; u < U; ++u) store(y + i + u * L, v[u]);
  }
  for (; i < count; i += L) {
    const int64_t width = count - i;
    if (width >= L) {
      store(y + i, activate<K>(load<V>(x + i), alpha));
    } else {
      store_partial(y + i, activate<K>(load_partial<V>(x + i, width), alpha), width);
    }
  }
}

// f'(x); kinds of derivative_from_output() read y = f(x) (leaky_relu with a negative alpha: x in its place),
// the others x.
template <ActivationKind K, class V>
FASTNN_INLINE V activation_derivative(V x, V y, Elem<V> alpha) {
  using T = Elem<V>;
  const V nought = zero<V>();
  const V one = broadcast<V>(T(1));
  constexpr T kSeluScale = T(1.0507009873554804934193349852946);
  constexpr T kSeluAlpha = T(1.6732632423543772848170429916717);
  if constexpr (K == ActivationKind::linear) return one;
  if constexpr (K == ActivationKind::relu) return select(greater(y, nought), one, nought);
  // y is -0 where alpha is 0, so it must be compared from above.
  if constexpr (K == ActivationKind::leaky_relu) return select(greater(y, nought), one, broadcast<V>(alpha));
  if constexpr (K == ActivationKind::elu) return select(less(x, nought), broadcast<V>(alpha) * exp(x), one);
  if constexpr (K == ActivationKind::selu) {
    return broadcast<V>(kSeluScale) * select(less(x, nought), broadcast<V>(kSeluAlpha) * exp(x), one);
  }
  if constexpr (K == ActivationKind::celu) {
    return select(less(x, nought), exp(x / broadcast<V>(alpha)), one);
  }
  if constexpr (K == ActivationKind::gelu) {
    const V cdf = broadcast<V>(T(0.5)) * (one + erf(x * broadcast<V>(T(0.70710678118654752440))));
    const V pdf = broadcast<V>(T(0.39894228040143267794)) * exp(broadcast<V>(T(-0.5)) * x * x);
    return cdf + x * pdf;
  }
  if constexpr (K == ActivationKind::gelu_tanh) {
    const V root = broadcast<V>(T(0.79788456080286535588));
    const V cubic = broadcast<V>(T(0.044715));
    const V t = tanh(root * (x + cubic * x * x * x));
    const V inner = root * (one + broadcast<V>(T(3)) * cubic * x * x);
    return broadcast<V>(T(0.5)) * (one + t) + broadcast<V>(T(0.5)) * x * (one - t * t) * inner;
  }
  if constexpr (K == ActivationKind::silu) {
    const V s = sigmoid(x);
    return s * (one + x * (one - s));
  }
  if constexpr (K == ActivationKind::mish) {
    const V t = tanh(softplus(x));
    return t + x * (one - t * t) * sigmoid(x);
  }
  if constexpr (K == ActivationKind::sigmoid) return y * (one - y);
  if constexpr (K == ActivationKind::hard_sigmoid) {
    const V limit = broadcast<V>(T(3));
    return select(less(abs(x), limit), broadcast<V>(T(1.0 / 6.0)), nought);
  }
  if constexpr (K == ActivationKind::tanh) return one - y * y;
  if constexpr (K == ActivationKind::softplus) return sigmoid(x);
  if constexpr (K == ActivationKind::softsign) {
    const V d = one + abs(x);
    return one / (d * d);
  }
  if constexpr (K == ActivationKind::exponential) return y;
}

/// Calls body.template operator()<kind>() for the kind given at run time.
template <class Body>
inline void with_activation(ActivationKind kind, Body&& body) {
  using K = ActivationKind;
  switch (kind) {
#define FASTNN_ACTIVATION(name) \
  case K::name:                 \
    return body.template operator()<K::name>();
    FASTNN_ACTIVATION(linear)
    FASTNN_ACTIVATION(relu)
    FASTNN_ACTIVATION(leaky_relu)
    FASTNN_ACTIVATION(elu)
    FASTNN_ACTIVATION(selu)
    FASTNN_ACTIVATION(celu)
    FASTNN_ACTIVATION(gelu)
    FASTNN_ACTIVATION(gelu_tanh)
    FASTNN_ACTIVATION(silu)
    FASTNN_ACTIVATION(mish)
    FASTNN_ACTIVATION(sigmoid)
    FASTNN_ACTIVATION(hard_sigmoid)
    FASTNN_ACTIVATION(tanh)
    FASTNN_ACTIVATION(softplus)
    FASTNN_ACTIVATION(softsign)
    FASTNN_ACTIVATION(exponential)
#undef FASTNN_ACTIVATION
    case K::count:
      return;
  }
}

}  // namespace fastnn::cpu

// Every elementwise loss and its slope, once, over Vec<T, L>: p is the prediction, t the target.
#pragma once

#include "cpu/simd.h"
#include "cpu/vector_math.h"
#include "ops/elementwise_loss.h"

namespace fastnn::cpu {

using ops::LossKind;

template <class T>
struct LossParameters {
  explicit LossParameters(const ops::ElementwiseLossConfig& c)
      : delta(static_cast<T>(c.delta)),
        smoothing(static_cast<T>(c.label_smoothing)),
        gamma(static_cast<T>(c.gamma)),
        alpha(static_cast<T>(c.alpha)),
        threshold(static_cast<T>(c.threshold)),
        balanced(c.balanced) {}
  T delta, smoothing, gamma, alpha, threshold;
  bool balanced;
};

namespace detail {

template <class T>
inline constexpr T loss_epsilon = static_cast<T>(ops::kLossEpsilon);
template <class T>
inline constexpr T loss_high = static_cast<T>(1.0 - ops::kLossEpsilon);

// x within [low, high]; a NaN stays one.
template <class V>
FASTNN_INLINE V clip(V x, Elem<V> low, Elem<V> high) {
  return min(broadcast<V>(high), max(broadcast<V>(low), x));
}
// v where x lies within [low, high], else 0: the slope through a clip.
template <class V>
FASTNN_INLINE V inside(V x, Elem<V> low, Elem<V> high, V v) {
  const auto out = mask_or(less(x, broadcast<V>(low)), greater(x, broadcast<V>(high)));
  return select(out, zero<V>(), v);
}
template <class V>
FASTNN_INLINE V sign(V x) {
  const V one = broadcast<V>(Elem<V>(1));
  return select(greater(x, zero<V>()), one, select(less(x, zero<V>()), -one, x));
}
// Targets of hinge losses: 0 stands for -1.
template <class V>
FASTNN_INLINE V two_sided(V t) {
  return select(equal(t, zero<V>()), broadcast<V>(Elem<V>(-1)), t);
}
// Labels of cross-entropies, moved towards 1/2.
template <class V>
FASTNN_INLINE V smoothed(V t, Elem<V> smoothing) {
  using T = Elem<V>;
  return smoothing == T(0) ? t : t * broadcast<V>(T(1) - smoothing) + broadcast<V>(T(0.5) * smoothing);
}
// m^gamma for m >= 0; the usual exponents without a power.
template <class V>
FASTNN_INLINE V focal_power(V m, Elem<V> gamma) {
  using T = Elem<V>;
  if (gamma == T(2)) return m * m;
  if (gamma == T(1)) return m;
  if (gamma == T(0)) return broadcast<V>(T(1));
  return pow(m, broadcast<V>(gamma));
}
// d/dm of it. m is kept away from 0, where the slope of a power below 1 is infinite.
template <class V>
FASTNN_INLINE V focal_slope(V m, Elem<V> gamma) {
  using T = Elem<V>;
  if (gamma == T(2)) return m + m;
  if (gamma == T(1)) return broadcast<V>(T(1));
  if (gamma == T(0)) return zero<V>();
  return broadcast<V>(gamma) * pow(max(broadcast<V>(T(1e-30)), m), broadcast<V>(gamma - T(1)));
}

// The parts of a binary focal loss: cross-entropy b, 1 - p_t, the class' weight, and the slopes of the former
// two.
template <bool Logits, class V>
struct BinaryFocal {
  using T = Elem<V>;
  V cross_entropy, miss, weight, cross_entropy_slope, miss_slope;

  FASTNN_INLINE BinaryFocal(V p, V t, const LossParameters<T>& k) {
    const V one = broadcast<V>(T(1));
    const V y = smoothed(t, k.smoothing);
    weight = k.balanced ? y * broadcast<V>(k.alpha) + (one - y) * broadcast<V>(T(1) - k.alpha) : one;
    miss_slope = one - y - y;
    if constexpr (Logits) {
      const V q = sigmoid(p);
      const V rest = sigmoid(-p);
      cross_entropy = softplus(p) - y * p;
      cross_entropy_slope = q - y;
      miss = y * rest + (one - y) * q;
      miss_slope = miss_slope * q * rest;
    } else {
      const V q = clip(p, loss_epsilon<T>, loss_high<T>);
      cross_entropy = -(y * log(q) + (one - y) * log(one - q));
      cross_entropy_slope = inside(p, loss_epsilon<T>, loss_high<T>, (one - y) / (one - q) - y / q);
      miss = max(zero<V>(), y * (one - p) + (one - y) * p);
    }
  }
};

}  // namespace detail

/// f(p, t)
template <LossKind K, class V>
FASTNN_INLINE V loss_value(V p, V t, const LossParameters<Elem<V>>& k) {
  using T = Elem<V>;
  const V one = broadcast<V>(T(1));
  const V d = p - t;
  if constexpr (K == LossKind::squared_error) return d * d;
  if constexpr (K == LossKind::absolute_error) return abs(d);
  if constexpr (K == LossKind::absolute_percentage_error) {
    return broadcast<V>(T(100)) * abs(d) / max(broadcast<V>(detail::loss_epsilon<T>), abs(t));
  }
  if constexpr (K == LossKind::squared_logarithmic_error) {
    const V least = broadcast<V>(detail::loss_epsilon<T>);
    const V e = log1p(max(least, p)) - log1p(max(least, t));
    return e * e;
  }
  if constexpr (K == LossKind::huber) {
    const V a = abs(d);
    const V delta = broadcast<V>(k.delta);
    const V half = broadcast<V>(T(0.5));
    return select(greater(a, delta), delta * (a - half * delta), half * d * d);
  }
  if constexpr (K == LossKind::log_cosh) {
    // cosh a - 1 = e^2 / (2 (1 + e)) with e = exp(-a) - 1: exact near 0, where the logarithm of cosh would
    // cancel.
    const V a = abs(d);
    const V e = expm1(-a);
    const V near = log1p(broadcast<V>(T(0.5)) * e * e / (one + e));
    const V far = a + (log1p((one + e) * (one + e)) - broadcast<V>(T(0.69314718055994530942)));
    return select(less(a, one), near, far);
  }
  if constexpr (K == LossKind::poisson) return p - t * log(p + broadcast<V>(detail::loss_epsilon<T>));
  if constexpr (K == LossKind::hinge) return max(zero<V>(), one - detail::two_sided(t) * p);
  if constexpr (K == LossKind::squared_hinge) {
    const V h = max(zero<V>(), one - detail::two_sided(t) * p);
    return h * h;
  }
  if constexpr (K == LossKind::kl_divergence) {
    const V target = detail::clip(t, detail::loss_epsilon<T>, T(1));
    return target * log(target / detail::clip(p, detail::loss_epsilon<T>, T(1)));
  }
  if constexpr (K == LossKind::binary_cross_entropy) {
    const V y = detail::smoothed(t, k.smoothing);
    const V q = detail::clip(p, detail::loss_epsilon<T>, detail::loss_high<T>);
    return -(y * log(q) + (one - y) * log(one - q));
  }
  if constexpr (K == LossKind::binary_cross_entropy_logits)
    return softplus(p) - detail::smoothed(t, k.smoothing) * p;
  if constexpr (K == LossKind::binary_focal || K == LossKind::binary_focal_logits) {
    const detail::BinaryFocal<K == LossKind::binary_focal_logits, V> parts(p, t, k);
    return parts.weight * detail::focal_power(parts.miss, k.gamma) * parts.cross_entropy;
  }
  if constexpr (K == LossKind::equal) return select(equal(p, t), one, zero<V>());
  if constexpr (K == LossKind::threshold_equal) {
    const V decided = select(greater(p, broadcast<V>(k.threshold)), one, zero<V>());
    const V wanted = select(greater(t, broadcast<V>(T(0.5))), one, zero<V>());
    return select(mask_or(isnan(d), not_equal(decided, wanted)), zero<V>(), one);
  }
}

/// df/dp
template <LossKind K, class V>
FASTNN_INLINE V loss_slope(V p, V t, const LossParameters<Elem<V>>& k) {
  using T = Elem<V>;
  const V one = broadcast<V>(T(1));
  const V d = p - t;
  if constexpr (K == LossKind::squared_error) return d + d;
  if constexpr (K == LossKind::absolute_error) return detail::sign(d);
  if constexpr (K == LossKind::absolute_percentage_error) {
    return broadcast<V>(T(100)) * detail::sign(d) / max(broadcast<V>(detail::loss_epsilon<T>), abs(t));
  }
  if constexpr (K == LossKind::squared_logarithmic_error) {
    const V least = broadcast<V>(detail::loss_epsilon<T>);
    const V e = log1p(max(least, p)) - log1p(max(least, t));
    return select(less(p, least), zero<V>(), (e + e) / (one + p));
  }
  if constexpr (K == LossKind::huber) {
    const V delta = broadcast<V>(k.delta);
    return min(delta, max(-delta, d));
  }
  if constexpr (K == LossKind::log_cosh) return tanh(d);
  if constexpr (K == LossKind::poisson) return one - t / (p + broadcast<V>(detail::loss_epsilon<T>));
  if constexpr (K == LossKind::hinge) {
    const V sided = detail::two_sided(t);
    return select(less_equal(one - sided * p, zero<V>()), zero<V>(), -sided);
  }
  if constexpr (K == LossKind::squared_hinge) {
    const V sided = detail::two_sided(t);
    const V h = max(zero<V>(), one - sided * p);
    return broadcast<V>(T(-2)) * h * sided;
  }
  if constexpr (K == LossKind::kl_divergence) {
    return detail::inside(p, detail::loss_epsilon<T>, T(1),
                          -detail::clip(t, detail::loss_epsilon<T>, T(1)) / p);
  }
  if constexpr (K == LossKind::binary_cross_entropy) {
    const V y = detail::smoothed(t, k.smoothing);
    return detail::inside(p, detail::loss_epsilon<T>, detail::loss_high<T>, (one - y) / (one - p) - y / p);
  }
  if constexpr (K == LossKind::binary_cross_entropy_logits)
    return sigmoid(p) - detail::smoothed(t, k.smoothing);
  if constexpr (K == LossKind::binary_focal || K == LossKind::binary_focal_logits) {
    const detail::BinaryFocal<K == LossKind::binary_focal_logits, V> parts(p, t, k);
    return parts.weight * (detail::focal_slope(parts.miss, k.gamma) * parts.miss_slope * parts.cross_entropy +
                           detail::focal_power(parts.miss, k.gamma) * parts.cross_entropy_slope);
  }
  if constexpr (K == LossKind::equal || K == LossKind::threshold_equal) return zero<V>();
}

/// Calls body.template operator()<kind>() for the kind given at run time.
template <class Body>
inline void with_loss(LossKind kind, Body&& body) {
  using K = LossKind;
  switch (kind) {
#define FASTNN_LOSS(name) \
  case K::name:           \
    return body.template operator()<K::name>();
    FASTNN_LOSS(squared_error)
    FASTNN_LOSS(absolute_error)
    FASTNN_LOSS(absolute_percentage_error)
    FASTNN_LOSS(squared_logarithmic_error)
    FASTNN_LOSS(huber)
    FASTNN_LOSS(log_cosh)
    FASTNN_LOSS(poisson)
    FASTNN_LOSS(hinge)
    FASTNN_LOSS(squared_hinge)
    FASTNN_LOSS(kl_divergence)
    FASTNN_LOSS(binary_cross_entropy)
    FASTNN_LOSS(binary_cross_entropy_logits)
    FASTNN_LOSS(binary_focal)
    FASTNN_LOSS(binary_focal_logits)
    FASTNN_LOSS(equal)
    FASTNN_LOSS(threshold_equal)
#undef FASTNN_LOSS
    case K::count:
      return;
  }
}

}  // namespace fastnn::cpu

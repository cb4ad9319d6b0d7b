// Elementary functions over Vec<float, L> and Vec<double, L>, any L, scalars included.
//
// float: the polynomials below, without branches; one lane alone gives the same bits as the same lane of any
// vector of the same instruction set. The largest errors stand at each function in ulps, with AVX-512: over
// all floats, but for softplus, sin, cos and pow over millions of every exponent. The SSE level, without FMA,
// rounds more often: up to 1.2 for exp. Infinities, NaN and signed zeros come out as in C. Results too small
// for a normal float may be flushed to zero, where the comment says so; denormal arguments are used as they
// are, unless the thread runs with denormals disabled.
//
// double: lane by lane the standard library's function.
//
// Where a product must not be fused with a sum by the compiler, or must, fma() says which; nothing here
// depends on -ffp-contract. The coefficients are minimax fits, rounded one by one to float with the rest
// fitted again; errors given as powers of two are relative ones of the approximation alone.
#pragma once

#include "simd.h"

namespace fastnn::cpu {

namespace detail {

template <class V>
inline constexpr bool is_float = std::is_same_v<Elem<V>, float>;

// Applies a function of one element to each lane.
template <class V, class F>
FASTNN_INLINE V each_lane(V x, F f) {
  if constexpr (lanes<V> == 1) {
    return f(x);
  } else {
    for (int i = 0; i < lanes<V>; ++i) x[i] = f(x[i]);
    return x;
  }
}

// c0 + x * (c1 + x * (c2 + ...)).
template <class V, class... C>
FASTNN_INLINE V horner(V x, Elem<V> c0, C... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return broadcast<V>(c0);
  } else {
    return fma(horner(x, rest...), x, broadcast<V>(c0));
  }
}

// a * 2^n for whole n, |n| <= 250 and 0.25 < |a| < 4; overflows to infinity and underflows gradually.
template <class V>
FASTNN_INLINE V scale_pow2(V a, V n) {
  if constexpr (requires { native_scale_pow2(a, n); }) {
    return native_scale_pow2(a, n);
  } else {
    using I = Bits<V>;
    const I i = convert<I>(n), half = i >> 1;
    const I bias = broadcast<I>(127);
    return a * bit_cast<V>((half + bias) << 23) * bit_cast<V>((i - half + bias) << 23);
  }
}

// n = round(x / ln 2) and r = x - n ln 2, |r| <= 0.3467; the high part of ln 2 has 9 bits, so that n * high
// is exact without FMA, too.
inline constexpr float inv_ln2 = 1.44269504088896341f;
inline constexpr float ln2_high = 0.693359375f;
inline constexpr float ln2_low = -2.1219444005469058e-4f;
template <class V>
FASTNN_INLINE V reduce_ln2(V x, V n) {
  return fma(n, broadcast<V>(-ln2_low), fma(n, broadcast<V>(-ln2_high), x));
}

// Adding this rounds to a whole number n and leaves n + 126 in the low bits, ready to be an exponent field.
inline constexpr float round_to_exponent = 12582912.0f + 126.0f;

// e^r on |r| <= 0.3467: degree 6, 2^-28.1.
template <class V>
FASTNN_INLINE V exp_reduced(V r) {
  return horner(r, 1.0f, 1.0f, 0.49999994f, 0.16666517f, 0.041668247f, 0.008369085f, 0.0013819127f);
}

// (e^c - 1) / 2 on -25 <= c <= 89, accurate near 0.
template <class V>
FASTNN_INLINE V half_expm1(V c) {
  const V magic = broadcast<V>(round_to_exponent);
  const V t = fma(c, broadcast<V>(inv_ln2), magic);
  const V r = reduce_ln2(c, t - magic);
  // e^r - 1 = r + r^2 q: degree 6, 2^-26.1.
  const V q = horner(r, 0.49999997f, 0.16666539f, 0.04166775f, 0.008367131f, 0.001383643f);
  const V half = bit_cast<V>(to_bits(t) << 23);  // 2^(n-1)
  return fma(fma(r * r, q, r), half, half - broadcast<V>(0.5f));
}

// x = m * 2^k with m in [0.75, 1.5), for 0 < x < inf (x may be denormal).
template <class V>
FASTNN_INLINE void split_exponent(V x, V& m, V& k) {
  if constexpr (requires { native_mantissa(x); }) {
    m = native_mantissa(x);
    k = native_exponent(x) - native_exponent(m);
  } else {
    using I = Bits<V>;
    const Mask<V> tiny = less(x, broadcast<V>(0x1p-126f));
    const I base = broadcast<I>(0x3f400000);  // 0.75
    const I positive = to_bits(select(tiny, x * broadcast<V>(0x1p23f), x)) & broadcast<I>(0x7fffffff);
    const I i = positive - base;
    m = bit_cast<V>((i & broadcast<I>(0x007fffff)) + base);
    k = convert<V>(i >> 23) - select(tiny, broadcast<V>(23.0f), zero<V>());
  }
}

// log(1 + f) + k ln 2 on -0.25 <= f <= 0.5: degree 10, 2^-27.3.
template <class V>
FASTNN_INLINE V log_reduced(V f, V k) {
  const V y = horner(f, -0.5f, 0.3333345f, -0.25000104f, 0.19990832f, -0.16646273f, 0.14476188f, -0.13171476f,
                     0.10499825f, -0.04537463f);
  return fma(k, broadcast<V>(ln2_high), f + fma(y, f * f, k * broadcast<V>(ln2_low)));
}

// Replaces y = log(u) where u is not a positive number: -inf at 0, NaN below and for NaN, inf at inf.
template <class V>
FASTNN_INLINE V log_specials(V u, V y) {
  const V inf = broadcast<V>(std::numeric_limits<float>::infinity());
  const V nan = broadcast<V>(std::numeric_limits<float>::quiet_NaN());
  const V special = select(equal(u, zero<V>()), -inf, select(equal(u, inf), inf, nan));
  return select(mask_and(greater(u, zero<V>()), less(u, inf)), y, special);
}

}  // namespace detail

// e^x. 0.9 ulp. With AVX-512 results underflow gradually, elsewhere those below 2^-125 are 0.
template <class V>
FASTNN_INLINE V exp(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) { return std::exp(e); });
  } else if constexpr (requires { detail::native_scale_pow2(x, x); }) {
    x = max(broadcast<V>(-104.0f), min(broadcast<V>(89.0f), x));
    const V n = round(x * broadcast<V>(detail::inv_ln2));
    return detail::native_scale_pow2(detail::exp_reduced(detail::reduce_ln2(x, n)), n);
  } else {
    // As 2 e^r * 2^(n-1), because 2^128 is not a float; 2^(n-1) is 0 at the lower limit, where n = -126.
    x = max(broadcast<V>(-87.4f), min(broadcast<V>(89.0f), x));
    const V magic = broadcast<V>(detail::round_to_exponent);
    const V t = fma(x, broadcast<V>(detail::inv_ln2), magic);
    const V p = detail::exp_reduced(detail::reduce_ln2(x, t - magic));
    return (p + p) * bit_cast<V>(to_bits(t) << 23);
  }
}

// e^x - 1. 1.6 ulp.
template <class V>
FASTNN_INLINE V expm1(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) { return std::expm1(e); });
  } else {
    const V h = detail::half_expm1(max(broadcast<V>(-25.0f), min(broadcast<V>(89.0f), x)));
    // Tiny arguments are their own results; this also keeps -0 and denormals.
    return select(less(abs(x), broadcast<V>(0x1p-25f)), x, h + h);
  }
}

// Natural logarithm. 1.0 ulp. log(0) = -inf, log(x < 0) = NaN.
template <class V>
FASTNN_INLINE V log(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) { return std::log(e); });
  } else {
    V m, k;
    detail::split_exponent(x, m, k);
    return detail::log_specials(x, detail::log_reduced(m - broadcast<V>(1.0f), k));
  }
}

// log(1 + x), accurate near 0. 1.0 ulp. log1p(-1) = -inf, NaN below.
template <class V>
FASTNN_INLINE V log1p(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) { return std::log1p(e); });
  } else {
    const V one = broadcast<V>(1.0f);
    const V u = one + x, b = u - one;
    const V lost = (one - (u - b)) + (x - b);  // 1 + x = u + lost exactly
    V m, k;
    detail::split_exponent(u, m, k);
    using I = Bits<V>;
    // lost * 2^-k; beyond 2^126 it no longer matters.
    const I shift = broadcast<I>(127) - convert<I>(min(max(k, broadcast<V>(-30.0f)), broadcast<V>(126.0f)));
    const V y = detail::log_reduced((m - one) + lost * bit_cast<V>(shift << 23), k);
    return copysign(detail::log_specials(u, y), x);
  }
}

// Hyperbolic tangent of U vectors at once, whose chains of operations then overlap. 2.5 ulp; odd, and never
// beyond +-1.
template <class V, int U>
FASTNN_INLINE void tanh(V (&x)[U]) {
  if constexpr (!detail::is_float<V>) {
    for (V& v : x) v = detail::each_lane(v, [](Elem<V> e) { return std::tanh(e); });
  } else {
    // With e = e^(-2|x|), tanh |x| = (1 - e) / (1 + e) = h / (1 - h), h = (1 - e) / 2, and e = 2^n e^(-2w),
    // w = |x| + n ln 2 / 2. As n <= 0, what ln 2 lacks as a float is lost beside 1.
    const V magic = broadcast<V>(detail::round_to_exponent), half = broadcast<V>(0.5f);
    V w[U], t[U], n[U], q[U], h[U];
    for (int u = 0; u < U; ++u) w[u] = min(broadcast<V>(12.5f), abs(x[u]));
    for (int u = 0; u < U; ++u) t[u] = fma(w[u], broadcast<V>(-2 * detail::inv_ln2), magic);
    for (int u = 0; u < U; ++u) n[u] = t[u] - magic;
    for (int u = 0; u < U; ++u) w[u] = fma(n[u], broadcast<V>(0.34657359f), w[u]);
    // (1 - e^(-2w)) / 2 = w + w^2 q on |w| <= 0.1734: degree 6, 2^-26.1, as in half_expm1.
    for (int u = 0; u < U; ++u) q[u] = fma(w[u], broadcast<V>(-0.044276576f), broadcast<V>(0.133874096f));
    for (int u = 0; u < U; ++u) q[u] = fma(q[u], w[u], broadcast<V>(-0.333342f));
    for (int u = 0; u < U; ++u) q[u] = fma(q[u], w[u], broadcast<V>(0.66666156f));
    for (int u = 0; u < U; ++u) q[u] = fma(q[u], w[u], broadcast<V>(-0.99999994f));
    for (int u = 0; u < U; ++u) q[u] = fma(w[u] * w[u], q[u], w[u]);
    for (int u = 0; u < U; ++u) {
      const V power = bit_cast<V>(to_bits(t[u]) << 23);  // 2^(n-1)
      h[u] = fma(q[u], power + power, half - power);
    }
    for (int u = 0; u < U; ++u) h[u] = h[u] / (broadcast<V>(1.0f) - h[u]);
    for (int u = 0; u < U; ++u) x[u] = copysign(h[u], x[u]);
  }
}
template <class V>
FASTNN_INLINE V tanh(V x) {
  V one[1] = {x};
  tanh(one);
  return one[0];
}

// 1 / (1 + e^-x). 2.5 ulp. Below -88.4 it is 0 (its true value is not a normal float).
template <class V>
FASTNN_INLINE V sigmoid(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) {
      if (e >= 0) return 1 / (1 + std::exp(-e));
      const Elem<V> s = std::exp(e);
      return s / (1 + s);
    });
  } else {
    const V one = broadcast<V>(1.0f);
    return one / (one + exp(-x));
  }
}

// Error function. 3.2 ulp; odd, and never beyond +-1.
template <class V>
FASTNN_INLINE V erf(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) { return std::erf(e); });
  } else {
    // erf a = 1 - e^(-a G(a)), G = -log(erfc a) / a, up to where erf rounds to 1: degree 7, 2^-24.2.
    const V a = min(broadcast<V>(3.93f), abs(x));
    const V g = detail::horner(a, 1.1283792f, 0.63661516f, 0.10282904f, -0.01937804f, 0.00030336907f,
                               0.0011692416f, -0.00034811103f, 3.5802914e-05f);
    const V h = detail::half_expm1(-(a * g));
    return copysign(h + h, x);
  }
}

// log(1 + e^x), without overflow. 1.6 ulp.
template <class V>
FASTNN_INLINE V softplus(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(
        x, [](Elem<V> e) { return (e > 0 ? e : Elem<V>(0)) + std::log1p(std::exp(-std::fabs(e))); });
  } else {
    // max(x, 0) + log(1 + e), e = e^-|x| in [0, 1]: log1p without its special cases.
    const V one = broadcast<V>(1.0f), half = broadcast<V>(0.5f);
    const V e = exp(-abs(x));
    const V u = one + e, lost = e - (u - one);
    const Mask<V> upper = greater_equal(u, broadcast<V>(1.5f));
    const V scale = select(upper, half, one), k = select(upper, one, zero<V>());
    return max(x, zero<V>()) + detail::log_reduced(fma(u, scale, -one) + lost * scale, k);
  }
}

namespace detail {

// (m 2^k)^y = f 2^n for 0.75 <= m < 1.5, the logarithm and its product with y in double.
template <class V>
FASTNN_INLINE void pow_reduced(V m, V k, V y, V& f, V& n) {
  using D = Vec<double, lanes<V>>;
  if constexpr (lanes<V> > 1 && sizeof(D) > vector_bytes) {
    Half<V> f0, f1, n0, n1;
    pow_reduced(low_half(m), low_half(k), low_half(y), f0, n0);
    pow_reduced(high_half(m), high_half(k), high_half(y), f1, n1);
    f = combine(f0, f1);
    n = combine(n0, n1);
  } else {
    const D d = convert<D>(m), one = broadcast<D>(1.0);
    const D t = (d - one) / (d + one);
    // log2(m) = t P(t^2): 2^-35.5.
    const D p = horner(t * t, 2.8853900818364346, 0.9617966212964791, 0.5770924180051438, 0.4112027038269397,
                       0.34844672075410155);
    D z = fma(t, p, convert<D>(k)) * convert<D>(y);
    z = max(broadcast<D>(-160.0), min(broadcast<D>(160.0), z));
    const D whole = round(z);
    n = convert<V>(whole);
    // 2^(z - n) on |z - n| <= 0.5: degree 6, 2^-29.
    f = convert<V>(horner(z - whole, 1.000000000558596, 0.6931472058869247, 0.240226468678299,
                          0.05550328450769259, 0.009618490394013472, 0.001340006331749346,
                          0.00015345697105863005));
  }
}

}  // namespace detail

// x^y for x >= 0; NaN for x < 0. 0.8 ulp. pow(1, y) = pow(x, 0) = 1 for all of y, x.
template <class V>
FASTNN_INLINE V pow(V x, V y) {
  if constexpr (!detail::is_float<V>) {
    if constexpr (lanes<V> == 1) {
      return std::pow(x, y);
    } else {
      for (int i = 0; i < lanes<V>; ++i) x[i] = std::pow(x[i], y[i]);
      return x;
    }
  } else {
    V m, k, f, n;
    detail::split_exponent(x, m, k);
    detail::pow_reduced(m, k, y, f, n);
    const V r = detail::scale_pow2(f, n);
    const V inf = broadcast<V>(std::numeric_limits<float>::infinity()), none = zero<V>();
    const V nan = broadcast<V>(std::numeric_limits<float>::quiet_NaN());
    // 0 and inf to a power are 0 or inf.
    const V limit = select(greater(y, none), x, select(equal(x, none), inf, none));
    V result = select(mask_or(equal(x, none), equal(x, inf)), limit, r);
    result = select(mask_or(mask_not(greater_equal(x, none)), isnan(y)), nan, result);
    return select(mask_or(equal(x, broadcast<V>(1.0f)), equal(y, none)), broadcast<V>(1.0f), result);
  }
}

namespace detail {

// x = n pi/2 + r for |x| <= 2^19, in double: the high part of pi/2 has 33 bits, so that n * high is exact.
template <class V>
FASTNN_INLINE void reduce_quarters(V x, V& r, V& n) {
  using D = Vec<double, lanes<V>>;
  if constexpr (lanes<V> > 1 && sizeof(D) > vector_bytes) {
    Half<V> r0, r1, n0, n1;
    reduce_quarters(low_half(x), r0, n0);
    reduce_quarters(high_half(x), r1, n1);
    r = combine(r0, r1);
    n = combine(n0, n1);
  } else {
    const D d = convert<D>(x);
    const D whole = round(d * broadcast<D>(0.6366197723675814));
    const D rest = fma(whole, broadcast<D>(-1.5707963267341256), d);
    r = convert<V>(fma(whole, broadcast<D>(-6.077100506506192e-11), rest));
    n = convert<V>(whole);
  }
}

// sin(x + quarter * pi / 2).
template <class V>
FASTNN_INLINE V sin_quarters(V x, int quarter) {
  using I = Bits<V>;
  // Sines are taken of |x| and given its sign back, which keeps -0.
  V r, n;
  reduce_quarters(quarter == 0 ? abs(x) : x, r, n);
  const V u = r * r;
  // On |r| <= pi/4: sin r = r + r^3 S(r^2), 2^-27.9; cos r = 1 - r^2/2 + r^4 C(r^2), 2^-33.
  const V s = fma(horner(u, -0.16666655f, 0.008332188f, -0.000195181f), u * r, r);
  const V c = horner(u, 1.0f, -0.5f, 0.041666646f, -0.001388731f, 2.4432355e-05f);
  const I q = convert<I>(n) + broadcast<I>(quarter);
  const I one = broadcast<I>(1), two = broadcast<I>(2);
  const V y = select(equal(q & one, one), c, s);
  const V signed_y = bit_cast<V>(to_bits(y) ^ ((q & two) << 30));
  if (quarter != 0) return signed_y;
  return bit_cast<V>(to_bits(signed_y) ^
                     (to_bits(x) & broadcast<I>(std::numeric_limits<std::int32_t>::min())));
}

// Whether a lane is too large for the reduction above, or not finite.
template <class V>
FASTNN_INLINE Mask<V> beyond_quarters(V x) {
  return mask_not(less_equal(abs(x), broadcast<V>(0x1p19f)));
}

}  // namespace detail

// Sine. 1.5 ulp. Lanes beyond 2^19 are computed one by one in double.
template <class V>
FASTNN_INLINE V sin(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) { return std::sin(e); });
  } else {
    const Mask<V> far = detail::beyond_quarters(x);
    const V y = detail::sin_quarters(select(far, zero<V>(), x), 0);
    if (!any(far)) [[likely]]
      return y;
    return select(far, detail::each_lane(x, [](float e) { return float(std::sin(double(e))); }), y);
  }
}

// Cosine. 1.5 ulp. Lanes beyond 2^19 are computed one by one in double.
template <class V>
FASTNN_INLINE V cos(V x) {
  if constexpr (!detail::is_float<V>) {
    return detail::each_lane(x, [](Elem<V> e) { return std::cos(e); });
  } else {
    const Mask<V> far = detail::beyond_quarters(x);
    const V y = detail::sin_quarters(select(far, zero<V>(), x), 1);
    if (!any(far)) [[likely]]
      return y;
    return select(far, detail::each_lane(x, [](float e) { return float(std::cos(double(e))); }), y);
  }
}

}  // namespace fastnn::cpu

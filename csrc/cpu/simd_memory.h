// The part of simd.h that moves data: partial loads and stores, conversions, transposition.
// Include simd.h.
#pragma once

namespace fastnn::cpu {

// ---- Partial loads and stores ---------------------------------------------------------------------------

// The first n elements at p (0 <= n <= lanes), zeros behind them. Memory beyond the n is not touched.
template <class V>
FASTNN_INLINE V load_partial(const Elem<V>* p, std::ptrdiff_t n) {
  constexpr int L = lanes<V>;
  using T = Elem<V>;
  using F = std::conditional_t<sizeof(T) == 8, double, float>;
  if constexpr (L == 1) {
    return n > 0 ? *p : T(0);
  } else if constexpr (sizeof(T) == sizeof(F) &&
                       requires(Vec<F, L>& v, const F* q) { detail::native_load_partial(q, n, v); }) {
    Vec<F, L> v;
    detail::native_load_partial(reinterpret_cast<const F*>(p), n, v);
    return bit_cast<V>(v);
  } else {
    if (n >= L) return load<V>(p);
    if constexpr (sizeof(T) >= 4) {
      using H = Vec<T, L / 2>;
      if (n >= L / 2) return combine(load<H>(p), load_partial<H>(p + L / 2, n - L / 2));
      return combine(load_partial<H>(p, n), H{});
    } else {
      T copy[L] = {};
      for (std::ptrdiff_t i = 0; i < n; ++i) copy[i] = p[i];
      return load<V>(copy);
    }
  }
}

// Writes the first n lanes to p (0 <= n <= lanes) and touches nothing beyond them.
template <class V>
FASTNN_INLINE void store_partial(Elem<V>* p, V v, std::ptrdiff_t n) {
  constexpr int L = lanes<V>;
  using T = Elem<V>;
  using F = std::conditional_t<sizeof(T) == 8, double, float>;
  if constexpr (L == 1) {
    if (n > 0) *p = v;
  } else if constexpr (sizeof(T) == sizeof(F) &&
                       requires(Vec<F, L> f, F* q) { detail::native_store_partial(q, f, n); }) {
    detail::native_store_partial(reinterpret_cast<F*>(p), bit_cast<Vec<F, L>>(v), n);
  } else if (n >= L) {
    store(p, v);
  } else if (n >= L / 2) {
    store(p, low_half(v));
    store_partial(p + L / 2, high_half(v), n - L / 2);
  } else {
    store_partial(p, low_half(v), n);
  }
}

// ---- Conversions ----------------------------------------------------------------------------------------

// Lane by lane static_cast (floating point to integer truncates).
template <class To, class From>
FASTNN_INLINE To convert(From v) {
  static_assert(lanes<To> == lanes<From>);
  if constexpr (std::is_same_v<Elem<To>, Elem<From>>) {
    return v;
  } else if constexpr (lanes<To> == 1) {
    return static_cast<To>(v);
  } else if constexpr (sizeof(To) > vector_bytes || sizeof(From) > vector_bytes) {
    using Half = Vec<Elem<To>, lanes<To> / 2>;
    return combine(convert<Half>(low_half(v)), convert<Half>(high_half(v)));
  } else if constexpr (std::is_integral_v<Elem<From>> && sizeof(Elem<From>) < 4 &&
                       std::is_floating_point_v<Elem<To>>) {
    // Through int32, for which every instruction set has a conversion.
    using Wide = Vec<std::int32_t, lanes<To>>;
    return __builtin_convertvector(__builtin_convertvector(v, Wide), To);
  } else {
    return __builtin_convertvector(v, To);
  }
}

namespace detail {
// Vectors of bool do not exist; a bool is a byte that is 0 or 1.
template <class U>
using Loadable = std::conditional_t<std::is_same_v<U, bool>, std::uint8_t, U>;
}  // namespace detail

// lanes<V> elements of another type (uint8, bool, int32, int64, double ...) converted to V.
template <class V, class U>
FASTNN_INLINE V load_convert(const U* p) {
  if constexpr (lanes<V> == 1) {
    return static_cast<V>(*p);
  } else {
    using S = detail::Loadable<U>;
    const S* q = reinterpret_cast<const S*>(p);
    if constexpr (requires(Vec<std::int32_t, lanes<V>>& w) { detail::native_widen(q, w); }) {
      Vec<std::int32_t, lanes<V>> w;
      detail::native_widen(q, w);
      return convert<V>(w);
    } else {
      return convert<V>(load<Vec<S, lanes<V>>>(q));
    }
  }
}

// The same for the first n elements (0 <= n <= lanes), zeros behind them.
template <class V, class U>
FASTNN_INLINE V load_convert_partial(const U* p, std::ptrdiff_t n) {
  if constexpr (lanes<V> == 1) {
    return n > 0 ? static_cast<V>(*p) : V{};
  } else {
    if (n >= lanes<V>) return load_convert<V>(p);
    U copy[lanes<V>] = {};
    for (std::ptrdiff_t i = 0; i < n; ++i) copy[i] = p[i];
    return load_convert<V>(copy);
  }
}

// ---- Transposition --------------------------------------------------------------------------------------

namespace detail {

// Vectors are handled as 16-byte blocks of B elements, for which each shuffle below is one instruction.
template <class T>
inline constexpr int block_elems = 16 / static_cast<int>(sizeof(T));

// Interleaves groups of G elements of a and b, from the low (Side 0) or high (Side 1) half of each block.
template <int G, int Side, class V, int... J>
FASTNN_INLINE V interleave(V a, V b, std::integer_sequence<int, J...>) {
  constexpr int B = block_elems<Elem<V>>;
  return shuffle<(J / B * B + Side * B / 2 + J % B / (2 * G) * G + J % G + (J / G % 2) * lanes<V>)...>(a, b);
}

// The even (Side 0) or odd (Side 1) blocks of a, then those of b.
template <int Side, class V, int... J>
FASTNN_INLINE V alternate_blocks(V a, V b, std::integer_sequence<int, J...>) {
  constexpr int B = block_elems<Elem<V>>, L = lanes<V>;
  return shuffle<((J % (L / 2)) / B * 2 * B + Side * B + J % B + (J < L / 2 ? 0 : L))...>(a, b);
}

// Transposes L vectors of whole blocks in place with log2(L) * L shuffles.
template <class T, int L>
FASTNN_INLINE void transpose_blocks(Vec<T, L> (&r)[L]) {
  constexpr int B = block_elems<T>;
  constexpr Indices<L> all{};
  static_assert(L % B == 0 && L / B <= 4);
  // Inside blocks: afterwards block k of vector B*i + c holds column B*k + c of rows B*i ... B*i + B - 1.
  for (int i = 0; i < L; i += 2) {
    const Vec<T, L> a = r[i], b = r[i + 1];
    r[i] = interleave<1, 0>(a, b, all);
    r[i + 1] = interleave<1, 1>(a, b, all);
  }
  if constexpr (B == 4) {
    for (int i = 0; i < L; i += 4) {
      const Vec<T, L> a = r[i], b = r[i + 1], c = r[i + 2], d = r[i + 3];
      r[i] = interleave<2, 0>(a, c, all);
      r[i + 1] = interleave<2, 1>(a, c, all);
      r[i + 2] = interleave<2, 0>(b, d, all);
      r[i + 3] = interleave<2, 1>(b, d, all);
    }
  }
  // Between blocks.
  if constexpr (L / B == 2) {
    for (int c = 0; c < B; ++c) {
      const Vec<T, L> a = r[c], b = r[B + c];
      r[c] = alternate_blocks<0>(a, b, all);
      r[B + c] = alternate_blocks<1>(a, b, all);
    }
  } else if constexpr (L / B == 4) {
    for (int c = 0; c < B; ++c) {
      const Vec<T, L> even0 = alternate_blocks<0>(r[c], r[B + c], all);
      const Vec<T, L> even1 = alternate_blocks<0>(r[2 * B + c], r[3 * B + c], all);
      const Vec<T, L> odd0 = alternate_blocks<1>(r[c], r[B + c], all);
      const Vec<T, L> odd1 = alternate_blocks<1>(r[2 * B + c], r[3 * B + c], all);
      r[c] = alternate_blocks<0>(even0, even1, all);
      r[B + c] = alternate_blocks<0>(odd0, odd1, all);
      r[2 * B + c] = alternate_blocks<1>(even0, even1, all);
      r[3 * B + c] = alternate_blocks<1>(odd0, odd1, all);
    }
  }
}

// Transposes L vectors in place.
template <class T, int L>
FASTNN_INLINE void transpose_registers(Vec<T, L> (&r)[L]) {
  if constexpr (L == 2 && sizeof(T) == 4) {
    // Half a block: elements that go with SSE's two doubles.
    const Vec<T, L> a = r[0], b = r[1];
    r[0] = shuffle<0, 2>(a, b);
    r[1] = shuffle<1, 3>(a, b);
  } else {
    transpose_blocks<T, L>(r);
  }
}

}  // namespace detail

// dst[j * dst_stride + i] = src[i * src_stride + j] for i, j < L; strides in elements.
// T is any 4- or 8-byte type.
template <class T, int L>
FASTNN_INLINE void transpose(const T* src, std::ptrdiff_t src_stride, T* dst, std::ptrdiff_t dst_stride) {
  if constexpr (L == 1) {
    *dst = *src;
  } else if constexpr (L * sizeof(T) > vector_bytes) {
    constexpr int H = L / 2;
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        transpose<T, H>(src + i * H * src_stride + j * H, src_stride, dst + j * H * dst_stride + i * H,
                        dst_stride);
      }
    }
  } else {
    using V = Vec<T, L>;
    V r[L];
    for (int i = 0; i < L; ++i) r[i] = load<V>(src + i * src_stride);
    detail::transpose_registers<T, L>(r);
    for (int j = 0; j < L; ++j) store(dst + j * dst_stride, r[j]);
  }
}

// The same for a block of rows x cols, both at most L; touches only the elements of the two blocks.
// L is 1 or at most vector_lanes<T>.
template <class T, int L>
FASTNN_INLINE void transpose_partial(const T* src, std::ptrdiff_t src_stride, int rows, int cols, T* dst,
                                     std::ptrdiff_t dst_stride) {
  if constexpr (L == 1) {
    if (rows > 0 && cols > 0) *dst = *src;
  } else {
    using V = Vec<T, L>;
    V r[L] = {};
    for (int i = 0; i < L; ++i) {
      if (i < rows) r[i] = load_partial<V>(src + i * src_stride, cols);
    }
    detail::transpose_registers<T, L>(r);
    for (int j = 0; j < L; ++j) {
      if (j < cols) store_partial(dst + j * dst_stride, r[j], rows);
    }
  }
}

}  // namespace fastnn::cpu

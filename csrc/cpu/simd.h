// SIMD, written once: vectors of L lanes over GCC's and Clang's vector extensions.
//
// `Vec<T, L>` is L elements of T; `Vec<T, 1>` is T itself, so that a kernel written over `Vec<T, L>` is the
// plain scalar loop at L = 1 and the fast form at L = vector_lanes<T>. Arithmetic, bit and shift operators
// come from the language; everything else is here, overloaded for scalars and vectors alike. Vectors wider
// than the instruction set's work (they are split in halves), they are only slower.
//
// All functions give, lane by lane, the bits that their scalar form gives. Never build with -ffast-math.
// Every function is inlined, so the calling convention of vectors does not matter: use -Wno-psabi.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#define FASTNN_INLINE inline __attribute__((always_inline))

namespace fastnn::cpu {

// ---- Types ----------------------------------------------------------------------------------------------

namespace detail {

template <class T, int L>
struct VecOf {
  static_assert(std::is_arithmetic_v<T> && L > 0 && (L & (L - 1)) == 0, "lanes must be a power of two");
  typedef T type __attribute__((vector_size(L * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(L * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <class T>
struct VecOf<T, 1> {
  typedef T type;
};

template <int Bytes>
struct IntOf;
template <>
struct IntOf<1> {
  using type = std::int8_t;
};
template <>
struct IntOf<2> {
  using type = std::int16_t;
};
template <>
struct IntOf<4> {
  using type = std::int32_t;
};
template <>
struct IntOf<8> {
  using type = std::int64_t;
};

template <class V>
struct Traits {
  using Elem = std::remove_cvref_t<decltype(std::declval<V&>()[0])>;
  static constexpr int lanes = sizeof(V) / sizeof(Elem);
};
template <class V>
  requires std::is_arithmetic_v<V>
struct Traits<V> {
  using Elem = V;
  static constexpr int lanes = 1;
};

}  // namespace detail

template <class T, int L>
using Vec = typename detail::VecOf<T, L>::type;

// Signed integers of the same width as T: bit patterns, and the masks that comparisons of vectors give.
template <class T, int L>
using VecInt = Vec<typename detail::IntOf<sizeof(T)>::type, L>;

// Element type and number of lanes of a vector or scalar type.
template <class V>
using Elem = typename detail::Traits<V>::Elem;
template <class V>
inline constexpr int lanes = detail::Traits<V>::lanes;

// The bits of V, and what comparing two V gives: bool for scalars, else lanes of all ones (true) or zero.
template <class V>
using Bits = VecInt<Elem<V>, lanes<V>>;
template <class V>
using Mask = std::conditional_t<lanes<V> == 1, bool, Bits<V>>;

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
#elif defined(__aarch64__)
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 32;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif

// Lanes of T in one vector register of the instruction set this file is compiled for.
template <class T>
inline constexpr int vector_lanes = vector_bytes / static_cast<int>(sizeof(T));

// Whether fma() rounds once.
#if defined(__FMA__) || defined(__AVX512F__) || defined(__aarch64__)
inline constexpr bool has_fma = true;
#else
inline constexpr bool has_fma = false;
#endif

}  // namespace fastnn::cpu

#include "simd_native.h"

namespace fastnn::cpu {

// ---- Denormal numbers ------------------------------------------------------------------------------------

// While it lives, its thread's arithmetic takes denormal numbers for zero, which some processors compute with
// a hundred times slower than with others. Loads and stores leave them as they are.
class DenormalsOff {
 public:
  DenormalsOff() : before_(detail::native_float_control()) { set(before_ | detail::denormals_off); }
  ~DenormalsOff() { set(before_); }
  DenormalsOff(const DenormalsOff&) = delete;
  DenormalsOff& operator=(const DenormalsOff&) = delete;

 private:
  static FASTNN_INLINE void set(std::uint64_t word) {
    asm volatile("" ::: "memory");  // arithmetic between two accesses to memory stays on its side
    detail::native_float_control(word);
    asm volatile("" ::: "memory");
  }
  const std::uint64_t before_;
};

// ---- Memory ---------------------------------------------------------------------------------------------

template <class V>
FASTNN_INLINE V zero() {
  return V{};
}

template <class V>
FASTNN_INLINE V broadcast(Elem<V> x) {
  if constexpr (lanes<V> == 1) {
    return x;
  } else if constexpr (std::is_floating_point_v<Elem<V>>) {
    return x - V{};  // x - 0 is x for every x, -0 and NaN included
  } else {
    return x + V{};
  }
}

// Unaligned load of lanes<V> elements.
template <class V>
FASTNN_INLINE V load(const Elem<V>* p) {
  if constexpr (lanes<V> == 1) {
    return *p;
  } else {
    using U = typename detail::VecOf<Elem<V>, lanes<V>>::unaligned;
    return (V) * reinterpret_cast<const U*>(p);
  }
}

// Keeps a loaded vector in a register: the compiler may not load it again for each of its uses.
template <class V>
FASTNN_INLINE V hold(V v) {
#if defined(__x86_64__)
  if constexpr (lanes<V> > 1 && sizeof(V) <= vector_bytes) asm("" : "+v"(v));
#endif
  return v;
}

// p must be aligned to sizeof(V).
template <class V>
FASTNN_INLINE V load_aligned(const Elem<V>* p) {
  return load<V>(static_cast<const Elem<V>*>(__builtin_assume_aligned(p, sizeof(V))));
}

template <class V>
FASTNN_INLINE void store(Elem<V>* p, V v) {
  if constexpr (lanes<V> == 1) {
    *p = v;
  } else {
    using U = typename detail::VecOf<Elem<V>, lanes<V>>::unaligned;
    *reinterpret_cast<U*>(p) = (U)v;
  }
}

// p must be aligned to sizeof(V).
template <class V>
FASTNN_INLINE void store_aligned(Elem<V>* p, V v) {
  store<V>(static_cast<Elem<V>*>(__builtin_assume_aligned(p, sizeof(V))), v);
}

// ---- Bits, halves, shuffles -----------------------------------------------------------------------------

template <class To, class From>
FASTNN_INLINE To bit_cast(From v) {
  static_assert(sizeof(To) == sizeof(From));
  if constexpr (lanes<To> == 1 && lanes<From> == 1) {
    return std::bit_cast<To>(v);
  } else {
    return (To)v;
  }
}

template <class V>
FASTNN_INLINE Bits<V> to_bits(V v) {
  return bit_cast<Bits<V>>(v);
}

// Result lane j is lane I_j of a when I_j < lanes, else lane I_j - lanes of b.
template <int... I, class V>
FASTNN_INLINE V shuffle(V a, V b) {
  static_assert(sizeof...(I) == lanes<V>);
#if __has_builtin(__builtin_shufflevector)
  return __builtin_shufflevector(a, b, I...);
#else
  return __builtin_shuffle(a, b, Bits<V>{I...});
#endif
}

namespace detail {

template <int First, class V, int... I>
FASTNN_INLINE Vec<Elem<V>, lanes<V> / 2> half(V v, std::integer_sequence<int, I...>) {
  if constexpr (lanes<V> == 2) {
    return v[First];
  } else {
#if __has_builtin(__builtin_shufflevector)
    return __builtin_shufflevector(v, v, (First + I)...);
#else
    return Vec<Elem<V>, lanes<V> / 2>{v[First + I]...};
#endif
  }
}

template <class H, int... I>
FASTNN_INLINE Vec<Elem<H>, 2 * lanes<H>> join(H a, H b, std::integer_sequence<int, I...>) {
  using V = Vec<Elem<H>, 2 * lanes<H>>;
  if constexpr (lanes<H> == 1) {
    return V{a, b};
  } else {
#if __has_builtin(__builtin_shufflevector)
    return __builtin_shufflevector(a, b, I..., (lanes<H> + I)...);
#else
    return V{a[I]..., b[I]...};
#endif
  }
}

template <class V>
using Half = Vec<Elem<V>, lanes<V> / 2>;
template <int N>
using Indices = std::make_integer_sequence<int, N>;

}  // namespace detail

template <class V>
FASTNN_INLINE detail::Half<V> low_half(V v) {
  return detail::half<0>(v, detail::Indices<lanes<V> / 2>{});
}
template <class V>
FASTNN_INLINE detail::Half<V> high_half(V v) {
  return detail::half<lanes<V> / 2>(v, detail::Indices<lanes<V> / 2>{});
}
template <class H>
FASTNN_INLINE Vec<Elem<H>, 2 * lanes<H>> combine(H low, H high) {
  return detail::join(low, high, detail::Indices<lanes<H>>{});
}

// ---- Comparisons and selection --------------------------------------------------------------------------

#define FASTNN_COMPARE(name, op)         \
  template <class V>                     \
  FASTNN_INLINE Mask<V> name(V a, V b) { \
    if constexpr (lanes<V> == 1) {       \
      return a op b;                     \
    } else {                             \
      return (Mask<V>)(a op b);          \
    }                                    \
  }
FASTNN_COMPARE(less, <)
FASTNN_COMPARE(less_equal, <=)
FASTNN_COMPARE(greater, >)
FASTNN_COMPARE(greater_equal, >=)
FASTNN_COMPARE(equal, ==)
FASTNN_COMPARE(not_equal, !=)
#undef FASTNN_COMPARE

template <class M>
FASTNN_INLINE M mask_not(M m) {
  if constexpr (std::is_same_v<M, bool>) {
    return !m;
  } else {
    return ~m;
  }
}
template <class M>
FASTNN_INLINE M mask_and(M a, M b) {
  if constexpr (std::is_same_v<M, bool>) {
    return a && b;
  } else {
    return a & b;
  }
}
template <class M>
FASTNN_INLINE M mask_or(M a, M b) {
  if constexpr (std::is_same_v<M, bool>) {
    return a || b;
  } else {
    return a | b;
  }
}

template <class M, class V>
FASTNN_INLINE V select(M mask, V if_true, V if_false) {
  return mask ? if_true : if_false;
}

// Whether any (every) lane of a mask is true.
template <class M>
FASTNN_INLINE bool any(M mask) {
  if constexpr (lanes<M> == 1) {
    return mask;
  } else if constexpr (requires { detail::native_any(mask); }) {
    return detail::native_any(mask);
  } else {
    return any(low_half(mask)) || any(high_half(mask));
  }
}
template <class M>
FASTNN_INLINE bool all(M mask) {
  return !any(mask_not(mask));
}

// NaN in, true out.
template <class V>
FASTNN_INLINE Mask<V> isnan(V a) {
  return not_equal(a, a);
}

// ---- Arithmetic -----------------------------------------------------------------------------------------

// a > b ? a : b, lane by lane: b when either is NaN. So max(x, limit) turns NaN into the limit, and
// max(limit, x) keeps the NaN.
template <class V>
FASTNN_INLINE V max(V a, V b) {
  if constexpr (std::is_floating_point_v<Elem<V>> && requires { detail::native_max(a, b); }) {
    return detail::native_max(a, b);
  } else if constexpr (lanes<V> > 1 && sizeof(V) > vector_bytes) {
    return combine(max(low_half(a), low_half(b)), max(high_half(a), high_half(b)));
  } else {
    return a > b ? a : b;
  }
}

// a < b ? a : b, lane by lane: b when either is NaN.
template <class V>
FASTNN_INLINE V min(V a, V b) {
  if constexpr (std::is_floating_point_v<Elem<V>> && requires { detail::native_min(a, b); }) {
    return detail::native_min(a, b);
  } else if constexpr (lanes<V> > 1 && sizeof(V) > vector_bytes) {
    return combine(min(low_half(a), low_half(b)), min(high_half(a), high_half(b)));
  } else {
    return a < b ? a : b;
  }
}

// a * b + c, rounded once where has_fma, else twice; scalars and vectors alike.
template <class V>
FASTNN_INLINE V fma(V a, V b, V c) {
  if constexpr (!has_fma || !std::is_floating_point_v<Elem<V>>) {
    return a * b + c;
  } else if constexpr (lanes<V> == 1) {
    return std::fma(a, b, c);
  } else if constexpr (requires { detail::native_fma(a, b, c); }) {
    return detail::native_fma(a, b, c);
  } else {
    return combine(fma(low_half(a), low_half(b), low_half(c)), fma(high_half(a), high_half(b), high_half(c)));
  }
}

template <class V>
FASTNN_INLINE V sqrt(V a) {
  if constexpr (lanes<V> == 1) {
    return std::sqrt(a);
  } else if constexpr (requires { detail::native_sqrt(a); }) {
    return detail::native_sqrt(a);
  } else {
    return combine(sqrt(low_half(a)), sqrt(high_half(a)));
  }
}

template <class V>
FASTNN_INLINE V floor(V a) {
  if constexpr (lanes<V> == 1) {
    return std::floor(a);
  } else if constexpr (requires { detail::native_floor(a); }) {
    return detail::native_floor(a);
  } else {
    return combine(floor(low_half(a)), floor(high_half(a)));
  }
}

// To the nearest integer, halves to even.
template <class V>
FASTNN_INLINE V round(V a) {
  if constexpr (lanes<V> == 1) {
    return std::rint(a);
  } else if constexpr (requires { detail::native_round(a); }) {
    return detail::native_round(a);
  } else {
    return combine(round(low_half(a)), round(high_half(a)));
  }
}

template <class V>
FASTNN_INLINE V abs(V a) {
  if constexpr (std::is_floating_point_v<Elem<V>>) {
    using B = Bits<V>;
    return bit_cast<V>(to_bits(a) & broadcast<B>(std::numeric_limits<Elem<B>>::max()));
  } else {
    return a < 0 ? -a : a;
  }
}

// The magnitude of a with the sign of b.
template <class V>
FASTNN_INLINE V copysign(V a, V b) {
  using B = Bits<V>;
  const B sign = broadcast<B>(std::numeric_limits<Elem<B>>::min());
  return bit_cast<V>((to_bits(a) & ~sign) | (to_bits(b) & sign));
}

// ---- Sums over lanes ------------------------------------------------------------------------------------

// Sum, maximum and minimum of all lanes, in a fixed order: lane i with lane i + L/2, then L/4, and so on.
template <class V>
FASTNN_INLINE Elem<V> hsum(V a) {
  if constexpr (lanes<V> == 1) {
    return a;
  } else {
    return hsum(low_half(a) + high_half(a));
  }
}
template <class V>
FASTNN_INLINE Elem<V> hmax(V a) {
  if constexpr (lanes<V> == 1) {
    return a;
  } else {
    return hmax(max(low_half(a), high_half(a)));
  }
}
template <class V>
FASTNN_INLINE Elem<V> hmin(V a) {
  if constexpr (lanes<V> == 1) {
    return a;
  } else {
    return hmin(min(low_half(a), high_half(a)));
  }
}

}  // namespace fastnn::cpu

#include "simd_memory.h"

// bfloat16: the upper half of a float32. Numbers are rounded to it while operands of a product are packed;
// products of two are exact in float32, where their sums are kept.
//
// A sum over k goes pair by pair: for k = 0, 2, 4 ... first the product of k + 1 is added, then that of k,
// each addition rounded by itself, denormal arguments and results being taken for zero. That is what
// AVX512_BF16's multiply-add does. Processors without it give the same bits from float32 numbers that were
// rounded to bfloat16 (with DenormalsOff, and whether or not they fuse: the products are exact).
#pragma once

#include <cstdlib>

#include "cpu/simd.h"

namespace fastnn::cpu {

namespace detail {

template <class V, int... I>
FASTNN_INLINE V swap_pairs(V v, std::integer_sequence<int, I...>) {
  return shuffle<(I ^ 1)...>(v, v);
}
// 0, n / 2, 1, n / 2 + 1, ...
template <class V, int... I>
FASTNN_INLINE V interleave_halves(V v, std::integer_sequence<int, I...>) {
  return shuffle<(I / 2 + (I % 2) * (lanes<V> / 2))...>(v, v);
}

}  // namespace detail

// Rounded to bfloat16, halves to even. Denormal numbers become zeros, NaN stays NaN.
template <class V>
FASTNN_INLINE V round_bfloat16(V x) {
  using U = Vec<std::uint32_t, lanes<V>>;
  const U bits = bit_cast<U>(x);
  const U magnitude = bits & 0x7FFFFFFFu;
  const U rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u;
  const U nan = (bits | 0x00400000u) & 0xFFFF0000u;
  const U finite = select(less(magnitude, broadcast<U>(0x00800000u)), bits & 0x80000000u, rounded);
  return bit_cast<V>(select(greater(magnitude, broadcast<U>(0x7F800000u)), nan, finite));
}

// How packed operands look. A cell is 32 bits; pair_cells of them are two neighbours of k.
//
// EmulatedPairs: a float32 that was rounded, the odd one of a pair first.
struct EmulatedPairs {
  using Cell = float;
  static constexpr int pair_cells = 2;
  static constexpr int L = vector_lanes<float>;
  using V = Vec<float, L>;

  static FASTNN_INLINE V multiply_add(V a, V b, V sum) { return fma(a, b, sum); }
  // Cells of 2 L numbers in a row.
  static FASTNN_INLINE void round_row(V first, V second, Cell* to) {
    constexpr detail::Indices<L> all{};
    store(to, detail::swap_pairs(round_bfloat16(first), all));
    store(to + L, detail::swap_pairs(round_bfloat16(second), all));
  }
  // Cells of L numbers in a row.
  static FASTNN_INLINE void round_half_row(V v, Cell* to) {
    store(to, detail::swap_pairs(round_bfloat16(v), detail::Indices<L>{}));
  }
  // Lane by lane pairs of an even and an odd number: `step` cells from one cell of a pair to the next.
  static FASTNN_INLINE void round_pairs(V even, V odd, Cell* to, std::int64_t step) {
    store(to, round_bfloat16(odd));
    store(to + step, round_bfloat16(even));
  }
  // Such pairs in registers, and their products with the pair whose cells are at a.
  struct Held {
    V odd, even;
  };
  static FASTNN_INLINE Held held(V even, V odd) { return {round_bfloat16(odd), round_bfloat16(even)}; }
  static FASTNN_INLINE V multiply_add(const Cell* a, const Held& b, V sum) {
    return fma(broadcast<V>(a[1]), b.even, fma(broadcast<V>(a[0]), b.odd, sum));
  }
};

#if FASTNN_SIMD_X86 && defined(__AVX512F__) && defined(__AVX512BW__)
#define FASTNN_BFLOAT16_PAIRS 1
// NativePairs: two bfloat16, the even one below. Written as assembly: intrinsics would need a file of code
// for processors that have AVX512_BF16 alone. Twice the multiply-adds of float32: 1.9 times its speed in
// products of matrices that fit the second-level cache.
struct NativePairs {
  using Cell = std::int32_t;
  static constexpr int pair_cells = 1;
  static constexpr int L = vector_lanes<float>;
  using V = Vec<float, L>;
  using Pairs = Vec<std::int32_t, L>;

  static FASTNN_INLINE V multiply_add(Pairs a, Pairs b, V sum) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
  static FASTNN_INLINE Pairs convert(V first, V second) {
    Pairs result;
    asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(result) : "v"(second), "v"(first));
    return result;
  }
  static FASTNN_INLINE void round_row(V first, V second, Cell* to) { store(to, convert(first, second)); }
  static FASTNN_INLINE void round_half_row(V v, Cell* to) {
    Vec<std::int32_t, L / 2> result;
    asm("vcvtneps2bf16 %1, %0" : "=v"(result) : "v"(v));
    store(to, result);
  }
  using Held = Pairs;
  static FASTNN_INLINE Held held(V even, V odd) {
    using Halves = Vec<std::int16_t, 2 * L>;
    const Halves halves = bit_cast<Halves>(convert(even, odd));
    return bit_cast<Pairs>(detail::interleave_halves(halves, detail::Indices<2 * L>{}));
  }
  static FASTNN_INLINE V multiply_add(const Cell* a, Held b, V sum) {
    return multiply_add(broadcast<Pairs>(*a), b, sum);
  }
  static FASTNN_INLINE void round_pairs(V even, V odd, Cell* to, std::int64_t /*step*/) {
    store(to, held(even, odd));
  }
};
#endif

// Whether this processor has NativePairs' instructions, and FASTNN_BFLOAT16=emulated does not deny it.
inline bool multiplies_bfloat16() {
#if FASTNN_BFLOAT16_PAIRS
  static const bool found = [] {
    const char* asked = std::getenv("FASTNN_BFLOAT16");
    if (asked != nullptr && std::strcmp(asked, "emulated") == 0) return false;
    unsigned a = 7, b = 0, c = 1, d = 0;
    asm("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (a & 1u << 5) != 0;
  }();
  return found;
#else
  return false;
#endif
}

// body.operator()<Pairs>() with the form of pairs that serves here; the emulated one without denormal
// numbers.
template <class Body>
decltype(auto) with_bfloat16(Body body) {
#if FASTNN_BFLOAT16_PAIRS
  if (multiplies_bfloat16()) return body.template operator()<NativePairs>();
#endif
  const DenormalsOff scope;
  return body.template operator()<EmulatedPairs>();
}

}  // namespace fastnn::cpu

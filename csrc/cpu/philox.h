// Philox (core/random.h) in vectors: the same numbers, L counters at a time.
#pragma once

#include "core/random.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace detail {

// High and low words of x times a constant.
template <class V>
FASTNN_INLINE void multiply_words(V x, uint32_t constant, V& high, V& low) {
  if constexpr (lanes<V> == 1) {
    const uint64_t product = uint64_t{x} * constant;
    high = static_cast<uint32_t>(product >> 32);
    low = static_cast<uint32_t>(product);
  } else if constexpr (sizeof(V) > vector_bytes) {
    Half<V> h0, l0, h1, l1;
    multiply_words(low_half(x), constant, h0, l0);
    multiply_words(high_half(x), constant, h1, l1);
    high = combine(h0, h1);
    low = combine(l0, l1);
  } else {
    using W = Vec<uint64_t, lanes<V> / 2>;
    const W words = bit_cast<W>(x), low_word = broadcast<W>(0xffffffffu);
    W even, odd;
    if constexpr (requires { native_multiply_even(x, x); }) {
      even = native_multiply_even(x, broadcast<V>(constant));
      odd = native_multiply_even(bit_cast<V>(words >> 32), broadcast<V>(constant));
    } else {
      even = (words & low_word) * broadcast<W>(constant);
      odd = (words >> 32) * broadcast<W>(constant);
    }
    high = bit_cast<V>((even >> 32) | (odd & ~low_word));
    low = bit_cast<V>((even & low_word) | (odd << 32));
  }
}

}  // namespace detail

/// Replaces lane by lane the counter (c0, c1, c2, c3) by its four random words.
template <class V>
FASTNN_INLINE void philox_vector(V& c0, V& c1, V& c2, V& c3, uint64_t seed) {
  auto key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    V high0, low0, high1, low1;
    detail::multiply_words(c0, 0xD2511F53u, high0, low0);
    detail::multiply_words(c2, 0xCD9E8D57u, high1, low1);
    c0 = high1 ^ c1 ^ broadcast<V>(key0);
    c1 = low1;
    c2 = high0 ^ c3 ^ broadcast<V>(key1);
    c3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

/// Words that philox_fill makes at a time.
constexpr int64_t kPhiloxGroup = 64;

/// Fills `words` words, a multiple of kPhiloxGroup, whose order does not depend on the instruction set: word
/// w of counter first + 16 g + j stands at 64 g + 16 w + j. `counter[0]` is the first counter; the others are
/// fixed.
inline void philox_fill(uint32_t* out, int64_t words, Philox4 counter, uint64_t seed) {
  constexpr int L = vector_lanes<uint32_t>;
  using V = Vec<uint32_t, L>;
  V lane;
  for (int i = 0; i < L; ++i) lane[i] = static_cast<uint32_t>(i);
  for (int64_t group = 0; group < words; group += kPhiloxGroup) {
    for (int part = 0; part < 16; part += L) {
      V c0 = lane + broadcast<V>(counter[0] + static_cast<uint32_t>(group / 4 + part));
      V c1 = broadcast<V>(counter[1]), c2 = broadcast<V>(counter[2]), c3 = broadcast<V>(counter[3]);
      philox_vector(c0, c1, c2, c3, seed);
      store(out + group + part, c0);
      store(out + group + part + 16, c1);
      store(out + group + part + 32, c2);
      store(out + group + part + 48, c3);
    }
  }
}

/// Words to floats, uniform on [0, 1) with 24 bits.
template <class V, class W>
FASTNN_INLINE V uniform_vector(W words) {
  return convert<V>(bit_cast<Bits<V>>(words >> 8)) * broadcast<V>(0x1p-24f);
}

/// Two words to two independent standard normal numbers (Box and Muller); none is above 5.8.
template <class V, class W>
FASTNN_INLINE void normal_vectors(W words0, W words1, V& first, V& second) {
  const V u = uniform_vector<V>(words0) + broadcast<V>(0x1p-24f);
  const V radius = sqrt(log(u) * broadcast<V>(-2.0f));
  const V angle = uniform_vector<V>(words1) * broadcast<V>(6.283185307f);
  first = radius * cos(angle);
  second = radius * sin(angle);
}

}  // namespace fastnn::cpu

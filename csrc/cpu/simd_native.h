// Instruction-set specific forms of the few operations that plain vector extensions cannot express well.
//
// Included by simd.h only. Every function is an overload of a `native_*` name for one exact vector type;
// simd.h takes the overload when it exists and otherwise splits the vector in halves or falls back to
// portable code. Defining FASTNN_SIMD_GENERIC leaves all of them out (used to test the portable forms).
#pragma once

#if !defined(FASTNN_SIMD_GENERIC) && (defined(__x86_64__) || defined(__i386__))
#define FASTNN_SIMD_X86 1
// GCC's own header leaves "undefined" operands uninitialised and warns about it once inlined.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif !defined(FASTNN_SIMD_GENERIC) && defined(__aarch64__)
#define FASTNN_SIMD_NEON 1
#include <arm_neon.h>
#endif

namespace fastnn::cpu::detail {

// The control word of floating-point arithmetic, and its bits that take denormal arguments and results for
// zero.
#if defined(__x86_64__)
inline constexpr std::uint64_t denormals_off = 0x8040;
FASTNN_INLINE std::uint64_t native_float_control() { return __builtin_ia32_stmxcsr(); }
FASTNN_INLINE void native_float_control(std::uint64_t word) {
  __builtin_ia32_ldmxcsr(static_cast<unsigned>(word));
}
#elif defined(__aarch64__)
inline constexpr std::uint64_t denormals_off = 1u << 24;
FASTNN_INLINE std::uint64_t native_float_control() {
  std::uint64_t word;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
FASTNN_INLINE void native_float_control(std::uint64_t word) { asm volatile("msr fpcr, %0" ::"r"(word)); }
#else
inline constexpr std::uint64_t denormals_off = 0;
FASTNN_INLINE std::uint64_t native_float_control() { return 0; }
FASTNN_INLINE void native_float_control(std::uint64_t) {}
#endif

// Never called; gives the `native_*` names a declaration on every target.
struct NoNative {};
void native_sqrt(NoNative);
void native_max(NoNative);
void native_min(NoNative);
void native_floor(NoNative);
void native_round(NoNative);
void native_fma(NoNative);
void native_any(NoNative);
void native_load_partial(NoNative);
void native_store_partial(NoNative);
void native_scale_pow2(NoNative);
void native_exponent(NoNative);
void native_mantissa(NoNative);
void native_widen(NoNative);
void native_multiply_even(NoNative);

#if FASTNN_SIMD_X86

#define FASTNN_NATIVE_COMMON(V, M, P, S)                                      \
  FASTNN_INLINE V native_sqrt(V a) { return (V)P##_sqrt_##S((M)a); }          \
  FASTNN_INLINE V native_max(V a, V b) { return (V)P##_max_##S((M)a, (M)b); } \
  FASTNN_INLINE V native_min(V a, V b) { return (V)P##_min_##S((M)a, (M)b); }
#define FASTNN_NATIVE_ROUND(V, M, P, S)                                           \
  FASTNN_INLINE V native_floor(V a) { return (V)P##_floor_##S((M)a); }            \
  FASTNN_INLINE V native_round(V a) {                                             \
    return (V)P##_round_##S((M)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); \
  }
#define FASTNN_NATIVE_FMA(V, M, P, S) \
  FASTNN_INLINE V native_fma(V a, V b, V c) { return (V)P##_fmadd_##S((M)a, (M)b, (M)c); }
// AVX-512: masked memory access never touches masked-off elements; scalef and getexp/getmant take exponents
// apart and together with denormals, zeros and infinities right.
#define FASTNN_NATIVE_512(V, T, M, P, S, MASK)                                          \
  FASTNN_INLINE void native_load_partial(const T* p, std::ptrdiff_t n, V& out) {        \
    out = (V)P##_maskz_loadu_##S(static_cast<MASK>((1u << n) - 1), p);                  \
  }                                                                                     \
  FASTNN_INLINE void native_store_partial(T* p, V v, std::ptrdiff_t n) {                \
    P##_mask_storeu_##S(p, static_cast<MASK>((1u << n) - 1), (M)v);                     \
  }                                                                                     \
  FASTNN_INLINE V native_scale_pow2(V a, V n) { return (V)P##_scalef_##S((M)a, (M)n); } \
  FASTNN_INLINE V native_exponent(V a) { return (V)P##_getexp_##S((M)a); }              \
  FASTNN_INLINE V native_mantissa(V a) {                                                \
    return (V)P##_getmant_##S((M)a, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);          \
  }
// The scalar counterparts, so that one lane computes the same bits as a vector does.
#define FASTNN_NATIVE_SCALAR_512(T, S, SET, GET)                                              \
  FASTNN_INLINE T native_scale_pow2(T a, T n) { return GET(_mm_scalef_##S(SET(a), SET(n))); } \
  FASTNN_INLINE T native_exponent(T a) { return GET(_mm_getexp_##S(SET(a), SET(a))); }        \
  FASTNN_INLINE T native_mantissa(T a) {                                                      \
    return GET(_mm_getmant_##S(SET(a), SET(a), _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan));    \
  }

#ifdef __SSE4_1__
using F4 = Vec<float, 4>;
using D2 = Vec<double, 2>;
FASTNN_NATIVE_COMMON(F4, __m128, _mm, ps)
FASTNN_NATIVE_COMMON(D2, __m128d, _mm, pd)
FASTNN_NATIVE_ROUND(F4, __m128, _mm, ps)
FASTNN_NATIVE_ROUND(D2, __m128d, _mm, pd)
FASTNN_INLINE bool native_any(Vec<std::int32_t, 4> m) { return !_mm_testz_si128((__m128i)m, (__m128i)m); }
FASTNN_INLINE bool native_any(Vec<std::int64_t, 2> m) { return !_mm_testz_si128((__m128i)m, (__m128i)m); }
// max/min of scalars as one instruction each, with the operand order that keeps the NaN rule.
FASTNN_INLINE float native_max(float a, float b) {
  return _mm_cvtss_f32(_mm_max_ss(_mm_set_ss(a), _mm_set_ss(b)));
}
FASTNN_INLINE float native_min(float a, float b) {
  return _mm_cvtss_f32(_mm_min_ss(_mm_set_ss(a), _mm_set_ss(b)));
}
FASTNN_INLINE double native_max(double a, double b) {
  return _mm_cvtsd_f64(_mm_max_sd(_mm_set_sd(a), _mm_set_sd(b)));
}
FASTNN_INLINE double native_min(double a, double b) {
  return _mm_cvtsd_f64(_mm_min_sd(_mm_set_sd(a), _mm_set_sd(b)));
}
#endif

// Products of the even lanes, in full.
#ifdef __SSE4_1__
FASTNN_INLINE Vec<std::uint64_t, 2> native_multiply_even(Vec<std::uint32_t, 4> a, Vec<std::uint32_t, 4> b) {
  return (Vec<std::uint64_t, 2>)_mm_mul_epu32((__m128i)a, (__m128i)b);
}
#endif
#ifdef __AVX2__
FASTNN_INLINE Vec<std::uint64_t, 4> native_multiply_even(Vec<std::uint32_t, 8> a, Vec<std::uint32_t, 8> b) {
  return (Vec<std::uint64_t, 4>)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
#endif
#ifdef __AVX512F__
FASTNN_INLINE Vec<std::uint64_t, 8> native_multiply_even(Vec<std::uint32_t, 16> a, Vec<std::uint32_t, 16> b) {
  return (Vec<std::uint64_t, 8>)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
#endif

// Bytes to int32; GCC takes its own conversion of vectors of bytes apart.
#ifdef __SSE4_1__
FASTNN_INLINE void native_widen(const std::uint8_t* p, Vec<std::int32_t, 4>& out) {
  std::int32_t four;
  std::memcpy(&four, p, 4);
  out = (Vec<std::int32_t, 4>)_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four));
}
#endif
#ifdef __AVX2__
FASTNN_INLINE void native_widen(const std::uint8_t* p, Vec<std::int32_t, 8>& out) {
  out = (Vec<std::int32_t, 8>)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
#endif
#ifdef __AVX512F__
FASTNN_INLINE void native_widen(const std::uint8_t* p, Vec<std::int32_t, 16>& out) {
  out = (Vec<std::int32_t, 16>)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
#endif

#ifdef __AVX__
using F8 = Vec<float, 8>;
using D4 = Vec<double, 4>;
FASTNN_NATIVE_COMMON(F8, __m256, _mm256, ps)
FASTNN_NATIVE_COMMON(D4, __m256d, _mm256, pd)
FASTNN_NATIVE_ROUND(F8, __m256, _mm256, ps)
FASTNN_NATIVE_ROUND(D4, __m256d, _mm256, pd)
FASTNN_INLINE bool native_any(Vec<std::int32_t, 8> m) { return !_mm256_testz_si256((__m256i)m, (__m256i)m); }
FASTNN_INLINE bool native_any(Vec<std::int64_t, 4> m) { return !_mm256_testz_si256((__m256i)m, (__m256i)m); }
#endif

#ifdef __FMA__
FASTNN_NATIVE_FMA(F4, __m128, _mm, ps)
FASTNN_NATIVE_FMA(D2, __m128d, _mm, pd)
FASTNN_NATIVE_FMA(F8, __m256, _mm256, ps)
FASTNN_NATIVE_FMA(D4, __m256d, _mm256, pd)
#endif

#if defined(__AVX2__) && !(defined(__AVX512F__) && defined(__AVX512VL__))
// Masked loads are quick everywhere; masked stores are not on every AVX2 machine, so there are none here.
FASTNN_INLINE void native_load_partial(const float* p, std::ptrdiff_t n, F8& out) {
  const Vec<std::int32_t, 8> lane = {0, 1, 2, 3, 4, 5, 6, 7};
  out = (F8)_mm256_maskload_ps(p, (__m256i)(lane < static_cast<std::int32_t>(n)));
}
FASTNN_INLINE void native_load_partial(const double* p, std::ptrdiff_t n, D4& out) {
  const Vec<std::int64_t, 4> lane = {0, 1, 2, 3};
  out = (D4)_mm256_maskload_pd(p, (__m256i)(lane < static_cast<std::int64_t>(n)));
}
FASTNN_INLINE void native_load_partial(const float* p, std::ptrdiff_t n, F4& out) {
  const Vec<std::int32_t, 4> lane = {0, 1, 2, 3};
  out = (F4)_mm_maskload_ps(p, (__m128i)(lane < static_cast<std::int32_t>(n)));
}
#endif

#ifdef __AVX512F__
using F16 = Vec<float, 16>;
using D8 = Vec<double, 8>;
FASTNN_NATIVE_COMMON(F16, __m512, _mm512, ps)
FASTNN_NATIVE_COMMON(D8, __m512d, _mm512, pd)
FASTNN_NATIVE_FMA(F16, __m512, _mm512, ps)
FASTNN_NATIVE_FMA(D8, __m512d, _mm512, pd)
FASTNN_NATIVE_512(F16, float, __m512, _mm512, ps, __mmask16)
FASTNN_NATIVE_512(D8, double, __m512d, _mm512, pd, __mmask8)
FASTNN_INLINE F16 native_floor(F16 a) { return (F16)_mm512_roundscale_ps((__m512)a, 0x09); }
FASTNN_INLINE D8 native_floor(D8 a) { return (D8)_mm512_roundscale_pd((__m512d)a, 0x09); }
FASTNN_INLINE F16 native_round(F16 a) { return (F16)_mm512_roundscale_ps((__m512)a, 0x08); }
FASTNN_INLINE D8 native_round(D8 a) { return (D8)_mm512_roundscale_pd((__m512d)a, 0x08); }
FASTNN_INLINE bool native_any(Vec<std::int32_t, 16> m) {
  return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
}
FASTNN_INLINE bool native_any(Vec<std::int64_t, 8> m) {
  return _mm512_test_epi64_mask((__m512i)m, (__m512i)m) != 0;
}
#ifdef __AVX512VL__
FASTNN_NATIVE_512(F8, float, __m256, _mm256, ps, __mmask8)
FASTNN_NATIVE_512(D4, double, __m256d, _mm256, pd, __mmask8)
FASTNN_NATIVE_512(F4, float, __m128, _mm, ps, __mmask8)
FASTNN_NATIVE_512(D2, double, __m128d, _mm, pd, __mmask8)
FASTNN_NATIVE_SCALAR_512(float, ss, _mm_set_ss, _mm_cvtss_f32)
FASTNN_NATIVE_SCALAR_512(double, sd, _mm_set_sd, _mm_cvtsd_f64)
#endif
#endif

#undef FASTNN_NATIVE_COMMON
#undef FASTNN_NATIVE_ROUND
#undef FASTNN_NATIVE_FMA
#undef FASTNN_NATIVE_512
#undef FASTNN_NATIVE_SCALAR_512

#elif FASTNN_SIMD_NEON

using F4 = Vec<float, 4>;
using D2 = Vec<double, 2>;
FASTNN_INLINE F4 native_sqrt(F4 a) { return (F4)vsqrtq_f32((float32x4_t)a); }
FASTNN_INLINE D2 native_sqrt(D2 a) { return (D2)vsqrtq_f64((float64x2_t)a); }
FASTNN_INLINE F4 native_floor(F4 a) { return (F4)vrndmq_f32((float32x4_t)a); }
FASTNN_INLINE D2 native_floor(D2 a) { return (D2)vrndmq_f64((float64x2_t)a); }
FASTNN_INLINE F4 native_round(F4 a) { return (F4)vrndnq_f32((float32x4_t)a); }
FASTNN_INLINE D2 native_round(D2 a) { return (D2)vrndnq_f64((float64x2_t)a); }
FASTNN_INLINE F4 native_fma(F4 a, F4 b, F4 c) {
  return (F4)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
FASTNN_INLINE D2 native_fma(D2 a, D2 b, D2 c) {
  return (D2)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}

#endif

}  // namespace fastnn::cpu::detail

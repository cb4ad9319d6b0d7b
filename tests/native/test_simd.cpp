// Checks csrc/cpu/simd.h: every function on vectors against its plain meaning lane by lane, partial loads and
// stores at page ends, transposition of full and partial blocks.
#include <type_traits>
#include <vector>

#include "../../csrc/cpu/simd.h"
#include "checks.h"

namespace fc = fastnn::cpu;
using checks::same;

namespace {

checks::Random rng;

template <class T>
T sample() {
  static const T special[] = {T(0),
                              T(-0.0),
                              T(1),
                              T(-1),
                              T(0.5),
                              T(1.5),
                              T(2.5),
                              T(-2.5),
                              std::numeric_limits<T>::infinity(),
                              -std::numeric_limits<T>::infinity(),
                              std::numeric_limits<T>::quiet_NaN(),
                              std::numeric_limits<T>::denorm_min(),
                              std::numeric_limits<T>::max()};
  const std::uint64_t r = rng.bits();
  if (r % 4 == 0) return special[(r >> 8) % (sizeof(special) / sizeof(T))];
  return static_cast<T>(rng.uniform() * 100);
}

template <class T, int L>
void test_lanewise() {
  using V = fc::Vec<T, L>;
  T a[L], b[L], c[L], out[L];
  for (int repeat = 0; repeat < 2000; ++repeat) {
    for (int i = 0; i < L; ++i) a[i] = sample<T>(), b[i] = sample<T>(), c[i] = sample<T>();
    const V va = fc::load<V>(a), vb = fc::load<V>(b), vc = fc::load<V>(c);
#define LANES(expression, expected)                                                                    \
  fc::store(out, expression);                                                                          \
  for (int i = 0; i < L; ++i) {                                                                        \
    CHECK(same<T>(out[i], expected), "L=%d %g %g %g: %g", L, double(a[i]), double(b[i]), double(c[i]), \
          double(out[i]));                                                                             \
  }
    LANES(fc::max(va, vb), a[i] > b[i] ? a[i] : b[i])
    LANES(fc::min(va, vb), a[i] < b[i] ? a[i] : b[i])
    LANES(fc::fma(va, vb, vc), fc::fma(a[i], b[i], c[i]))
    LANES(fc::sqrt(va), std::sqrt(a[i]))
    LANES(fc::floor(va), std::floor(a[i]))
    LANES(fc::round(va), std::nearbyint(a[i]))
    LANES(fc::abs(va), std::fabs(a[i]))
    LANES(fc::copysign(va, vb), std::copysign(a[i], b[i]))
    LANES(fc::broadcast<V>(a[0]), a[0])
    LANES(fc::select(fc::less(va, vb), va, vc), a[i] < b[i] ? a[i] : c[i])
    LANES(fc::select(fc::mask_or(fc::isnan(va), fc::equal(va, vb)), vb, vc),
          (std::isnan(a[i]) || a[i] == b[i]) ? b[i] : c[i])
    LANES(fc::select(fc::mask_and(fc::mask_not(fc::greater_equal(va, vb)), fc::less_equal(vb, vc)), va, vb),
          (!(a[i] >= b[i]) && b[i] <= c[i]) ? a[i] : b[i])
#undef LANES
    bool some = false, every = true;
    for (int i = 0; i < L; ++i) some |= a[i] > b[i], every &= a[i] > b[i];
    CHECK(fc::any(fc::greater(va, vb)) == some, "L=%d", L);
    CHECK(fc::all(fc::greater(va, vb)) == every, "L=%d", L);
  }
  // Sums: the documented tree.
  for (int i = 0; i < L; ++i) a[i] = b[i] = static_cast<T>(rng.uniform());
  for (int n = L / 2; n >= 1; n /= 2) {
    for (int i = 0; i < n; ++i) b[i] = b[i] + b[i + n];
  }
  CHECK(same<T>(fc::hsum(fc::load<V>(a)), b[0]), "L=%d", L);
  T highest = a[0], lowest = a[0];
  for (int i = 1; i < L; ++i) highest = std::max(highest, a[i]), lowest = std::min(lowest, a[i]);
  CHECK(fc::hmax(fc::load<V>(a)) == highest, "L=%d", L);
  CHECK(fc::hmin(fc::load<V>(a)) == lowest, "L=%d", L);
}

template <class T, int L, class U>
void test_convert() {
  using V = fc::Vec<T, L>;
  checks::GuardPage guard;
  for (int n = 0; n <= L; ++n) {
    U* p = guard.ending<U>(n);
    for (int i = 0; i < n; ++i) p[i] = static_cast<U>(rng.bits() % 256);
    T out[L];
    fc::store(out, fc::load_convert_partial<V>(p, n));
    for (int i = 0; i < L; ++i) CHECK(out[i] == (i < n ? static_cast<T>(p[i]) : T(0)), "L=%d n=%d", L, n);
    if (n == L) {
      fc::store(out, fc::load_convert<V>(p));
      for (int i = 0; i < L; ++i) CHECK(out[i] == static_cast<T>(p[i]), "L=%d", L);
    }
  }
}

template <class T, int L>
void test_partial() {
  using V = fc::Vec<T, L>;
  checks::GuardPage guard;
  for (int n = 0; n <= L; ++n) {
    T* p = guard.ending<T>(n);
    for (int i = 0; i < n; ++i) p[i] = static_cast<T>(i + 1);
    T out[L];
    const V v = fc::load_partial<V>(p, n);
    fc::store(out, v);
    for (int i = 0; i < L; ++i) CHECK(out[i] == static_cast<T>(i < n ? i + 1 : 0), "L=%d n=%d", L, n);
    for (int i = 0; i < n; ++i) p[i] = T(0);
    fc::store_partial(p, v, n);
    for (int i = 0; i < n; ++i) CHECK(p[i] == static_cast<T>(i + 1), "L=%d n=%d", L, n);
    T* q = guard.beginning<T>();
    for (int i = 0; i < L; ++i) q[i] = T(77);
    fc::store_partial(q, v, n);
    for (int i = 0; i < L; ++i) CHECK(q[i] == static_cast<T>(i < n ? i + 1 : 77), "L=%d n=%d", L, n);
  }
}

template <class T, int L>
void test_transpose() {
  std::vector<T> src(L * (L + 3)), dst(L * (L + 5));
  for (auto& x : src) x = static_cast<T>(rng.bits() % 100000);
  fc::transpose<T, L>(src.data(), L + 3, dst.data(), L + 5);
  for (int i = 0; i < L; ++i) {
    for (int j = 0; j < L; ++j) CHECK(dst[j * (L + 5) + i] == src[i * (L + 3) + j], "L=%d (%d, %d)", L, i, j);
  }
  if constexpr (L <= fc::vector_lanes<T>) {
    checks::GuardPage from, to;
    for (int rows = 0; rows <= L; ++rows) {
      for (int cols = 0; cols <= L; ++cols) {
        // Rows lie end to end, so that reading or writing past one shows.
        T* s = from.ending<T>(rows * cols);
        T* d = to.ending<T>(rows * cols);
        for (int i = 0; i < rows * cols; ++i) s[i] = static_cast<T>(i + 1), d[i] = T(0);
        fc::transpose_partial<T, L>(s, cols, rows, cols, d, rows);
        for (int i = 0; i < rows; ++i) {
          for (int j = 0; j < cols; ++j) CHECK(d[j * rows + i] == s[i * cols + j], "%d x %d", rows, cols);
        }
      }
    }
  }
}

template <class T, int L>
void test_all() {
  test_lanewise<T, L>();
  test_convert<T, L, std::uint8_t>();
  test_convert<T, L, std::int32_t>();
  test_convert<T, L, std::int64_t>();
  test_convert<T, L, float>();
  test_convert<T, L, double>();
  test_partial<T, L>();
  test_partial<typename fc::detail::IntOf<sizeof(T)>::type, L>();
  test_partial<std::uint8_t, L>();
  test_transpose<T, L>();
}

}  // namespace

int main() {
  test_all<float, 1>();
  test_all<float, 4>();
  test_all<float, 8>();
  test_all<float, 16>();
  test_all<double, 1>();
  test_all<double, 2>();
  test_all<double, 4>();
  test_all<double, 8>();
  test_lanewise<double, 16>();
  test_transpose<std::int32_t, fc::vector_lanes<float>>();
  // Floats beside doubles have as many lanes as these.
  test_transpose<float, fc::vector_lanes<double>>();
  static_assert(std::is_same_v<fc::Vec<float, 1>, float> && std::is_same_v<fc::Mask<float>, bool>);
  static_assert(fc::lanes<fc::Vec<float, 8>> == 8 && std::is_same_v<fc::Elem<fc::Vec<double, 4>>, double>);
  std::printf("simd: %d-byte vectors, %d failures\n", fc::vector_bytes, checks::failures);
  return checks::failures != 0;
}

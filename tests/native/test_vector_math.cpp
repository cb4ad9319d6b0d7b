// Checks csrc/cpu/vector_math.h against the standard library in double: largest error in ulps over dense
// sweeps of all exponents, special values, and that every lane has the bits of the scalar form. With the
// argument "all", sweeps every float (minutes).
#include <algorithm>
#include <string>
#include <vector>

#include "../../csrc/cpu/vector_math.h"
#include "checks.h"

namespace fc = fastnn::cpu;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr int width = fc::vector_lanes<float>;

// |got - want| in units of the spacing of floats at want. Results whose true value is not a normal float
// count as right when they are 0 or within an ulp; those at the overflow limit when they round the other way.
double ulps(float got, double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : 1e9;
  const double magnitude = std::fabs(want);
  if (magnitude >= 0x1.ffffffp127) return std::fabs(got) == inf && (got > 0) == (want > 0) ? 0 : 1e9;
  if (std::isinf(got)) return magnitude > 0x1.fffff8p127 ? 1 : 1e9;
  if (magnitude < 0x1.8p-125 && got == 0) return 0;
  const int exponent = std::max(magnitude == 0 ? -126 : std::ilogb(magnitude), -126);
  return std::ldexp(std::fabs(got - want), 23 - exponent);
}

struct Function {
  const char* name;
  double limit;  // ulps allowed
  float (*scalar)(float);
  fc::Vec<float, width> (*vector)(fc::Vec<float, width>);
  double (*reference)(double);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

#define FUNCTION(name, limit, reference)                                                                    \
  Function {                                                                                                \
    #name, limit, [](float x) { return fc::name(x); }, [](fc::Vec<float, width> x) { return fc::name(x); }, \
        [](double x) -> double { return reference(x); }                                                     \
  }
const Function functions[] = {
    FUNCTION(exp, 2, std::exp),     FUNCTION(expm1, 2, std::expm1),  FUNCTION(log, 2, std::log),
    FUNCTION(log1p, 2, std::log1p), FUNCTION(tanh, 4, std::tanh),    FUNCTION(sigmoid, 4, sigmoid),
    FUNCTION(erf, 4, std::erf),     FUNCTION(softplus, 3, softplus), FUNCTION(sin, 2, std::sin),
    FUNCTION(cos, 2, std::cos),
};

float from_bits(std::uint32_t b) {
  float f;
  std::memcpy(&f, &b, 4);
  return f;
}

void sweep(const Function& f, bool everything) {
  checks::Random rng;
  double worst = 0;
  float worst_at = 0;
  float x[width], y[width];
  const std::uint64_t blocks = everything ? (std::uint64_t{1} << 32) / width : 2000000 / width;
  for (std::uint64_t block = 0; block < blocks; ++block) {
    for (int i = 0; i < width; ++i) {
      if (everything) {
        x[i] = from_bits(static_cast<std::uint32_t>(block * width + i));
      } else if (block % 2 == 0) {
        x[i] = from_bits(static_cast<std::uint32_t>(rng.bits() >> 20));  // every exponent alike
      } else {
        const double range = block % 4 == 1 ? 110 : 6;
        x[i] = static_cast<float>(rng.uniform() * range);
      }
    }
    fc::store(y, f.vector(fc::load<fc::Vec<float, width>>(x)));
    for (int i = 0; i < width; ++i) {
      const float one = f.scalar(x[i]);
      CHECK(checks::same(one, y[i]), "%s(%a): scalar %a, lane %a", f.name, x[i], one, y[i]);
      const double error = ulps(y[i], f.reference(x[i]));
      if (error > worst) worst = error, worst_at = x[i];
    }
  }
  CHECK(worst <= f.limit, "%s: %.2f ulp at %a", f.name, worst, worst_at);
  std::printf("  %-9s %5.2f ulp at %a\n", f.name, worst, worst_at);
}

void sweep_pow(int blocks) {
  using V = fc::Vec<float, width>;
  checks::Random rng;
  double worst = 0;
  float at[2] = {};
  float x[width], y[width], z[width];
  for (int block = 0; block < blocks; ++block) {
    for (int i = 0; i < width; ++i) {
      x[i] = from_bits(static_cast<std::uint32_t>(rng.bits() >> 20) & 0x7fffffff);
      y[i] = static_cast<float>(rng.uniform() * (block % 2 == 0 ? 3 : 60));
      if (block % 2 == 1) x[i] = static_cast<float>(1 + rng.uniform() * 0.99);
    }
    fc::store(z, fc::pow(fc::load<V>(x), fc::load<V>(y)));
    for (int i = 0; i < width; ++i) {
      const float one = fc::pow(x[i], y[i]);
      CHECK(checks::same(one, z[i]), "pow(%a, %a): scalar %a, lane %a", x[i], y[i], one, z[i]);
      const double error = ulps(z[i], std::pow(static_cast<double>(x[i]), static_cast<double>(y[i])));
      if (error > worst) worst = error, at[0] = x[i], at[1] = y[i];
    }
  }
  CHECK(worst <= 2, "pow: %.2f ulp at (%a, %a)", worst, at[0], at[1]);
  std::printf("  %-9s %5.2f ulp at (%a, %a)\n", "pow", worst, at[0], at[1]);
  const float edges[] = {0, 1, 2, 0.5f, 1e-45f, 1e-38f, 3e38f, inf, nan, -1, -inf};
  for (float a : edges) {
    for (float b : edges) {
      const bool defined = !(a < 0) || b == 0;
      const float want = defined ? std::pow(a, b) : nan, got = fc::pow(a, b);
      CHECK(ulps(got, want) <= 1, "pow(%g, %g) = %g, not %g", a, b, got, want);
      fc::store(z, fc::pow(fc::broadcast<V>(a), fc::broadcast<V>(b)));
      CHECK(checks::same(z[width - 1], got), "pow(%g, %g): lane %g, scalar %g", a, b, z[width - 1], got);
    }
  }
}

void expect(const char* name, float got, float want) {
  CHECK(checks::same(got, want), "%s: %a, not %a", name, got, want);
}

void test_special_values() {
#define EXPECT(name, x, want) expect(#name "(" #x ")", fc::name(x), want)
  for (const Function& f : functions) expect(f.name, f.scalar(nan), nan);
  EXPECT(exp, 0.0f, 1.0f), EXPECT(exp, -0.0f, 1.0f), EXPECT(exp, inf, inf), EXPECT(exp, -inf, 0.0f);
  EXPECT(exp, 88.73f, inf), EXPECT(exp, -110.0f, 0.0f), EXPECT(exp, 3e38f, inf), EXPECT(exp, -3e38f, 0.0f);
  EXPECT(expm1, 0.0f, 0.0f), EXPECT(expm1, -0.0f, -0.0f), EXPECT(expm1, inf, inf), EXPECT(expm1, -inf, -1.0f);
  EXPECT(expm1, 1e-45f, 1e-45f), EXPECT(expm1, -1e-38f, -1e-38f), EXPECT(expm1, 3e38f, inf);
  EXPECT(log, 1.0f, 0.0f), EXPECT(log, 0.0f, -inf), EXPECT(log, -0.0f, -inf), EXPECT(log, inf, inf);
  EXPECT(log, -1.0f, nan), EXPECT(log, -inf, nan), EXPECT(log, -1e-45f, nan);
  EXPECT(log1p, 0.0f, 0.0f), EXPECT(log1p, -0.0f, -0.0f), EXPECT(log1p, -1.0f, -inf), EXPECT(log1p, inf, inf);
  EXPECT(log1p, -1.0000001f, nan), EXPECT(log1p, -inf, nan), EXPECT(log1p, 1e-45f, 1e-45f);
  EXPECT(tanh, 0.0f, 0.0f), EXPECT(tanh, -0.0f, -0.0f), EXPECT(tanh, inf, 1.0f), EXPECT(tanh, -inf, -1.0f);
  EXPECT(tanh, 1e-45f, 1e-45f), EXPECT(tanh, 3e38f, 1.0f), EXPECT(tanh, -20.0f, -1.0f);
  EXPECT(sigmoid, 0.0f, 0.5f), EXPECT(sigmoid, inf, 1.0f), EXPECT(sigmoid, -inf, 0.0f);
  EXPECT(sigmoid, 200.0f, 1.0f), EXPECT(sigmoid, -200.0f, 0.0f);
  EXPECT(erf, 0.0f, 0.0f), EXPECT(erf, -0.0f, -0.0f), EXPECT(erf, inf, 1.0f), EXPECT(erf, -inf, -1.0f);
  EXPECT(softplus, inf, inf), EXPECT(softplus, -inf, 0.0f), EXPECT(softplus, 1e30f, 1e30f);
  EXPECT(sin, 0.0f, 0.0f), EXPECT(sin, -0.0f, -0.0f), EXPECT(sin, inf, nan), EXPECT(sin, -inf, nan);
  EXPECT(cos, 0.0f, 1.0f), EXPECT(cos, -0.0f, 1.0f), EXPECT(cos, inf, nan), EXPECT(cos, -inf, nan);
#undef EXPECT
}

// Saturating functions must stay within their range, or 1 - y^2 turns negative in a gradient.
void test_range() {
  for (std::uint32_t b = 0x40000000; b < 0x42000000; b += 7) {
    const float x = from_bits(b);
    CHECK(fc::tanh(x) <= 1.0f, "tanh(%a) = %a", x, fc::tanh(x));
    CHECK(fc::erf(x) <= 1.0f, "erf(%a) = %a", x, fc::erf(x));
    CHECK(fc::sigmoid(x) <= 1.0f, "sigmoid(%a) = %a", x, fc::sigmoid(x));
  }
}

// Other vector widths, and double.
template <class T, int L>
void test_lanes() {
  using V = fc::Vec<T, L>;
  checks::Random rng;
  for (int repeat = 0; repeat < 1000; ++repeat) {
    T x[L], y[L], out[L];
    for (int i = 0; i < L; ++i) x[i] = static_cast<T>(rng.uniform() * 20), y[i] = std::fabs(x[i]);
    const V v = fc::load<V>(x), w = fc::load<V>(y);
#define LANES(expression, scalar) \
  fc::store(out, expression);     \
  for (int i = 0; i < L; ++i)     \
    CHECK(checks::same<T>(out[i], scalar), "L=%d " #scalar " of %a", L, double(x[i]));
    LANES(fc::exp(v), fc::exp(x[i]))
    LANES(fc::expm1(v), fc::expm1(x[i]))
    LANES(fc::log(v), fc::log(x[i]))
    LANES(fc::log1p(v), fc::log1p(x[i]))
    LANES(fc::tanh(v), fc::tanh(x[i]))
    LANES(fc::sigmoid(v), fc::sigmoid(x[i]))
    LANES(fc::erf(v), fc::erf(x[i]))
    LANES(fc::softplus(v), fc::softplus(x[i]))
    LANES(fc::sin(v), fc::sin(x[i]))
    LANES(fc::cos(v), fc::cos(x[i]))
    LANES(fc::pow(w, v), fc::pow(y[i], x[i]))
#undef LANES
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool everything = argc > 1 && std::string(argv[1]) == "all";
  std::printf("vector_math: %d-byte vectors\n", fc::vector_bytes);
  for (const Function& f : functions) {
    if (argc > 2 && f.name != std::string(argv[2])) continue;
    sweep(f, everything);
  }
  sweep_pow(100000);
  test_special_values();
  test_range();
  test_lanes<float, 4>();
  test_lanes<float, 8>();
  test_lanes<float, 16>();
  test_lanes<double, 1>();
  test_lanes<double, 4>();
  for (double x : {-800.0, -3.0, 0.0, 0.5, 40.0, 800.0}) {
    CHECK(std::fabs(fc::sigmoid(x) - sigmoid(x)) <= 2e-16 * sigmoid(x), "%g", x);
    CHECK(std::fabs(fc::softplus(x) - softplus(x)) <= 4e-16 * softplus(x), "%g", x);
  }
  std::printf("%d failures\n", checks::failures);
  return checks::failures != 0;
}

// Checks Philox: the authors' known answers, vectors against scalars, and the order of philox_fill.
#include "checks.h"
#include "cpu/philox.h"

namespace fc = fastnn::cpu;

namespace {

void known_answers() {
  struct Case {
    fastnn::Philox4 counter;
    uint32_t key0, key1;
    fastnn::Philox4 words;
  };
  const uint32_t ones = 0xffffffffu;
  const Case cases[] = {
      {{0, 0, 0, 0}, 0, 0, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
      {{ones, ones, ones, ones}, ones, ones, {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
      {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u},
       0xa4093822u,
       0x299f31d0u,
       {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}},
  };
  for (const Case& c : cases) {
    CHECK(fastnn::philox(c.counter, c.key0, c.key1) == c.words, "counter %08x", c.counter[0]);
  }
}

template <int L>
void vectors() {
  using V = fc::Vec<uint32_t, L>;
  checks::Random random;
  for (int trial = 0; trial < 50; ++trial) {
    const uint64_t seed = random.bits();
    fastnn::Philox4 counters[L];
    V c[4] = {};
    for (int i = 0; i < L; ++i) {
      for (int w = 0; w < 4; ++w) {
        counters[i][w] = static_cast<uint32_t>(random.bits() >> 32);
        if constexpr (L == 1) {
          c[w] = counters[i][w];
        } else {
          c[w][i] = counters[i][w];
        }
      }
    }
    fc::philox_vector(c[0], c[1], c[2], c[3], seed);
    for (int i = 0; i < L; ++i) {
      const auto want =
          fastnn::philox(counters[i], static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
      for (int w = 0; w < 4; ++w) {
        uint32_t got;
        if constexpr (L == 1) {
          got = c[w];
        } else {
          got = c[w][i];
        }
        CHECK(got == want[w], "lanes %d, lane %d, word %d", L, i, w);
      }
    }
  }
}

void filling() {
  uint32_t words[3 * fc::kPhiloxGroup];
  const uint64_t seed = 0x123456789abcdef0u;
  fc::philox_fill(words, 3 * fc::kPhiloxGroup, {7, 8, 9, 10}, seed);
  for (uint32_t i = 0; i < 3 * fc::kPhiloxGroup; ++i) {
    const uint32_t group = i / 64, word = i % 64 / 16, j = i % 16;
    const auto want = fastnn::philox({7 + 16 * group + j, 8, 9, 10}, static_cast<uint32_t>(seed),
                                     static_cast<uint32_t>(seed >> 32));
    CHECK(words[i] == want[word], "word %u", i);
  }
}

void normal_numbers() {
  constexpr int L = fc::vector_lanes<float>;
  using V = fc::Vec<float, L>;
  using W = fc::Vec<uint32_t, L>;
  constexpr int64_t count = 1 << 20;
  static uint32_t words[count];
  fc::philox_fill(words, count, {0, 1, 2, 3}, 4);
  double sums[5] = {}, cross = 0;
  for (int64_t i = 0; i < count; i += 2 * L) {
    V pair[2];
    fc::normal_vectors(fc::load<W>(words + i), fc::load<W>(words + i + L), pair[0], pair[1]);
    for (int j = 0; j < L; ++j) {
      for (const V& x : pair) {
        double power = 1;
        for (double& sum : sums) {
          sum += power;
          power *= static_cast<double>(x[j]);
        }
      }
      cross += static_cast<double>(pair[0][j]) * static_cast<double>(pair[1][j]);
    }
  }
  // Five standard errors.
  const double n = sums[0];
  CHECK(std::fabs(sums[1] / n) < 5 / std::sqrt(n), "mean %g", sums[1] / n);
  CHECK(std::fabs(sums[2] / n - 1) < 5 * std::sqrt(2 / n), "variance %g", sums[2] / n);
  CHECK(std::fabs(sums[3] / n) < 5 * std::sqrt(15 / n), "third moment %g", sums[3] / n);
  CHECK(std::fabs(sums[4] / n - 3) < 5 * std::sqrt(96 / n), "fourth moment %g", sums[4] / n);
  CHECK(std::fabs(cross / (n / 2)) < 5 / std::sqrt(n / 2), "correlation %g", cross / (n / 2));
  // The extremes of both words stay finite.
  V a, b;
  fc::normal_vectors(fc::zero<W>(), fc::broadcast<W>(0xffffffffu), a, b);
  CHECK(std::isfinite(a[0]) && std::isfinite(b[0]) && std::fabs(a[0]) < 5.8f, "largest %g", double(a[0]));
  fc::normal_vectors(fc::broadcast<W>(0xffffffffu), fc::zero<W>(), a, b);
  CHECK(std::fabs(a[0]) < 1e-3f && b[0] == 0, "smallest %g", double(a[0]));
}

}  // namespace

int main() {
  known_answers();
  vectors<1>();
  vectors<4>();
  vectors<8>();
  vectors<16>();
  filling();
  normal_numbers();
  return checks::failures != 0;
}

#include "cpu/peak.h"

#include "cpu/simd.h"

namespace fastnn::cpu {

double run_multiply_adds(int64_t rounds) {
  using V = Vec<float, vector_lanes<float>>;
  // Enough independent chains to cover the latency of two units, and no more than there are registers.
  constexpr int kChains = 12;
  V sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = broadcast<V>(0.5f + 0.01f * static_cast<float>(i));
  V factor = broadcast<V>(0.999f);
  V term = broadcast<V>(0.001f);
  for (int64_t round = 0; round < rounds; ++round) {
    for (int i = 0; i < kChains; ++i) sums[i] = fma(sums[i], factor, term);
    asm volatile("" : "+x"(factor), "+x"(term));  // keeps the loop from being folded
  }
  V total = sums[0];
  for (int i = 1; i < kChains; ++i) total += sums[i];
  volatile float sink = hsum(total);
  (void)sink;
  return 2.0 * static_cast<double>(rounds) * kChains * vector_lanes<float>;
}

}  // namespace fastnn::cpu

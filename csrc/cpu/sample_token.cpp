// sample_token: a sort of the classes by probability where some are left out, else one pass. Sums are
// float64.
#include "ops/sample_token.h"

#include <algorithm>
#include <cmath>

#include "cpu/kernels.h"
#include "cpu/philox.h"

namespace fastnn::cpu {

namespace {

using Config = ops::SampleTokenConfig;

// Scratch: classes in order, then their weights.
template <class T>
int32_t draw(const Config& c, const T* logits, double uniform, int32_t* order, double* weights) {
  const auto best = static_cast<int32_t>(std::max_element(logits, logits + c.classes) - logits);
  if (c.temperature == 0) return best;
  const auto largest = static_cast<double>(logits[best]);
  const bool all = (c.top_k == 0 || c.top_k >= c.classes) && c.top_p == 1;
  for (int64_t i = 0; i < c.classes; ++i) order[i] = static_cast<int32_t>(i);
  int64_t kept = c.classes;
  if (!all) {
    std::sort(order, order + c.classes, [&](int32_t a, int32_t b) {
      return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
    });
    if (c.top_k > 0) kept = std::min(kept, c.top_k);
  }
  double total = 0;
  for (int64_t i = 0; i < kept; ++i) {
    weights[i] = std::exp((static_cast<double>(logits[order[i]]) - largest) / c.temperature);
    total += weights[i];
  }
  if (c.top_p < 1) {
    double reached = 0;
    int64_t n = 0;
    while (n < kept && reached < c.top_p * total) reached += weights[n++];
    kept = std::max<int64_t>(n, 1);
    total = std::max(reached, weights[0]);
  }
  double left = uniform * total;
  for (int64_t i = 0; i < kept; ++i) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order[kept - 1];
}

template <class T>
void sample_token_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  auto* weights = reinterpret_cast<double*>(call.scratch);
  auto* order = reinterpret_cast<int32_t*>(weights + c.classes);
  const uint64_t seed = call.seed + c.seed;
  for (int64_t i = 0; i < call.count; ++i) {
    const T* logits = call.in[0].as<T>() + i * c.classes;
    const T* nan = std::find_if(logits, logits + c.classes, [](T v) { return v != v; });
    if (nan != logits + c.classes)
      call.status->report(Status::non_finite, call.node, call.first + i, *nan, 0);
    const Philox4 words = philox({0, static_cast<uint32_t>(call.first + i), static_cast<uint32_t>(call.step),
                                  static_cast<uint32_t>(RandomStream::op) | call.node << 8},
                                 static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
    call.out[0].as<int32_t>()[i] = draw(c, logits, uniform_double(words[0], words[1]), order, weights);
  }
}

int64_t sample_token_scratch(const KernelQuery& query) {
  return query.in[0].size * static_cast<int64_t>(sizeof(double) + sizeof(int32_t));
}

}  // namespace

extern const Kernel sample_token_kernel;
const Kernel sample_token_kernel{.f32 = {.rows = sample_token_rows<float>},
                                 .f64 = {.rows = sample_token_rows<double>},
                                 .scratch = sample_token_scratch};

}  // namespace fastnn::cpu

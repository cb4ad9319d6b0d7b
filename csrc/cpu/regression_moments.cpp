#include "ops/regression_moments.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct RegressionMoments {
  static void run(const KernelCall& call) {
    const auto& config = call.configuration<ops::RegressionMomentsConfig>();
    const int64_t n = config.extent;
    const int64_t weights = config.per_weight == 0 ? 0 : config.positions / config.per_weight;
    double* counts = call.out[0].as<double>();
    double* sums = call.out[1].as<double>();
    for (int64_t i = 0; i < call.count; ++i) {
      const int64_t group = i / L;
      const int64_t lane = i % L;
      for (int64_t p = 0; p < config.positions; ++p) {
        const int64_t at = group * config.positions + p;
        double weight = 1.0;
        if (weights > 0) {
          weight =
              static_cast<double>(call.in[2].as<T>()[(group * weights + p / config.per_weight) * L + lane]);
        }
        counts[0] += weight;
        counts[1] += 1.0;
        for (int64_t c = 0; c < n; ++c) {
          const int64_t e = (at * n + c) * L + lane;
          const auto target = static_cast<double>(call.in[1].as<T>()[e]);
          const double miss = target - static_cast<double>(call.in[0].as<T>()[e]);
          sums[c] += weight * target;
          sums[n + c] += weight * target * target;
          sums[2 * n + c] += weight * miss * miss;
        }
      }
    }
  }
};

}  // namespace

extern const Kernel regression_moments_kernel;
const Kernel regression_moments_kernel{.f32 = tile_kernels_f32<RegressionMoments>(),
                                       .f64 = tile_kernels_f64<RegressionMoments>()};

}  // namespace fastnn::cpu

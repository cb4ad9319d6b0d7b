#include "ops/sample_mean.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

// Adds each valid sample's elements, divided by the batch's size, to float64 accumulators.
template <class T, int L>
struct SampleMean {
  static void run(const KernelCall& call) {
    const View& x = call.in[0];
    double* out = call.out[0].as<double>();
    const double scale = 1.0 / static_cast<double>(call.batch);
    for (int64_t e = 0; e < x.size; ++e) {
      double sum = 0;
      for (int64_t i = 0; i < call.count; ++i) {
        sum += static_cast<double>(x.as<T>()[(i / L) * x.size * L + e * L + i % L]);
      }
      out[e] += sum * scale;
    }
  }
};

template <class T, int L>
struct SampleMeanGrad {
  static void run(const KernelCall& call) {
    const View& out = call.out[0];
    const double* g = call.in[0].as<double>();
    const double scale = 1.0 / static_cast<double>(call.batch);
    for (int64_t group = 0; group < call.groups(L); ++group) {
      T* target = out.as<T>() + group * out.size * L;
      const int64_t valid = call.count - group * L;
      for (int64_t e = 0; e < out.size; ++e) {
        const T value = static_cast<T>(g[e] * scale);
        for (int lane = 0; lane < L; ++lane) target[e * L + lane] = lane < valid ? value : T(0);
      }
    }
  }
};

}  // namespace

extern const Kernel sample_mean_kernel;
const Kernel sample_mean_kernel{.f32 = tile_kernels_f32<SampleMean>(), .f64 = tile_kernels_f64<SampleMean>()};

extern const Kernel sample_mean_grad_kernel;
const Kernel sample_mean_grad_kernel{.f32 = tile_kernels_f32<SampleMeanGrad>(),
                                     .f64 = tile_kernels_f64<SampleMeanGrad>()};

}  // namespace fastnn::cpu

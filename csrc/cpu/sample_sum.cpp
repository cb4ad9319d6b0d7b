#include "ops/sample_sum.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

// Adds every valid sample to the accumulators, in sample order.
template <class T, class Sum, int L>
void add_samples(const KernelCall& call) {
  const View& x = call.in[0];
  Sum* out = call.out[0].as<Sum>();
  if constexpr (L == 1) {
    for (int64_t i = 0; i < call.count; ++i) {
      const T* row = x.as<T>() + i * x.size;
      for (int64_t e = 0; e < x.size; ++e) out[e] += static_cast<Sum>(row[e]);
    }
  } else {
    for (int64_t group = 0; group * L < call.count; ++group) {
      const T* source = x.as<T>() + group * x.size * L;
      const int64_t valid = call.count - group * L < L ? call.count - group * L : L;
      for (int64_t e = 0; e < x.size; ++e) {
        if (valid == L && sizeof(Sum) == sizeof(T)) {
          out[e] += static_cast<Sum>(hsum(load<Vec<T, L>>(source + e * L)));
        } else {
          Sum sum = 0;
          for (int64_t lane = 0; lane < valid; ++lane) sum += static_cast<Sum>(source[e * L + lane]);
          out[e] += sum;
        }
      }
    }
  }
}

template <class T, int L>
struct SampleSum {
  static void run(const KernelCall& call) {
    if (call.out[0].dtype == DType::f64) {
      add_samples<T, double, L>(call);
    } else {
      add_samples<T, T, L>(call);
    }
  }
};

template <class T, int L>
struct BroadcastSamples {
  static void run(const KernelCall& call) {
    const View& out = call.out[0];
    const View& in = call.in[0];
    for (int64_t group = 0; group < call.groups(L); ++group) {
      T* target = out.as<T>() + group * out.size * L;
      const int64_t valid = call.count - group * L;
      for (int64_t e = 0; e < out.size; ++e) {
        const T value =
            in.dtype == DType::f64 ? static_cast<T>(in.as<double>()[e]) : static_cast<T>(in.as<float>()[e]);
        for (int lane = 0; lane < L; ++lane) target[e * L + lane] = lane < valid ? value : T(0);
      }
    }
  }
};

}  // namespace

extern const Kernel sample_sum_kernel;
const Kernel sample_sum_kernel{.f32 = tile_kernels_f32<SampleSum>(), .f64 = tile_kernels_f64<SampleSum>()};

extern const Kernel broadcast_samples_kernel;
const Kernel broadcast_samples_kernel{.f32 = tile_kernels_f32<BroadcastSamples>(),
                                      .f64 = tile_kernels_f64<BroadcastSamples>()};

}  // namespace fastnn::cpu

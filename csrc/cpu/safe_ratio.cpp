#include "ops/safe_ratio.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

void safe_ratio_whole(const KernelCall& call) {
  const double* a = call.in[0].as<double>();
  const double* b = call.in[1].as<double>();
  double* out = call.out[0].as<double>();
  for (int64_t i = 0; i < call.out[0].size; ++i) out[i] = b[i] == 0.0 ? 0.0 : a[i] / b[i];
}

}  // namespace

extern const Kernel safe_ratio_kernel;
const Kernel safe_ratio_kernel{.f32 = {.whole = safe_ratio_whole}, .f64 = {.whole = safe_ratio_whole}};

}  // namespace fastnn::cpu

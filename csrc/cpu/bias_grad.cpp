// bias_grad. Accumulators have the layout of one position: [channels][lanes], or [channels] in rows.
#include "ops/bias_grad.h"

#include "cpu/kernels.h"
#include "cpu/sum_positions.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct BiasGrad {
  static void run(const KernelCall& call) {
    const View& dy = call.in[0];
    const int64_t channels = call.out[0].size;
    sum_positions(dy.as<T>(), call.groups(L) * (dy.size / channels), channels * L, call.out[0].as<T>());
  }
};

}  // namespace

extern const Kernel bias_grad_kernel;
const Kernel bias_grad_kernel{
    .f32 = tile_kernels_f32<BiasGrad>(), .f64 = tile_kernels_f64<BiasGrad>(), .lane_accumulators = true};

}  // namespace fastnn::cpu

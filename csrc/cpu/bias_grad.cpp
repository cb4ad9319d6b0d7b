// bias_grad. Accumulators have the layout of one position: [channels][lanes], or [channels] in rows.
#include "ops/bias_grad.h"

#include "cpu/kernels.h"
#include "cpu/sum_positions.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct BiasGrad {
  static void run(const KernelCall& call) {
    const View& dy = call.in[0];
    const int64_t channels = call.out[0].size;
    const int64_t positions = dy.size / channels;
    const int64_t full = call.count / L;  // groups without padding lanes
    T* out = call.out[0].as<T>();
    sum_positions(dy.as<T>(), full * positions, channels * L, out);
    const int64_t rest = call.count - full * L;
    for (int64_t e = 0; rest > 0 && e < dy.size; ++e) {
      T* target = out + e % channels * L;
      const Vec<T, L> value = load<Vec<T, L>>(dy.as<T>() + (full * dy.size + e) * L);
      store(target, load<Vec<T, L>>(target) + first_lanes(value, rest));
    }
  }
};

}  // namespace

extern const Kernel bias_grad_kernel;
const Kernel bias_grad_kernel{
    .f32 = tile_kernels_f32<BiasGrad>(), .f64 = tile_kernels_f64<BiasGrad>(), .lane_accumulators = true};

}  // namespace fastnn::cpu

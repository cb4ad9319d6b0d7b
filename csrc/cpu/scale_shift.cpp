#include "ops/scale_shift.h"

#include "cpu/elementwise.h"

namespace fastnn::cpu {

namespace {

template <class T>
struct ScaleShift {
  static void run(const KernelCall& call, int64_t count) {
    using V = Vec<T, vector_lanes<T>>;
    const auto& config = call.configuration<ops::ScaleShiftConfig>();
    const V scale = broadcast<V>(static_cast<T>(config.scale));
    const V offset = broadcast<V>(static_cast<T>(config.offset));
    map_elements(call.in[0].as<T>(), call.out[0].as<T>(), count, [=](V x) { return fma(x, scale, offset); });
  }
};

}  // namespace

extern const Kernel scale_shift_kernel;
const Kernel scale_shift_kernel{.f32 = elementwise_kernels<ScaleShift, float>(),
                                .f64 = elementwise_kernels<ScaleShift, double>()};

}  // namespace fastnn::cpu

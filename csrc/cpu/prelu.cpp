#include "ops/prelu.h"

#include "cpu/broadcast.h"

namespace fastnn::cpu {

namespace {

struct Forward {
  template <class V>
  static FASTNN_INLINE V apply(V x, V alpha) {
    return select(less(x, zero<V>()), x * alpha, x);
  }
};
struct Slope {
  template <class V>
  static FASTNN_INLINE V apply(V x, V alpha) {
    return select(less(x, zero<V>()), alpha, broadcast<V>(1));
  }
};
struct GradAlpha {
  template <class V>
  static FASTNN_INLINE V apply(V dy, V x) {
    return select(less(x, zero<V>()), dy * x, zero<V>());
  }
};

}  // namespace

extern const Kernel prelu_kernel;
const Kernel prelu_kernel{.f32 = broadcast_kernels<Forward, float>(),
                          .f64 = broadcast_kernels<Forward, double>()};

extern const Kernel prelu_grad_slope_kernel;
const Kernel prelu_grad_slope_kernel{.f32 = broadcast_kernels<Slope, float>(),
                                     .f64 = broadcast_kernels<Slope, double>()};

extern const Kernel prelu_grad_alpha_kernel;
const Kernel prelu_grad_alpha_kernel{.f32 = broadcast_kernels<GradAlpha, float>(),
                                     .f64 = broadcast_kernels<GradAlpha, double>()};

}  // namespace fastnn::cpu

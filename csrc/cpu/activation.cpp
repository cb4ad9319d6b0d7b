// Elementwise: the layout does not matter, so one kernel serves rows and lanes.
#include "ops/activation.h"

#include "cpu/activation.h"
#include "cpu/activation_functions.h"
#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T>
void activate_elements(const ops::ActivationConfig& config, const T* x, T* y, int64_t count) {
  const T alpha = static_cast<T>(config.alpha);
  with_activation(config.kind, [&]<ActivationKind K>() { activate_run<K>(x, y, count, alpha); });
}

template <class T>
void activation_elements(const KernelCall& call, int64_t count) {
  activate_elements(call.configuration<ops::ActivationConfig>(), call.in[0].as<T>(), call.out[0].as<T>(),
                    count);
}

template <class T>
void activation_grad_elements(const KernelCall& call, int64_t count) {
  const auto& config = call.configuration<ops::ActivationConfig>();
  const T* dy = call.in[0].as<T>();
  // The one that the kind does not read is absent: the other stands in for it.
  const T* x = call.in[1].data != nullptr ? call.in[1].as<T>() : call.in[2].as<T>();
  const T* y = call.in[2].data != nullptr ? call.in[2].as<T>() : x;
  T* dx = call.out[0].as<T>();
  const T alpha = static_cast<T>(config.alpha);
  with_activation(config.kind, [&]<ActivationKind K>() {
    using V = Vec<T, vector_lanes<T>>;
    constexpr int L = vector_lanes<T>;
    const auto gradient = [&](V g, V at_x, V at_y) {
      if constexpr (K == ActivationKind::relu) {
        return select(greater(at_y, zero<V>()), g, zero<V>());
      } else {
        return g * activation_derivative<K>(at_x, at_y, alpha);
      }
    };
    int64_t i = 0;
    for (; i + L <= count; i += L) store(dx + i, gradient(load<V>(dy + i), load<V>(x + i), load<V>(y + i)));
    if (i < count) {
      const int64_t rest = count - i;
      store_partial<V>(
          dx + i,
          gradient(load_partial<V>(dy + i, rest), load_partial<V>(x + i, rest), load_partial<V>(y + i, rest)),
          rest);
    }
  });
}

template <class T, int L>
struct Activation {
  static void run(const KernelCall& call) {
    activation_elements<T>(call, tile_elements<L>(call, call.out[0]));
  }
};
template <class T, int L>
struct ActivationGrad {
  static void run(const KernelCall& call) {
    activation_grad_elements<T>(call, tile_elements<L>(call, call.out[0]));
  }
};
template <class T>
void activation_whole(const KernelCall& call) {
  activation_elements<T>(call, call.out[0].size);
}
template <class T>
void activation_grad_whole(const KernelCall& call) {
  activation_grad_elements<T>(call, call.out[0].size);
}

template <class T>
constexpr KernelSet activation_set() {
  return {.rows = Activation<T, 1>::run,
          .lanes = Activation<T, vector_lanes<T>>::run,
          .whole = activation_whole<T>};
}
template <class T>
constexpr KernelSet activation_grad_set() {
  return {.rows = ActivationGrad<T, 1>::run,
          .lanes = ActivationGrad<T, vector_lanes<T>>::run,
          .whole = activation_grad_whole<T>};
}

}  // namespace

void apply_activation(const ops::ActivationConfig& config, float* data, int64_t count) {
  if (config.kind != ActivationKind::linear) activate_elements(config, data, data, count);
}
void apply_activation(const ops::ActivationConfig& config, double* data, int64_t count) {
  if (config.kind != ActivationKind::linear) activate_elements(config, data, data, count);
}

extern const Kernel activation_kernel;
const Kernel activation_kernel{.f32 = activation_set<float>(), .f64 = activation_set<double>()};

extern const Kernel activation_grad_kernel;
const Kernel activation_grad_kernel{.f32 = activation_grad_set<float>(),
                                    .f64 = activation_grad_set<double>()};

}  // namespace fastnn::cpu

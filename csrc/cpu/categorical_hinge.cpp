#include "ops/categorical_hinge.h"

#include <limits>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

// Margin neg - pos + 1 of a position, and the class (as a number) where neg is reached first.
template <class T, int L>
struct Margin {
  using V = Vec<T, L>;
  V value;
  V rival = zero<V>();

  Margin(const T* p, const T* t, int64_t classes) {
    const V one = broadcast<V>(T(1));
    V pos = zero<V>();
    V neg = broadcast<V>(-std::numeric_limits<T>::infinity());
    for (int64_t c = 0; c < classes; ++c) {
      const V at_p = load<V>(p + c * L);
      const V at_t = load<V>(t + c * L);
      const V against = (one - at_t) * at_p;
      pos += at_t * at_p;
      const auto higher = mask_or(greater(against, neg), isnan(against));
      neg = select(higher, against, neg);
      rival = select(higher, broadcast<V>(static_cast<T>(c)), rival);
    }
    value = neg - pos + one;
  }
};

template <class T, int L>
struct CategoricalHinge {
  static void run(const KernelCall& call) {
    using V = Vec<T, L>;
    const auto& config = call.configuration<ops::CategoricalHingeConfig>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.classes * L;
      const Margin<T, L> margin(call.in[0].as<T>() + first, call.in[1].as<T>() + first, config.classes);
      store(call.out[0].as<T>() + at * L, max(zero<V>(), margin.value));
    }
  }
};

template <class T, int L>
struct CategoricalHingeGrad {
  static void run(const KernelCall& call) {
    using V = Vec<T, L>;
    const auto& config = call.configuration<ops::CategoricalHingeConfig>();
    const V one = broadcast<V>(T(1));
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.classes * L;
      const T* t = call.in[1].as<T>() + first;
      T* out = call.out[0].as<T>() + first;
      const Margin<T, L> margin(call.in[0].as<T>() + first, t, config.classes);
      const V upstream = load<V>(call.in[2].as<T>() + at * L);
      const V g = select(less_equal(margin.value, zero<V>()), zero<V>(), upstream);
      for (int64_t c = 0; c < config.classes; ++c) {
        const V at_t = load<V>(t + c * L);
        const V rival = select(equal(margin.rival, broadcast<V>(static_cast<T>(c))), one - at_t, zero<V>());
        store(out + c * L, g * (rival - at_t));
      }
    }
  }
};

}  // namespace

extern const Kernel categorical_hinge_kernel;
const Kernel categorical_hinge_kernel{.f32 = tile_kernels_f32<CategoricalHinge>(),
                                      .f64 = tile_kernels_f64<CategoricalHinge>()};

extern const Kernel categorical_hinge_grad_kernel;
const Kernel categorical_hinge_grad_kernel{.f32 = tile_kernels_f32<CategoricalHingeGrad>(),
                                           .f64 = tile_kernels_f64<CategoricalHingeGrad>()};

}  // namespace fastnn::cpu

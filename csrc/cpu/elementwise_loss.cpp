#include "ops/elementwise_loss.h"

#include "cpu/elementwise_loss_functions.h"
#include "cpu/kernels.h"
#include "cpu/last_axis.h"

namespace fastnn::cpu {

namespace {

using Config = ops::ElementwiseLossConfig;

// Positions of one element: both layouts are then one run of elements, with nothing to sum.
template <class T, LossKind K>
void single_values(const T* p, const T* t, T* out, int64_t count, const LossParameters<T>& k) {
  using Run = LastAxis<T, 1>;
  Run::each(count, [&](int64_t i, int valid) {
    Run::put(out + i, loss_value<K>(Run::get(p + i, valid), Run::get(t + i, valid), k), valid);
  });
}

template <class T, int L>
struct ElementwiseLoss {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Value = typename Axis::Value;
    const auto& config = call.configuration<Config>();
    const LossParameters<T> k(config);
    const T* p = call.in[0].as<T>();
    const T* t = call.in[1].as<T>();
    T* out = call.out[0].as<T>();
    const int64_t positions = call.groups(L) * config.positions;
    const bool mean = config.kind != LossKind::kl_divergence;
    const Value scale = broadcast<Value>(mean ? T(1) / static_cast<T>(config.extent) : T(1));
    with_loss(config.kind, [&]<LossKind K>() {
      if (config.extent == 1) return single_values<T, K>(p, t, out, positions * L, k);
      for (int64_t at = 0; at < positions; ++at) {
        const int64_t first = at * config.extent * L;
        LongSum<typename Axis::Block> sum;
        Axis::each(config.extent, [&](int64_t c, int valid) {
          const auto term =
              loss_value<K>(Axis::get(p + first + c, valid), Axis::get(t + first + c, valid), k);
          sum.add(Axis::fill_rest(term, valid, T(0)));
        });
        store(out + at * L, Axis::sum(sum.value()) * scale);
      }
    });
  }
};

template <class T, LossKind K>
void single_slopes(const T* g, const T* p, const T* t, T* out, int64_t count, const LossParameters<T>& k) {
  using Run = LastAxis<T, 1>;
  Run::each(count, [&](int64_t i, int valid) {
    const auto slope = loss_slope<K>(Run::get(p + i, valid), Run::get(t + i, valid), k);
    Run::put(out + i, Run::get(g + i, valid) * slope, valid);
  });
}

template <class T, int L>
struct ElementwiseLossGrad {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Value = typename Axis::Value;
    const auto& config = call.configuration<Config>();
    const LossParameters<T> k(config);
    const T* g = call.in[0].as<T>();
    const T* p = call.in[1].as<T>();
    const T* t = call.in[2].as<T>();
    T* out = call.out[0].as<T>();
    const int64_t positions = call.groups(L) * config.positions;
    const bool mean = config.kind != LossKind::kl_divergence;
    const Value scale = broadcast<Value>(mean ? T(1) / static_cast<T>(config.extent) : T(1));
    with_loss(config.kind, [&]<LossKind K>() {
      if (config.extent == 1) return single_slopes<T, K>(g, p, t, out, positions * L, k);
      for (int64_t at = 0; at < positions; ++at) {
        const int64_t first = at * config.extent * L;
        const auto upstream = Axis::spread(load<Value>(g + at * L) * scale);
        Axis::each(config.extent, [&](int64_t c, int valid) {
          const auto slope =
              loss_slope<K>(Axis::get(p + first + c, valid), Axis::get(t + first + c, valid), k);
          Axis::put(out + first + c, upstream * slope, valid);
        });
      }
    });
  }
};

}  // namespace

extern const Kernel elementwise_loss_kernel;
const Kernel elementwise_loss_kernel{.f32 = tile_kernels_f32<ElementwiseLoss>(),
                                     .f64 = tile_kernels_f64<ElementwiseLoss>()};

extern const Kernel elementwise_loss_grad_kernel;
const Kernel elementwise_loss_grad_kernel{.f32 = tile_kernels_f32<ElementwiseLossGrad>(),
                                          .f64 = tile_kernels_f64<ElementwiseLossGrad>()};

}  // namespace fastnn::cpu

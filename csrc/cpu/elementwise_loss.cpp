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

// Targets of cross-entropies are 0 to 1. What is half a unit off is no noise but another scale or numbering,
// for which the loss has no bound below.
template <class T, int L>
void check_targets(const KernelCall& call, const T* t) {
  using Run = LastAxis<T, 1>;
  using Block = typename Run::Block;
  const int64_t size = call.in[1].size;
  Run::each(call.groups(L) * size * L, [&](int64_t i, int valid) {
    const Block target = Run::get(t + i, valid);
    if (!any(mask_or(less(target, broadcast<Block>(T(-0.5))), greater(target, broadcast<Block>(T(1.5))))))
      return;
    for (int64_t e = i; e < i + valid; ++e) {
      const int64_t sample = e / (size * L) * L + e % L;
      if ((t[e] < T(-0.5) || t[e] > T(1.5)) && sample < call.count) {
        call.status->report(Status::target_out_of_range, call.node, call.first + sample,
                            static_cast<double>(t[e]), 1);
      }
    }
  });
}

constexpr bool has_probability_targets(LossKind kind) {
  return kind == LossKind::binary_cross_entropy || kind == LossKind::binary_cross_entropy_logits ||
         kind == LossKind::binary_focal || kind == LossKind::binary_focal_logits;
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
    if (has_probability_targets(config.kind)) check_targets<T, L>(call, t);
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

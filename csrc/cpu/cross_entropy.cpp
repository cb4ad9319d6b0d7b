#include "ops/cross_entropy.h"

#include "cpu/elementwise_loss_functions.h"
#include "cpu/kernels.h"
#include "cpu/labels.h"
#include "cpu/normaliser.h"

namespace fastnn::cpu {

namespace {

template <class T, class V>
FASTNN_INLINE V clip(V q) {
  return detail::clip(q, detail::loss_epsilon<T>, detail::loss_high<T>);
}
// v where q is not clipped, else 0.
template <class T, class V>
FASTNN_INLINE V unclipped(V q, V v) {
  return detail::inside(q, detail::loss_epsilon<T>, detail::loss_high<T>, v);
}

// loss = -sum y log(clip(q)), q = p / sum(p)
template <class T, int L, class Label>
FASTNN_INLINE typename LastAxis<T, L>::Value loss_of(const T* p, int64_t classes, Label label) {
  using Axis = LastAxis<T, L>;
  using Block = typename Axis::Block;
  const Block scale = Axis::spread(broadcast<typename Axis::Value>(T(1)) / axis_sum<T, L>(p, classes));
  LongSum<Block> loss;
  Axis::each(classes, [&](int64_t c, int valid) {
    const Block term = label(c, valid) * log(clip<T>(Axis::get(p + c, valid) * scale));
    loss.add(Axis::fill_rest(term, valid, T(0)));
  });
  return -Axis::sum(loss.value());
}

// dL/dq = -y / q inside the clip and 0 outside; dL/dp = (dL/dq - sum(q dL/dq)) / sum(p)
template <class T, int L, class Label>
FASTNN_INLINE void gradient_of(const T* p, int64_t classes, Label label,
                               typename LastAxis<T, L>::Value upstream, T* out) {
  using Axis = LastAxis<T, L>;
  using Block = typename Axis::Block;
  const Block scale = Axis::spread(broadcast<typename Axis::Value>(T(1)) / axis_sum<T, L>(p, classes));
  LongSum<Block> shared;
  Axis::each(classes, [&](int64_t c, int valid) {
    const Block q = Axis::get(p + c, valid) * scale;
    const Block counted = unclipped<T>(q, label(c, valid));
    shared.add(Axis::fill_rest(counted, valid, T(0)));
  });
  const Block total = Axis::spread(Axis::sum(shared.value()));
  const Block g = Axis::spread(upstream) * scale;
  Axis::each(classes, [&](int64_t c, int valid) {
    const Block q = Axis::get(p + c, valid) * scale;
    const Block slope = unclipped<T>(q, label(c, valid) / q);
    Axis::put(out + c, (total - slope) * g, valid);
  });
}

template <class T, int L>
struct CrossEntropy {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    const auto& config = call.configuration<ops::CrossEntropyConfig>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.classes * L;
      const T* labels = call.in[1].as<T>() + first;
      const auto label = [&](int64_t c, int valid) {
        return smooth_label(Axis::get(labels + c, valid), config.label_smoothing, config.classes);
      };
      store(call.out[0].as<T>() + at * L, loss_of<T, L>(call.in[0].as<T>() + first, config.classes, label));
    }
  }
};

template <class T, int L>
struct CrossEntropyGrad {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    const auto& config = call.configuration<ops::CrossEntropyConfig>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.classes * L;
      const T* labels = call.in[1].as<T>() + first;
      const auto label = [&](int64_t c, int valid) {
        return smooth_label(Axis::get(labels + c, valid), config.label_smoothing, config.classes);
      };
      gradient_of<T, L>(call.in[0].as<T>() + first, config.classes, label,
                        load<typename Axis::Value>(call.in[2].as<T>() + at * L), call.out[0].as<T>() + first);
    }
  }
};

// The one-hot row of a class id, smoothed, as blocks of the last axis.
template <class T, int L>
struct IdLabel {
  using Axis = LastAxis<T, L>;
  using Block = typename Axis::Block;
  alignas(64) T id[L];
  double smoothing;
  int64_t classes;

  FASTNN_INLINE Block operator()(int64_t c, int) const {
    Block number;
    if constexpr (L == 1) {
      for (int i = 0; i < Axis::width; ++i) number[i] = static_cast<T>(c + i);
    } else {
      number = broadcast<Block>(static_cast<T>(c / L));
    }
    const Block ids = Axis::spread(load<typename Axis::Value>(id));
    const Block hot = select(equal(number, ids), broadcast<Block>(T(1)), zero<Block>());
    return smooth_label(hot, smoothing, classes);
  }
};

// Ids of a group's samples, -1 where they are ignored or out of range; `kept` is 1 or 0.
template <class T, int L>
FASTNN_INLINE void read_ids(const KernelCall& call, const ops::SparseCrossEntropyConfig& config, int64_t at,
                            bool report, IdLabel<T, L>& label, T (&kept)[L]) {
  const int32_t* labels = call.in[1].as<int32_t>() + at * L;
  const int64_t first = at / config.positions * L;
  for (int lane = 0; lane < L; ++lane) {
    const int64_t id = labels[lane];
    bool valid = !(config.has_ignore && id == config.ignore_index);
    if (report) {
      valid = valid && check_class(call, id, config.classes, first + lane);
    } else {
      valid = valid && id >= 0 && id < config.classes;
    }
    label.id[lane] = valid ? static_cast<T>(id) : T(-1);
    kept[lane] = valid ? T(1) : T(0);
  }
  label.smoothing = config.label_smoothing;
  label.classes = config.classes;
}

template <class T, int L>
struct SparseCrossEntropyProbabilities {
  static void run(const KernelCall& call) {
    using Value = Vec<T, L>;
    const auto& config = call.configuration<ops::SparseCrossEntropyConfig>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      IdLabel<T, L> label;
      alignas(64) T kept[L];
      read_ids<T, L>(call, config, at, true, label, kept);
      const Value loss = loss_of<T, L>(call.in[0].as<T>() + at * config.classes * L, config.classes, label);
      store(call.out[0].as<T>() + at * L,
            select(greater(load<Value>(kept), zero<Value>()), loss, zero<Value>()));
    }
  }
};

template <class T, int L>
struct SparseCrossEntropyProbabilitiesGrad {
  static void run(const KernelCall& call) {
    using Value = Vec<T, L>;
    const auto& config = call.configuration<ops::SparseCrossEntropyConfig>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      IdLabel<T, L> label;
      alignas(64) T kept[L];
      read_ids<T, L>(call, config, at, false, label, kept);
      const int64_t first = at * config.classes * L;
      gradient_of<T, L>(call.in[0].as<T>() + first, config.classes, label,
                        load<Value>(call.in[2].as<T>() + at * L) * load<Value>(kept),
                        call.out[0].as<T>() + first);
    }
  }
};

}  // namespace

extern const Kernel cross_entropy_kernel;
const Kernel cross_entropy_kernel{.f32 = tile_kernels_f32<CrossEntropy>(),
                                  .f64 = tile_kernels_f64<CrossEntropy>()};

extern const Kernel cross_entropy_grad_kernel;
const Kernel cross_entropy_grad_kernel{.f32 = tile_kernels_f32<CrossEntropyGrad>(),
                                       .f64 = tile_kernels_f64<CrossEntropyGrad>()};

extern const Kernel sparse_cross_entropy_kernel;
const Kernel sparse_cross_entropy_kernel{.f32 = tile_kernels_f32<SparseCrossEntropyProbabilities>(),
                                         .f64 = tile_kernels_f64<SparseCrossEntropyProbabilities>()};

extern const Kernel sparse_cross_entropy_grad_kernel;
const Kernel sparse_cross_entropy_grad_kernel{.f32 = tile_kernels_f32<SparseCrossEntropyProbabilitiesGrad>(),
                                              .f64 = tile_kernels_f64<SparseCrossEntropyProbabilitiesGrad>()};

}  // namespace fastnn::cpu

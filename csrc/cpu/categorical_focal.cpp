#include "ops/categorical_focal.h"

#include "cpu/elementwise_loss_functions.h"
#include "cpu/kernels.h"
#include "cpu/labels.h"
#include "cpu/normaliser.h"

namespace fastnn::cpu {

namespace {

using Config = ops::CategoricalFocalConfig;

// One position: q and what follows from it, block by block.
template <class T, int L>
struct Focal {
  using Axis = LastAxis<T, L>;
  using Block = typename Axis::Block;
  using Value = typename Axis::Value;
  const T* x;
  const T* labels;
  const Config& config;
  Block largest{};  // logits: q = exp(x - largest) / sum, log q = x - largest - log_sum
  Block log_sum{};
  Block scale{};  // probabilities: q = x / sum

  Focal(const T* scores, const T* targets, const Config& c) : x(scores), labels(targets), config(c) {
    if (config.from_logits) {
      const Normaliser<T, L> normaliser(x, config.classes);
      largest = Axis::spread(normaliser.largest);
      log_sum = Axis::spread(log(normaliser.sum));
    } else {
      scale = Axis::spread(broadcast<Value>(T(1)) / axis_sum<T, L>(x, config.classes));
    }
  }

  // y alpha, log q, 1 - q and q of a block.
  struct Parts {
    Block weight, log_q, miss, q;
  };
  FASTNN_INLINE Parts at(int64_t c, int valid) const {
    const Block one = broadcast<Block>(T(1));
    Parts out;
    out.weight =
        smooth_label(Axis::get(labels + c, valid), config.label_smoothing, config.classes) * alpha(c, valid);
    const Block given = Axis::get(x + c, valid);
    if (config.from_logits) {
      out.log_q = (given - largest) - log_sum;
      out.miss = -expm1(out.log_q);
      out.q = exp(out.log_q);
    } else {
      out.q = detail::clip(given * scale, detail::loss_epsilon<T>, detail::loss_high<T>);
      out.log_q = log(out.q);
      out.miss = one - out.q;
    }
    return out;
  }
  FASTNN_INLINE Block alpha(int64_t c, int valid) const {
    if (config.alpha.size() == 1) return broadcast<Block>(static_cast<T>(config.alpha[0]));
    if constexpr (L == 1) {
      Block out = zero<Block>();
      for (int i = 0; i < valid; ++i) out[i] = static_cast<T>(config.alpha[static_cast<size_t>(c + i)]);
      return out;
    } else {
      return broadcast<Block>(static_cast<T>(config.alpha[static_cast<size_t>(c / L)]));
    }
  }
  // q dL/dq
  FASTNN_INLINE Block slope(const Parts& b, int64_t c, int valid) const {
    const T gamma = static_cast<T>(config.gamma);
    const Block s =
        b.weight * (detail::focal_slope(b.miss, gamma) * b.q * b.log_q - detail::focal_power(b.miss, gamma));
    if (config.from_logits) return s;
    return detail::inside(Axis::get(x + c, valid) * scale, detail::loss_epsilon<T>, detail::loss_high<T>, s);
  }
};

template <class T, int L>
struct CategoricalFocal {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    const auto& config = call.configuration<Config>();
    const T gamma = static_cast<T>(config.gamma);
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.classes * L;
      const Focal<T, L> focal(call.in[0].as<T>() + first, call.in[1].as<T>() + first, config);
      LongSum<typename Axis::Block> loss;
      Axis::each(config.classes, [&](int64_t c, int valid) {
        const auto b = focal.at(c, valid);
        loss.add(Axis::fill_rest(b.weight * detail::focal_power(b.miss, gamma) * b.log_q, valid, T(0)));
      });
      store(call.out[0].as<T>() + at * L, -Axis::sum(loss.value()));
    }
  }
};

// Logits: dL/dx = h - q sum(h); probabilities: (h / q - sum(h)) / sum(x); h = q dL/dq.
template <class T, int L>
struct CategoricalFocalGrad {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Block = typename Axis::Block;
    const auto& config = call.configuration<Config>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.classes * L;
      const Focal<T, L> focal(call.in[0].as<T>() + first, call.in[1].as<T>() + first, config);
      T* out = call.out[0].as<T>() + first;
      LongSum<Block> sum;
      Axis::each(config.classes, [&](int64_t c, int valid) {
        sum.add(Axis::fill_rest(focal.slope(focal.at(c, valid), c, valid), valid, T(0)));
      });
      const Block total = Axis::spread(Axis::sum(sum.value()));
      const Block g = Axis::spread(load<typename Axis::Value>(call.in[2].as<T>() + at * L));
      Axis::each(config.classes, [&](int64_t c, int valid) {
        const auto b = focal.at(c, valid);
        const Block h = focal.slope(b, c, valid);
        const Block slope = config.from_logits ? h - b.q * total : (h / b.q - total) * focal.scale;
        Axis::put(out + c, slope * g, valid);
      });
    }
  }
};

}  // namespace

extern const Kernel categorical_focal_kernel;
const Kernel categorical_focal_kernel{.f32 = tile_kernels_f32<CategoricalFocal>(),
                                      .f64 = tile_kernels_f64<CategoricalFocal>()};

extern const Kernel categorical_focal_grad_kernel;
const Kernel categorical_focal_grad_kernel{.f32 = tile_kernels_f32<CategoricalFocalGrad>(),
                                           .f64 = tile_kernels_f64<CategoricalFocalGrad>()};

}  // namespace fastnn::cpu

#include "ops/softmax_cross_entropy.h"

#include "cpu/kernels.h"
#include "cpu/labels.h"
#include "cpu/normaliser.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct SparseCrossEntropy {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Block = typename Axis::Block;
    using Value = typename Axis::Value;
    const auto& config = call.configuration<ops::SparseCrossEntropyConfig>();
    const int64_t classes = config.classes;
    const T smoothing = static_cast<T>(config.label_smoothing);
    for (int64_t group = 0; group < call.groups(L); ++group) {
      for (int64_t p = 0; p < config.positions; ++p) {
        const int64_t at = group * config.positions + p;
        const T* logits = call.in[0].as<T>() + at * classes * L;
        const int32_t* labels = call.in[1].as<int32_t>() + at * L;
        const Normaliser<T, L> normaliser(logits, classes);
        const Value log_sum = log(normaliser.sum);
        alignas(64) T picked[L];
        alignas(64) T kept[L];
        for (int lane = 0; lane < L; ++lane) {
          const int64_t label = labels[lane];
          const bool ignored = config.has_ignore && label == config.ignore_index;
          const bool valid = !ignored && check_class(call, label, classes, group * L + lane);
          picked[lane] = valid ? logits[label * L + lane] : T(0);
          kept[lane] = valid ? T(1) : T(0);
        }
        // Differences of logits come first: they are exact where the logits are large and close.
        Value loss = (normaliser.largest - load<Value>(picked)) + log_sum;
        if (smoothing > T(0)) {
          LongSum<Block> distance;
          Axis::each(classes, [&](int64_t c, int valid) {
            distance.add(Axis::fill_rest(Axis::spread(normaliser.largest) - Axis::get(logits + c, valid),
                                         valid, T(0)));
          });
          const Value mean = Axis::sum(distance.value()) * broadcast<Value>(T(1) / static_cast<T>(classes));
          loss = broadcast<Value>(T(1) - smoothing) * loss + broadcast<Value>(smoothing) * (mean + log_sum);
        }
        const auto keep = greater(load<Value>(kept), zero<Value>());
        store(call.out[0].as<T>() + at * L, select(keep, loss, zero<Value>()));
      }
    }
  }
};

template <class T, int L>
struct SparseCrossEntropyGrad {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Block = typename Axis::Block;
    using Value = typename Axis::Value;
    const auto& config = call.configuration<ops::SparseCrossEntropyConfig>();
    const int64_t classes = config.classes;
    const T smoothing = static_cast<T>(config.label_smoothing);
    const T shared = smoothing / static_cast<T>(classes);
    for (int64_t group = 0; group < call.groups(L); ++group) {
      for (int64_t p = 0; p < config.positions; ++p) {
        const int64_t at = group * config.positions + p;
        const T* logits = call.in[0].as<T>() + at * classes * L;
        const int32_t* labels = call.in[1].as<int32_t>() + at * L;
        const T* upstream = call.in[2].as<T>() + at * L;
        T* out = call.out[0].as<T>() + at * classes * L;
        alignas(64) T kept[L];
        int64_t label[L];
        for (int lane = 0; lane < L; ++lane) {
          const int64_t given = labels[lane];
          const bool valid =
              given >= 0 && given < classes && !(config.has_ignore && given == config.ignore_index);
          label[lane] = valid ? given : -1;
          kept[lane] = valid ? upstream[lane] : T(0);
        }
        const Normaliser<T, L> normaliser(logits, classes);
        const Value g = load<Value>(kept);
        const Block scale = Axis::spread(g / normaliser.sum);
        const Block largest = Axis::spread(normaliser.largest);
        const Block offset = Axis::spread(g * broadcast<Value>(shared));
        Axis::each(classes, [&](int64_t c, int valid) {
          Axis::put(out + c, exp(Axis::get(logits + c, valid) - largest) * scale - offset, valid);
        });
        for (int lane = 0; lane < L; ++lane) {
          if (label[lane] >= 0) out[label[lane] * L + lane] -= kept[lane] * (T(1) - smoothing);
        }
      }
    }
  }
};

template <class T, int L>
struct CrossEntropyFromLogits {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Block = typename Axis::Block;
    const auto& config = call.configuration<ops::CrossEntropyConfig>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const T* logits = call.in[0].as<T>() + at * config.classes * L;
      const T* labels = call.in[1].as<T>() + at * config.classes * L;
      const Normaliser<T, L> normaliser(logits, config.classes);
      const Block largest = Axis::spread(normaliser.largest);
      const Block log_sum = Axis::spread(log(normaliser.sum));
      LongSum<Block> loss;
      Axis::each(config.classes, [&](int64_t c, int valid) {
        const Block label =
            smooth_label(Axis::get(labels + c, valid), config.label_smoothing, config.classes);
        const Block term = label * ((largest - Axis::get(logits + c, valid)) + log_sum);
        // A class that is masked by a logit of minus infinity costs nothing if its label is 0.
        const Block counted = select(equal(label, zero<Block>()), zero<Block>(), term);
        loss.add(Axis::fill_rest(counted, valid, T(0)));
      });
      store(call.out[0].as<T>() + at * L, Axis::sum(loss.value()));
    }
  }
};

template <class T, int L>
struct CrossEntropyFromLogitsGrad {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Block = typename Axis::Block;
    using Value = typename Axis::Value;
    const auto& config = call.configuration<ops::CrossEntropyConfig>();
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const T* logits = call.in[0].as<T>() + at * config.classes * L;
      const T* labels = call.in[1].as<T>() + at * config.classes * L;
      T* out = call.out[0].as<T>() + at * config.classes * L;
      const Normaliser<T, L> normaliser(logits, config.classes);
      LongSum<Block> labels_sum;
      Axis::each(config.classes, [&](int64_t c, int valid) {
        labels_sum.add(Axis::fill_rest(
            smooth_label(Axis::get(labels + c, valid), config.label_smoothing, config.classes), valid, T(0)));
      });
      const Value g = load<Value>(call.in[2].as<T>() + at * L);
      const Block largest = Axis::spread(normaliser.largest);
      const Block scale = Axis::spread(Axis::sum(labels_sum.value()) / normaliser.sum);
      Axis::each(config.classes, [&](int64_t c, int valid) {
        const Block p = exp(Axis::get(logits + c, valid) - largest) * scale;
        Axis::put(out + c,
                  (p - smooth_label(Axis::get(labels + c, valid), config.label_smoothing, config.classes)) *
                      Axis::spread(g),
                  valid);
      });
    }
  }
};

}  // namespace

extern const Kernel sparse_softmax_cross_entropy_kernel;
const Kernel sparse_softmax_cross_entropy_kernel{.f32 = tile_kernels_f32<SparseCrossEntropy>(),
                                                 .f64 = tile_kernels_f64<SparseCrossEntropy>()};

extern const Kernel sparse_softmax_cross_entropy_grad_kernel;
const Kernel sparse_softmax_cross_entropy_grad_kernel{.f32 = tile_kernels_f32<SparseCrossEntropyGrad>(),
                                                      .f64 = tile_kernels_f64<SparseCrossEntropyGrad>()};

extern const Kernel softmax_cross_entropy_kernel;
const Kernel softmax_cross_entropy_kernel{.f32 = tile_kernels_f32<CrossEntropyFromLogits>(),
                                          .f64 = tile_kernels_f64<CrossEntropyFromLogits>()};

extern const Kernel softmax_cross_entropy_grad_kernel;
const Kernel softmax_cross_entropy_grad_kernel{.f32 = tile_kernels_f32<CrossEntropyFromLogitsGrad>(),
                                               .f64 = tile_kernels_f64<CrossEntropyFromLogitsGrad>()};

}  // namespace fastnn::cpu

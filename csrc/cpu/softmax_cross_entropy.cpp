#include "ops/softmax_cross_entropy.h"

#include "cpu/kernels.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace {

using Config = ops::SparseCrossEntropyConfig;

// Logits of one position: `classes` vectors of L samples each.
template <class T, int L>
void log_sum_exp(const T* logits, int64_t classes, Vec<T, L>& largest, Vec<T, L>& sum) {
  using V = Vec<T, L>;
  largest = load<V>(logits);
  for (int64_t c = 1; c < classes; ++c) largest = max(largest, load<V>(logits + c * L));
  sum = zero<V>();
  for (int64_t c = 0; c < classes; ++c) sum += exp(load<V>(logits + c * L) - largest);
}

// Label of one sample, or -1 if it is to be ignored; reports labels out of range.
inline int64_t checked_label(const KernelCall& call, const Config& config, int32_t label, int64_t sample) {
  if (config.has_ignore && label == config.ignore_index) return -1;
  if (label >= 0 && label < config.classes) return label;
  if (sample < call.count) {
    call.status->report(Status::id_out_of_range, call.node, call.first + sample, static_cast<double>(label), config.classes);
  }
  return -1;
}

template <class T, int L>
struct SparseCrossEntropy {
  static void run(const KernelCall& call) {
    using V = Vec<T, L>;
    const auto& config = call.configuration<Config>();
    const int64_t classes = config.classes;
    const T smoothing = static_cast<T>(config.label_smoothing);
    for (int64_t group = 0; group < call.groups(L); ++group) {
      for (int64_t p = 0; p < config.positions; ++p) {
        const int64_t at = group * config.positions + p;
        const T* logits = call.in[0].as<T>() + at * classes * L;
        const int32_t* labels = call.in[1].as<int32_t>() + at * L;
        V largest, sum;
        log_sum_exp<T, L>(logits, classes, largest, sum);
        const V log_normaliser = largest + log(sum);
        alignas(64) T picked[L];
        alignas(64) T kept[L];
        for (int lane = 0; lane < L; ++lane) {
          const int64_t label = checked_label(call, config, labels[lane], group * L + lane);
          picked[lane] = label >= 0 ? logits[label * L + lane] : T(0);
          kept[lane] = label >= 0 ? T(1) : T(0);
        }
        V loss = log_normaliser - load<V>(picked);
        if (smoothing > T(0)) {
          V mean = zero<V>();
          for (int64_t c = 0; c < classes; ++c) mean += load<V>(logits + c * L);
          mean *= broadcast<V>(T(1) / static_cast<T>(classes));
          loss = broadcast<V>(T(1) - smoothing) * loss + broadcast<V>(smoothing) * (log_normaliser - mean);
        }
        const V keep = load<V>(kept);
        store(call.out[0].as<T>() + at * L, select(greater(keep, zero<V>()), loss, zero<V>()));
      }
    }
  }
};

template <class T, int L>
struct SparseCrossEntropyGrad {
  static void run(const KernelCall& call) {
    using V = Vec<T, L>;
    const auto& config = call.configuration<Config>();
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
        V largest, sum;
        log_sum_exp<T, L>(logits, classes, largest, sum);
        alignas(64) T kept[L];
        int64_t label[L];
        for (int lane = 0; lane < L; ++lane) {
          const int32_t given = labels[lane];
          label[lane] = given >= 0 && given < classes && !(config.has_ignore && given == config.ignore_index) ? given : -1;
          kept[lane] = label[lane] >= 0 ? upstream[lane] : T(0);
        }
        const V g = load<V>(kept);
        const V scale = g / sum;
        for (int64_t c = 0; c < classes; ++c) {
          store(out + c * L, exp(load<V>(logits + c * L) - largest) * scale - g * broadcast<V>(shared));
        }
        for (int lane = 0; lane < L; ++lane) {
          if (label[lane] >= 0) out[label[lane] * L + lane] -= kept[lane] * (T(1) - smoothing);
        }
      }
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

}  // namespace fastnn::cpu

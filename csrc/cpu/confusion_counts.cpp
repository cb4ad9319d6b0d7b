#include "ops/confusion_counts.h"

#include "cpu/kernels.h"
#include "cpu/labels.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct ConfusionCounts {
  static void run(const KernelCall& call) {
    const auto& config = call.configuration<ops::ConfusionCountsConfig>();
    const int64_t weights = config.per_weight == 0 ? 0 : config.positions / config.per_weight;
    double* out = call.out[0].as<double>();
    for (int64_t i = 0; i < call.count; ++i) {
      const int64_t group = i / L;
      const int lane = static_cast<int>(i % L);
      for (int64_t p = 0; p < config.positions; ++p) {
        const int64_t at = group * config.positions + p;
        const int64_t label = class_at<T, L>(call.in[1], config.classes, at, lane);
        if (config.has_ignore && label == config.ignore_index) continue;
        if (!check_class(call, label, config.size, i)) continue;
        const T* scores = call.in[0].as<T>() + at * config.classes * L + lane;
        const int64_t predicted = config.classes > 1 ? argmax(scores, config.classes, L)
                                                     : (*scores > static_cast<T>(config.threshold) ? 1 : 0);
        double weight = 1.0;
        if (weights > 0) {
          weight =
              static_cast<double>(call.in[2].as<T>()[(group * weights + p / config.per_weight) * L + lane]);
        }
        out[label * config.size + predicted] += weight;
      }
    }
  }
};

}  // namespace

extern const Kernel confusion_counts_kernel;
const Kernel confusion_counts_kernel{.f32 = tile_kernels_f32<ConfusionCounts>(),
                                     .f64 = tile_kernels_f64<ConfusionCounts>()};

}  // namespace fastnn::cpu

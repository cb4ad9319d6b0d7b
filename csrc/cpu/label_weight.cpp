#include "ops/label_weight.h"

#include "cpu/kernels.h"
#include "cpu/labels.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct LabelWeight {
  static void run(const KernelCall& call) {
    const auto& config = call.configuration<ops::LabelWeightConfig>();
    const auto known = static_cast<int64_t>(config.weights.size());
    const int64_t weights = config.per_weight == 0 ? 0 : config.positions / config.per_weight;
    for (int64_t group = 0; group < call.groups(L); ++group) {
      for (int64_t p = 0; p < config.positions; ++p) {
        const int64_t at = group * config.positions + p;
        for (int lane = 0; lane < L; ++lane) {
          const int64_t id = class_at<T, L>(call.in[0], config.classes, at, lane);
          T value = T(1);
          if (config.has_ignore && id == config.ignore_index) {
            value = T(0);
          } else if (known > 0) {
            const bool valid = check_class(call, id, known, group * L + lane);
            value = valid ? static_cast<T>(config.weights[static_cast<size_t>(id)]) : T(0);
          }
          if (weights > 0) value *= call.in[2].as<T>()[(group * weights + p / config.per_weight) * L + lane];
          call.out[0].as<T>()[at * L + lane] = value;
        }
      }
    }
  }
};

}  // namespace

extern const Kernel label_weight_kernel;
const Kernel label_weight_kernel{.f32 = tile_kernels_f32<LabelWeight>(),
                                 .f64 = tile_kernels_f64<LabelWeight>()};

}  // namespace fastnn::cpu

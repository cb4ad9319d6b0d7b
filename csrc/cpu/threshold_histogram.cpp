#include "ops/threshold_histogram.h"

#include <algorithm>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/labels.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace {

using Config = ops::ThresholdHistogramConfig;

// Scores of one position and lane, made ready: sigmoid taken, all but the k largest replaced.
template <class T>
void read_scores(const T* source, int64_t stride, const Config& config, T* row, T* ordered) {
  const int64_t n = config.classes;
  for (int64_t c = 0; c < n; ++c) {
    const T x = source[c * stride];
    row[c] = config.from_logits ? sigmoid(x) : x;
  }
  if (config.top_k == 0 || config.top_k == n) return;
  // Of equal scores at the border the first ones are taken. A NaN is among the largest only by its own value.
  for (int64_t c = 0; c < n; ++c)
    ordered[c] = row[c] == row[c] ? row[c] : -std::numeric_limits<T>::infinity();
  std::nth_element(ordered, ordered + config.top_k - 1, ordered + n, [](T a, T b) { return a > b; });
  const T border = ordered[config.top_k - 1];
  int64_t room = config.top_k;
  for (int64_t c = 0; c < n; ++c) room -= row[c] > border ? 1 : 0;
  for (int64_t c = 0; c < n; ++c) {
    const bool at_border = row[c] == border && room > 0;
    if (at_border) --room;
    if (!(row[c] > border) && !at_border) row[c] = -std::numeric_limits<T>::infinity();
  }
}

template <class T, int L>
struct ThresholdHistogram {
  static void run(const KernelCall& call) {
    const auto& config = call.configuration<Config>();
    const int64_t classes = config.classes;
    const auto columns = static_cast<int64_t>(config.thresholds.size()) + 1;
    const int64_t size = config.positions * classes;
    const int64_t weights = config.per_weight == 0 ? 0 : size / config.per_weight;
    const bool ids = call.in[1].dtype == DType::i32;
    // Thresholds are compared in the scores' type, as NumPy does with arrays of one type.
    T* thresholds = reinterpret_cast<T*>(call.scratch);
    for (int64_t t = 0; t + 1 < columns; ++t)
      thresholds[t] = static_cast<T>(config.thresholds[static_cast<size_t>(t)]);
    T* row = thresholds + columns;
    T* ordered = row + classes;
    double* out[2] = {call.out[1].as<double>(), call.out[0].as<double>()};
    double outside = 0;
    for (int64_t i = 0; i < call.count; ++i) {
      const int64_t group = i / L;
      const auto lane = static_cast<int>(i % L);
      for (int64_t p = 0; p < config.positions; ++p) {
        const int64_t at = group * config.positions + p;
        const T* source = call.in[0].as<T>() + at * classes * L + lane;
        read_scores(source, L, config, row, ordered);
        int64_t id = -1;
        if (ids) {
          id = call.in[1].as<int32_t>()[at * L + lane];
          if (!check_class(call, id, classes, i)) continue;
        }
        for (int64_t c = 0; c < classes; ++c) {
          if (config.class_id >= 0 && c != config.class_id) continue;
          const bool positive = ids ? c == id : call.in[1].as<T>()[(at * classes + c) * L + lane] > T(0.5);
          double weight = 1.0;
          if (weights > 0) {
            const int64_t w = group * weights + (p * classes + c) / config.per_weight;
            weight = static_cast<double>(call.in[2].as<T>()[w * L + lane]);
          }
          const T score = row[c];
          const int64_t bucket = std::lower_bound(thresholds, thresholds + columns - 1, score) - thresholds;
          out[positive ? 1 : 0][(config.per_class ? c : 0) * columns + (score == score ? bucket : 0)] +=
              weight;
          const T given = config.from_logits ? score : source[c * L];
          if (given < T(0) || given > T(1)) outside += 1.0;
        }
      }
    }
    *call.out[2].as<double>() += outside;
  }
};

int64_t scratch_bytes(const KernelQuery& query) {
  const auto& config = *static_cast<const Config*>(query.config);
  return (static_cast<int64_t>(config.thresholds.size()) + 1 + 2 * config.classes) * 8;
}

}  // namespace

extern const Kernel threshold_histogram_kernel;
const Kernel threshold_histogram_kernel{.f32 = tile_kernels_f32<ThresholdHistogram>(),
                                        .f64 = tile_kernels_f64<ThresholdHistogram>(),
                                        .scratch = scratch_bytes};

}  // namespace fastnn::cpu

// confusion_counts(scores (None, ..., classes), labels, weight?; threshold, ignore_index) -> (n, n) float64
// Sums of weights by true class (row) and predicted class (column). labels are ids, int32 (None, ...), or
// targets of the scores' type. Several classes: n = classes, the first largest score and target count. One: n
// = 2, and scores above the threshold predict class 1; targets are then class numbers.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct ConfusionCountsConfig {
  int64_t positions;
  int64_t classes;  ///< scores at a position
  int64_t size;     ///< rows of the result
  int64_t per_weight;
  double threshold;
  int64_t ignore_index;
  bool has_ignore;
};

inline const Op confusion_counts{
    .name = "confusion_counts",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          expect_scores_and_labels(c);
          expect_weight(c, c.in[2], without_last(c.in[0].dims), c.in[0].dtype);
          const int64_t classes = last_extent(c.in[0].dims);
          const int64_t size = classes == 1 ? 2 : classes;
          c.out = {{DType::f64, {size, size}, false}};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t classes = last_extent(n.in[0].dims);
          const int64_t positions = n.in[0].size() / classes;
          return make_configuration(ConfusionCountsConfig{
              positions, classes, classes == 1 ? 2 : classes, positions_per_weight(n.in[2], positions),
              n.attributes.real("threshold", 0.5), n.attributes.integer("ignore_index", -1),
              n.attributes.has("ignore_index")});
        },
};

}  // namespace fastnn::ops

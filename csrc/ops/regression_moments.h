// regression_moments(predictions (None, ..., n), targets of their type, weight?) -> (counts (2,), sums (3,
// n)), float64 counts: sum of the positions' weights, number of positions. sums, for each of the n outputs:
// of w t, w t^2, w (t - p)^2. weight has the leading dims of the predictions without the last.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct RegressionMomentsConfig {
  int64_t positions;
  int64_t extent;
  int64_t per_weight;
};

inline const Op regression_moments{
    .name = "regression_moments",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          expect_predictions_and_targets(c);
          expect_weight(c, c.in[2], without_last(c.in[0].dims), c.in[0].dtype);
          c.out = {{DType::f64, {2}, false}, {DType::f64, {3, last_extent(c.in[0].dims)}, false}};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t extent = last_extent(n.in[0].dims);
          const int64_t positions = n.in[0].size() / extent;
          return make_configuration(
              RegressionMomentsConfig{positions, extent, positions_per_weight(n.in[2], positions)});
        },
};

}  // namespace fastnn::ops

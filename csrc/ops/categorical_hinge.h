// categorical_hinge(predictions (None, ..., classes), targets of their type, 0/1 or -1/1) -> (None, ...)
//   max(0, neg - pos + 1) with pos = sum of t p and neg = max of (1 - t) p over the classes.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct CategoricalHingeConfig {
  int64_t positions;
  int64_t classes;
};

inline Configuration categorical_hinge_config(const NodeInfo& n) {
  const int64_t classes = last_extent(n.in[0].dims);
  return make_configuration(CategoricalHingeConfig{n.in[0].size() / classes, classes});
}

inline const Op categorical_hinge{
    .name = "categorical_hinge",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          expect_predictions_and_targets(c);
          c.out = {{c.in[0].dtype, without_last(c.in[0].dims), true}};
        },
    .configure = categorical_hinge_config,
    .gradient =
        [](GradientContext& g) {
          refuse_gradient(g, 1, "targets");
          return std::vector<TensorId>{
              g.add("categorical_hinge_grad", {g.in[0], g.in[1], g.out_gradients[0]}), kNoTensor};
        },
};

inline const Op categorical_hinge_grad{
    .name = "categorical_hinge_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[0]};
        },
    .configure = categorical_hinge_config,
};

}  // namespace fastnn::ops

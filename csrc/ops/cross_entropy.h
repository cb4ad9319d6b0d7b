// Cross-entropy of probabilities (where the logits are known, use softmax_cross_entropy): as in Keras, they
// are divided by their sum and clipped to [1e-7, 1 - 1e-7] before the logarithm. cross_entropy(probabilities
// (None, ..., classes), labels of their type) -> (None, ...)
//   Attribute: label_smoothing (0).
// sparse_cross_entropy(probabilities (None, ..., classes), labels int32 (None, ...)) -> (None, ...)
//   Attributes: label_smoothing (0), ignore_index (none).
#pragma once

#include "ops/softmax_cross_entropy.h"

namespace fastnn::ops {

inline const Op cross_entropy{
    .name = "cross_entropy",
    .infer = infer_cross_entropy,
    .configure = cross_entropy_config,
    .gradient =
        [](GradientContext& g) {
          refuse_gradient(g, 1, "labels");
          return std::vector<TensorId>{
              g.add("cross_entropy_grad", {g.in[0], g.in[1], g.out_gradients[0]}, g.attributes), kNoTensor};
        },
    .cost = [](const NodeInfo& n) { return Cost{12.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op cross_entropy_grad{
    .name = "cross_entropy_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[0]};
        },
    .configure = cross_entropy_config,
};

inline const Op sparse_cross_entropy{
    .name = "sparse_cross_entropy",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          expect_scores_and_ids(c);
          expect_fraction(c, "label_smoothing");
          c.out = {{c.in[0].dtype, without_last(c.in[0].dims), true}};
        },
    .configure = sparse_cross_entropy_config,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("sparse_cross_entropy_grad", {g.in[0], g.in[1], g.out_gradients[0]}, g.attributes),
              kNoTensor};
        },
    .cost = [](const NodeInfo& n) { return Cost{4.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op sparse_cross_entropy_grad{
    .name = "sparse_cross_entropy_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[0]};
        },
    .configure = sparse_cross_entropy_config,
};

}  // namespace fastnn::ops

// weighted_sum(x (None, ...), weight?, mask?; mean) -> (total, weights, count), float64 numbers:
// the sums over samples and positions of w m x, of w m and of m. With mean, total is divided by the batch's
// number of positions. weight (None, ...) has the leading dims of x, mask its dims; absent ones are 1. Both
// count as constants: they have no gradient.
// weighted_sum_grad(g, x, weight?, mask?; mean) -> g w m (over positions); 0 in lanes that hold no sample.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct WeightedSumConfig {
  int64_t positions;
  int64_t per_weight;  ///< positions that share a weight; 0: no weights
  bool has_mask;
  bool mean;
};

inline Configuration weighted_sum_config(const TensorType& x, const TensorType& weight,
                                         const TensorType& mask, const Attributes& attributes) {
  return make_configuration(WeightedSumConfig{x.size(), positions_per_weight(weight, x.size()),
                                              !is_absent(mask), attributes.flag("mean", false)});
}

inline const Op weighted_sum{
    .name = "weighted_sum",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          expect_scores(c, c.in[0], "values");
          expect_weight(c, c.in[1], c.in[0].dims, c.in[0].dtype);
          if (!is_absent(c.in[2]) && c.in[2] != c.in[0]) {
            throw_value(c.node, ": the mask must be ", dtype_name(c.in[0].dtype), " ", c.in[0].str(),
                        ", got ", dtype_name(c.in[2].dtype), " ", c.in[2].str());
          }
          const TensorType number{DType::f64, {}, false};
          c.out = {number, number, number};
        },
    .configure =
        [](const NodeInfo& n) { return weighted_sum_config(n.in[0], n.in[1], n.in[2], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          // Sums of weights do not depend on the values.
          if (g.out_gradients[0] == kNoTensor) return std::vector<TensorId>(3, kNoTensor);
          return std::vector<TensorId>{
              g.add("weighted_sum_grad", {g.out_gradients[0], g.in[0], g.in[1], g.in[2]}, g.attributes),
              kNoTensor, kNoTensor};
        },
};

inline const Op weighted_sum_grad{
    .name = "weighted_sum_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          c.out = {c.in[1]};
        },
    .configure =
        [](const NodeInfo& n) { return weighted_sum_config(n.in[1], n.in[2], n.in[3], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(4, kNoTensor);
          if (g.wanted[0])
            result[0] = g.add("weighted_sum", {g.out_gradients[0], g.in[2], g.in[3]}, g.attributes);
          return result;
        },
};

}  // namespace fastnn::ops

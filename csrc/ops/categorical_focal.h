// categorical_focal(predictions (None, ..., classes), labels of their type; from_logits, gamma, alpha,
// label_smoothing)
//   -> (None, ...): sum over classes of -y alpha (1 - q)^gamma log q.
// q is the softmax of logits, or probabilities divided by their sum and clipped to [1e-7, 1 - 1e-7]. alpha is
// one number or one for each class.
#pragma once

#include "ops/softmax_cross_entropy.h"

namespace fastnn::ops {

struct CategoricalFocalConfig {
  int64_t positions;
  int64_t classes;
  double label_smoothing;
  double gamma;
  bool from_logits;
  std::vector<double> alpha;  ///< one or `classes` numbers
};

inline Configuration categorical_focal_config(const NodeInfo& n) {
  const int64_t classes = last_extent(n.in[0].dims);
  const Attributes& a = n.attributes;
  return make_configuration(CategoricalFocalConfig{n.in[0].size() / classes, classes,
                                                   a.real("label_smoothing", 0.0), a.real("gamma", 2.0),
                                                   a.flag("from_logits", false), a.reals("alpha", {0.25})});
}

inline const Op categorical_focal{
    .name = "categorical_focal",
    .infer =
        [](InferContext& c) {
          infer_cross_entropy(c);
          expect_not_negative(c, "gamma", 2.0);
          const auto alphas = static_cast<int64_t>(c.attributes.reals("alpha", {0.25}).size());
          if (alphas != 1 && alphas != c.in[0].dims.back()) {
            throw_value(c.node, ": alpha must be one number or one for each of the ", c.in[0].dims.back(),
                        " classes, got ", alphas, " numbers");
          }
        },
    .configure = categorical_focal_config,
    .gradient =
        [](GradientContext& g) {
          refuse_gradient(g, 1, "labels");
          return std::vector<TensorId>{
              g.add("categorical_focal_grad", {g.in[0], g.in[1], g.out_gradients[0]}, g.attributes),
              kNoTensor};
        },
    .cost = [](const NodeInfo& n) { return Cost{20.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op categorical_focal_grad{
    .name = "categorical_focal_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[0]};
        },
    .configure = categorical_focal_config,
    .cost = [](const NodeInfo& n) { return Cost{20.0 * static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

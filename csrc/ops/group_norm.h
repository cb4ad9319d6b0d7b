// group_norm(x, gamma?, beta?; groups, epsilon) -> y, mean, deviation (its inverse)
//   x (None, ..., channels), whose channels are cut into `groups` (default 1) of as many neighbours. Each
//   sample's group is normalised over its channels and all positions: y = (x - mean) * deviation * gamma +
//   beta, where deviation is 1 / sqrt(variance + epsilon). gamma, beta (channels,); mean, deviation (None,
//   groups). epsilon: default 1e-3. The variance is taken in a second pass, about the mean.
// group_norm_grad_input(dy, x, gamma?, mean, deviation) -> dx
// group_norm_grad_parameters(dy, x, mean, deviation) -> dgamma, dbeta, summed over samples
// The gradient does not pass through the outputs mean and deviation.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct GroupNormConfig {
  int64_t positions;
  int64_t channels;
  int64_t groups;
  double epsilon;
};

inline Configuration group_norm_config(const TensorType& x, const Attributes& attributes) {
  const int64_t channels = x.dims.back();
  return make_configuration(GroupNormConfig{x.size() / channels, channels, attributes.integer("groups", 1),
                                            attributes.real("epsilon", 1e-3)});
}

inline const Op group_norm{
    .name = "group_norm",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype))
            throw_type(c.node, ": group normalisation needs floating point, got ", dtype_name(x.dtype));
          if (x.dims.empty() || !x.batched)
            throw_value(c.node, ": group normalisation needs x (None, ..., channels), got ", x.str());
          const int64_t groups = c.attributes.integer("groups", 1);
          if (groups < 1 || x.dims.back() % groups != 0) {
            throw_value(c.node, ": ", x.dims.back(), " channels (input shape ", x.str(),
                        ") cannot be cut into ", groups, " groups of as many");
          }
          for (size_t i = 1; i < 3; ++i) {
            if (c.in[i].size() != 0 && c.in[i].dims != Shape{x.dims.back()}) {
              throw_value(c.node, ": ", i == 1 ? "gamma" : "beta", " must have shape (", x.dims.back(),
                          ",), got ", c.in[i].str(), " (input shape ", x.str(), ")");
            }
          }
          if (!(c.attributes.real("epsilon", 1e-3) >= 0)) throw_value(c.node, ": epsilon must be at least 0");
          c.out = {x, {x.dtype, {groups}, true}, {x.dtype, {groups}, true}};
        },
    .configure = [](const NodeInfo& n) { return group_norm_config(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(3, kNoTensor);
          const TensorId dy = g.out_gradients[0];
          if (dy == kNoTensor) return result;
          if (g.wanted[0]) {
            result[0] =
                g.add("group_norm_grad_input", {dy, g.in[0], g.in[1], g.out[1], g.out[2]}, g.attributes);
          }
          if (g.wanted[1] || g.wanted[2]) {
            const std::vector<TensorId> sums = g.graph.add(
                "group_norm_grad_parameters", {dy, g.in[0], g.out[1], g.out[2]}, g.attributes, g.node);
            if (g.wanted[1]) result[1] = sums[0];
            if (g.wanted[2]) result[2] = sums[1];
          }
          return result;
        },
    .cost = [](const NodeInfo& n) { return Cost{8.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op group_norm_grad_input{
    .name = "group_norm_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(5, 5);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return group_norm_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{10.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op group_norm_grad_parameters{
    .name = "group_norm_grad_parameters",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          const Shape channels{c.in[1].dims.back()};
          c.out = {{c.in[1].dtype, channels, false}, {c.in[1].dtype, channels, false}};
        },
    .configure = [](const NodeInfo& n) { return group_norm_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{4.0 * static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

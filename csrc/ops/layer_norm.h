// layer_norm(x, gamma?, beta?; dims, epsilon, centred) -> y, mean, deviation (its inverse)
//   Over the last `dims` per-sample dims (default 1): y = (x - mean) * deviation * gamma + beta, where
//   deviation is 1 / sqrt(variance + epsilon). gamma and beta have the shape of those dims, mean and
//   deviation that of the others. epsilon: default 1e-3. The variance is taken in a second pass, about the
//   mean. centred (default true): false takes 0 for the mean, which leaves the root of the mean square.
// layer_norm_grad_input(dy, x, gamma?, mean, deviation) -> dx
// layer_norm_grad_parameters(dy, x, mean, deviation) -> dgamma, dbeta, summed over samples
// The gradient does not pass through the outputs mean and deviation.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct LayerNormConfig {
  int64_t positions;  ///< normalised groups of a sample
  int64_t size;       ///< elements in each
  double epsilon;
  bool centred;
};

inline size_t layer_norm_dims(const std::string& node, const Attributes& attributes, const Shape& shape) {
  const int64_t dims = attributes.integer("dims", 1);
  if (dims < 1 || dims > static_cast<int64_t>(shape.size())) {
    throw_value(node, ": cannot normalise over the last ", dims, " dimensions of ", shape_text(shape, true));
  }
  return static_cast<size_t>(dims);
}

inline Configuration layer_norm_config(const TensorType& x, const Attributes& attributes) {
  const size_t dims = layer_norm_dims("layer_norm", attributes, x.dims);
  int64_t size = 1;
  for (size_t d = x.dims.size() - dims; d < x.dims.size(); ++d) size *= x.dims[d];
  return make_configuration(LayerNormConfig{x.size() / size, size, attributes.real("epsilon", 1e-3),
                                            attributes.flag("centred", true)});
}

inline const Op layer_norm{
    .name = "layer_norm",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype))
            throw_type(c.node, ": layer normalisation needs floating point, got ", dtype_name(x.dtype));
          const size_t dims = layer_norm_dims(c.node, c.attributes, x.dims);
          const auto split = x.dims.end() - static_cast<std::ptrdiff_t>(dims);
          const Shape normalised(split, x.dims.end());
          for (size_t i = 1; i < 3; ++i) {
            if (c.in[i].size() != 0 && c.in[i].dims != normalised) {
              throw_value(c.node, ": ", i == 1 ? "gamma" : "beta", " must have shape ",
                          shape_text(normalised), ", got ", c.in[i].str(), " (input shape ", x.str(), ")");
            }
          }
          if (!(c.attributes.real("epsilon", 1e-3) >= 0)) throw_value(c.node, ": epsilon must be at least 0");
          const Shape others(x.dims.begin(), split);
          c.out = {x, {x.dtype, others, x.batched}, {x.dtype, others, x.batched}};
        },
    .configure = [](const NodeInfo& n) { return layer_norm_config(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(3, kNoTensor);
          const TensorId dy = g.out_gradients[0];
          if (dy == kNoTensor) return result;
          if (g.wanted[0]) {
            result[0] =
                g.add("layer_norm_grad_input", {dy, g.in[0], g.in[1], g.out[1], g.out[2]}, g.attributes);
          }
          if (g.wanted[1] || g.wanted[2]) {
            const std::vector<TensorId> sums = g.graph.add(
                "layer_norm_grad_parameters", {dy, g.in[0], g.out[1], g.out[2]}, g.attributes, g.node);
            if (g.wanted[1]) result[1] = sums[0];
            if (g.wanted[2]) result[2] = sums[1];
          }
          return result;
        },
    .cost = [](const NodeInfo& n) { return Cost{8.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op layer_norm_grad_input{
    .name = "layer_norm_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(5, 5);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return layer_norm_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{10.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op layer_norm_grad_parameters{
    .name = "layer_norm_grad_parameters",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          const TensorType& x = c.in[1];
          const size_t dims = layer_norm_dims(c.node, c.attributes, x.dims);
          const Shape normalised(x.dims.end() - static_cast<std::ptrdiff_t>(dims), x.dims.end());
          c.out = {{x.dtype, normalised, false}, {x.dtype, normalised, false}};
        },
    .configure = [](const NodeInfo& n) { return layer_norm_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{4.0 * static_cast<double>(n.in[0].size())}; },
    .sums_positions = true,
};

}  // namespace fastnn::ops

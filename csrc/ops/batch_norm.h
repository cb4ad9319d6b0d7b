// Batch normalisation over the last per-sample dim (channels), in parts that run in tiles. Statistics have
// shape (channels,). A training layer is
//   m1, m2 = batch_moments(x, moving_mean)          over samples
//   mean, variance = batch_statistics(m1, m2, moving_mean)
//   y = normalize(x, mean, variance, gamma, beta; epsilon, batch_statistics=true)
//   moving_average(moving_mean, mean; momentum), moving_average(moving_variance, variance; momentum)
// and at inference normalize(x, moving_mean, moving_variance, gamma, beta; epsilon).
//
// batch_moments(x, shift?) -> mean of (x - shift) and of (x - shift)^2, float64. A shift near the mean keeps
// the
//   variance's digits where the mean is large against the deviation; the moving mean is one at no cost.
// batch_statistics(m1, m2, shift?) -> mean and (biased) variance, float64
// normalize(x, mean, variance, gamma?, beta?) -> gamma * (x - mean) / sqrt(variance + epsilon) + beta,
// epsilon 1e-3
//   batch_statistics=true: mean and variance are x's own, and the gradient to x goes through them, too.
//   Otherwise they count as constants.
//   relu=true: negative results become 0. The gradients find out from x, gamma and beta which were positive.
// normalize_grad_sums(dy, x, mean, variance, gamma?, beta?) -> sum of dy, sum of dy * normalised x, over
// samples
// normalize_grad_input(dy, x, mean, variance, gamma?, beta?, sum?, product_sum?) -> dx
// moving_average(old, value; momentum) -> momentum * old + (1 - momentum) * value, of old's dtype; momentum
// 0.99
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct BatchNormConfig {
  int64_t positions;  ///< of a sample
  int64_t channels;
  double epsilon;
  bool batch_statistics;
  bool relu;
};

inline Configuration batch_norm_config(const TensorType& x, const Attributes& attributes) {
  const int64_t channels = x.dims.back();
  return make_configuration(BatchNormConfig{x.size() / channels, channels, attributes.real("epsilon", 1e-3),
                                            attributes.flag("batch_statistics", false),
                                            attributes.flag("relu", false)});
}

inline void check_batch_norm_input(InferContext& c, const TensorType& x) {
  if (!is_floating(x.dtype))
    throw_type(c.node, ": batch normalisation needs floating point, got ", dtype_name(x.dtype));
  if (!x.batched || x.dims.empty()) {
    throw_value(c.node, ": batch normalisation needs batched input with channels in the last dimension, got ",
                x.str());
  }
}

/// Operand i, if it is there, must have one element for each channel of x.
inline void check_channels(InferContext& c, size_t i, const char* what, const TensorType& x) {
  if (c.in[i].size() == 0) return;
  if (c.in[i].dims != Shape{x.dims.back()} || c.in[i].batched) {
    throw_value(c.node, ": ", what, " must have shape ", shape_text({x.dims.back()}), ", got ", c.in[i].str(),
                " (input shape ", x.str(), ")");
  }
}

inline const Op batch_moments{
    .name = "batch_moments",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          check_batch_norm_input(c, c.in[0]);
          check_channels(c, 1, "the shift", c.in[0]);
          const TensorType moment{DType::f64, {c.in[0].dims.back()}, false};
          c.out = {moment, moment};
        },
    .configure = [](const NodeInfo& n) { return batch_norm_config(n.in[0], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{6.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op batch_statistics{
    .name = "batch_statistics",
    .kind = OpKind::unbatched,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          if (c.in[0].dtype != DType::f64 || c.in[0] != c.in[1] ||
              (c.in[2].size() != 0 && c.in[2].dims != c.in[0].dims)) {
            throw_value(c.node, ": batch_statistics takes the two outputs of batch_moments, and its shift");
          }
          c.out = {c.in[0], c.in[0]};
        },
};

inline const Op normalize{
    .name = "normalize",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(5, 5);
          check_batch_norm_input(c, c.in[0]);
          static constexpr const char* kNames[] = {"x", "mean", "variance", "gamma", "beta"};
          for (size_t i = 1; i < 5; ++i) check_channels(c, i, kNames[i], c.in[0]);
          if (c.in[1].size() == 0 || c.in[2].size() == 0)
            throw_value(c.node, ": mean and variance must be given");
          if (!(c.attributes.real("epsilon", 1e-3) >= 0)) throw_value(c.node, ": epsilon must be at least 0");
          c.out = {c.in[0]};
        },
    .configure = [](const NodeInfo& n) { return batch_norm_config(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(5, kNoTensor);
          const TensorId dy = g.out_gradients[0], x = g.in[0], mean = g.in[1], variance = g.in[2];
          const bool through = g.attributes.flag("batch_statistics", false);
          std::vector<TensorId> sums(2, kNoTensor);
          const bool relu = g.attributes.flag("relu", false);
          const TensorId gamma = g.in[3], beta = relu ? g.in[4] : kNoTensor;
          if (g.wanted[3] || g.wanted[4] || (g.wanted[0] && through)) {
            sums = g.graph.add("normalize_grad_sums", {dy, x, mean, variance, relu ? gamma : kNoTensor, beta},
                               g.attributes, g.node);
          }
          if (g.wanted[0]) {
            result[0] = g.add("normalize_grad_input",
                              {dy, x, mean, variance, gamma, beta, through ? sums[0] : kNoTensor,
                               through ? sums[1] : kNoTensor},
                              g.attributes);
          }
          if (g.wanted[3]) result[3] = sums[1];
          if (g.wanted[4]) result[4] = sums[0];
          return result;
        },
    .cost = [](const NodeInfo& n) { return Cost{2.0 * static_cast<double>(n.in[0].size())}; },
    .in_place = true,
};

inline const Op normalize_grad_sums{
    .name = "normalize_grad_sums",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(6, 6);
          const TensorType sum{c.in[1].dtype, {c.in[1].dims.back()}, false};
          c.out = {sum, sum};
        },
    .configure = [](const NodeInfo& n) { return batch_norm_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{4.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op normalize_grad_input{
    .name = "normalize_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(8, 8);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return batch_norm_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{5.0 * static_cast<double>(n.in[0].size())}; },
    .in_place = true,
};

struct MovingAverageConfig {
  double momentum;
};

inline const Op moving_average{
    .name = "moving_average",
    .kind = OpKind::unbatched,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          if (c.in[0].dims != c.in[1].dims || !is_floating(c.in[0].dtype) || !is_floating(c.in[1].dtype)) {
            throw_value(c.node, ": cannot average ", dtype_name(c.in[0].dtype), " ", c.in[0].str(), " and ",
                        dtype_name(c.in[1].dtype), " ", c.in[1].str());
          }
          const double momentum = c.attributes.real("momentum", 0.99);
          if (!(momentum >= 0 && momentum <= 1))
            throw_value(c.node, ": momentum must be in [0, 1], got ", momentum);
          c.out = {c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(MovingAverageConfig{n.attributes.real("momentum", 0.99)});
        },
};

}  // namespace fastnn::ops

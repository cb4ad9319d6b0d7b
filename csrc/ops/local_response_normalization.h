// local_response_normalization(x; size, alpha, beta, k) -> y = x / scale^beta, where
//   scale = k + alpha / size * (sum of the squares of the channels from c - size / 2 to c + (size - 1) / 2)
// x (None, ..., channels); channels beyond the ends count as 0, and alpha is divided by `size` there, too.
// Defaults: size 5, alpha 1e-4, beta 0.75, k 1.
// local_response_normalization_grad(dy, x) -> dx
// After A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural
// networks", 2012, section 3.3, whose alpha is this one over `size`.
#pragma once

#include <algorithm>

#include "ops/op.h"

namespace fastnn::ops {

struct LocalResponseNormalizationConfig {
  int64_t positions;
  int64_t channels;
  int64_t before;  ///< channels of the window below its own, as far as there can be any
  int64_t after;
  double factor;  ///< alpha / size
  double beta;
  double k;
};

inline Configuration local_response_normalization_config(const TensorType& x, const Attributes& attributes) {
  const int64_t channels = x.dims.back(), size = attributes.integer("size", 5);
  return make_configuration(LocalResponseNormalizationConfig{
      x.size() / channels, channels, std::min(size / 2, channels - 1), std::min((size - 1) / 2, channels - 1),
      attributes.real("alpha", 1e-4) / static_cast<double>(size), attributes.real("beta", 0.75),
      attributes.real("k", 1.0)});
}

inline const Op local_response_normalization{
    .name = "local_response_normalization",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype)) {
            throw_type(c.node, ": local response normalisation needs floating point, got ",
                       dtype_name(x.dtype));
          }
          if (x.dims.empty() || !x.batched) {
            throw_value(c.node, ": local response normalisation needs x (None, ..., channels), got ",
                        x.str());
          }
          const int64_t size = c.attributes.integer("size", 5);
          if (size < 1) throw_value(c.node, ": size must be at least 1, got ", size);
          const double alpha = c.attributes.real("alpha", 1e-4);
          if (!(alpha >= 0)) throw_value(c.node, ": alpha must be at least 0, got ", alpha);
          const double k = c.attributes.real("k", 1.0);
          if (!(k > 0)) throw_value(c.node, ": k must be above 0, got ", k);
          c.attributes.real("beta", 0.75);
          c.out = {x};
        },
    .configure = [](const NodeInfo& n) { return local_response_normalization_config(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("local_response_normalization_grad", {g.out_gradients[0], g.in[0]}, g.attributes)};
        },
    .cost =
        [](const NodeInfo& n) {
          const int64_t size = n.attributes.integer("size", 5);
          return Cost{static_cast<double>((size + 8) * n.in[0].size())};
        },
    .in_place = true,
};

inline const Op local_response_normalization_grad{
    .name = "local_response_normalization_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return local_response_normalization_config(n.in[1], n.attributes); },
    .cost =
        [](const NodeInfo& n) {
          const int64_t size = n.attributes.integer("size", 5);
          return Cost{static_cast<double>((2 * size + 14) * n.in[1].size())};
        },
    .in_place = true,
};

}  // namespace fastnn::ops

// bias_grad(dy) -> (channels,): dy (None, ..., channels) summed over samples and positions, the gradient of a
// bias.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op bias_grad{
    .name = "bias_grad",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (!is_floating(c.in[0].dtype) || c.in[0].dims.empty()) {
            throw_type(c.node, ": bias_grad needs floating point (None, ..., channels), got ",
                       dtype_name(c.in[0].dtype), " ", c.in[0].str());
          }
          c.out = {{c.in[0].dtype, {c.in[0].dims.back()}, false}};
        },
    .gradient =
        [](GradientContext& g) {
          const Shape shape = g.graph.type(g.in[0]).dims;
          const TensorId wide = g.add("broadcast_to", {g.out_gradients[0]}, {{"shape", shape}});
          return std::vector<TensorId>{g.add("broadcast_samples", {wide, g.in[0]})};
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

// bias_grad(dy; dims) -> (channels,): dy (None, ..., channels) summed over samples and positions, the
// gradient of a bias. `dims` (default 1): how many of dy's last dims count channels.
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
          const Shape& dims = c.in[0].dims;
          const int64_t kept = c.attributes.integer("dims", 1);
          if (kept < 1 || kept > static_cast<int64_t>(dims.size())) {
            throw_value(c.node, ": dims must be from 1 to ", dims.size(), ", got ", kept);
          }
          c.out = {{c.in[0].dtype, Shape(dims.end() - static_cast<std::ptrdiff_t>(kept), dims.end()), false}};
        },
    .gradient =
        [](GradientContext& g) {
          const Shape shape = g.graph.type(g.in[0]).dims;
          const TensorId wide = g.add("broadcast_to", {g.out_gradients[0]}, {{"shape", shape}});
          return std::vector<TensorId>{g.add("broadcast_samples", {wide, g.in[0]})};
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.in[0].size())}; },
    .sums_positions = true,
};

}  // namespace fastnn::ops

// sum_to(x; shape) -> x summed over the dims in which `shape` is 1 or missing (aligned at the last dim)
// broadcast_to(x; shape) -> x repeated to per-sample shape `shape`
// Each is the other's gradient. Per sample, or on unbatched operands.
#pragma once

#include "ops/broadcast.h"

namespace fastnn::ops {

inline const Op sum_to{
    .name = "sum_to",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const Shape shape = c.attributes.integers("shape", {});
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": sums need floating point, got ", dtype_name(c.in[0].dtype));
          if (!broadcasts_to(shape, c.in[0].dims)) {
            throw_value(c.node, ": cannot sum ", c.in[0].str(), " to shape ",
                        shape_text(shape, c.in[0].batched));
          }
          c.out = {{c.in[0].dtype, shape, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(broadcast_config(n.in[0].dims, n.in[0].dims, n.out[0].dims));
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("broadcast_to", {g.out_gradients[0]}, {{"shape", g.graph.type(g.in[0]).dims}})};
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.in[0].size())}; },
};

inline const Op broadcast_to{
    .name = "broadcast_to",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const Shape shape = c.attributes.integers("shape", {});
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": needs floating point, got ", dtype_name(c.in[0].dtype));
          if (!broadcasts_to(c.in[0].dims, shape) || element_count(shape) < 1) {
            throw_value(c.node, ": cannot broadcast ", c.in[0].str(), " to shape ",
                        shape_text(shape, c.in[0].batched));
          }
          c.out = {{c.in[0].dtype, shape, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(broadcast_config(n.out[0].dims, n.out[0].dims, n.in[0].dims));
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("sum_to", {g.out_gradients[0]}, {{"shape", g.graph.type(g.in[0]).dims}})};
        },
};

}  // namespace fastnn::ops

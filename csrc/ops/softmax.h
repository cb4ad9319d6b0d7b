// softmax(x; axis), log_softmax(x; axis) over one per-sample axis (0 is the first after the batch; default
// -1, the last), in the stable form. softmax_grad(dy, y), log_softmax_grad(dy, y) -> dx
#pragma once

#include "ops/axis.h"

namespace fastnn::ops {

inline Configuration softmax_config(const NodeInfo& n) {
  const Shape& dims = n.in[0].dims;
  return make_configuration(
      axis_config(dims, axis_of("softmax", n.attributes.integer("axis", -1), dims.size())));
}

inline void infer_softmax(InferContext& c) {
  c.expect_inputs(1, 1);
  if (!is_floating(c.in[0].dtype))
    throw_type(c.node, ": softmax needs floating point, got ", dtype_name(c.in[0].dtype));
  if (c.in[0].dims.empty()) throw_value(c.node, ": softmax needs at least one dimension beside the batch");
  axis_of(c.node, c.attributes.integer("axis", -1), c.in[0].dims.size());
  c.out = {c.in[0]};
}

inline void infer_softmax_grad(InferContext& c) {
  c.expect_inputs(2, 2);
  c.out = {c.in[1]};
}

inline Cost softmax_cost(const NodeInfo& n) { return Cost{20.0 * static_cast<double>(n.in[0].size())}; }

inline const Op softmax{
    .name = "softmax",
    .infer = infer_softmax,
    .configure = softmax_config,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("softmax_grad", {g.out_gradients[0], g.out[0]}, g.attributes)};
        },
    .cost = softmax_cost,
    .in_place = true,
};

/// Sums along the axis of the node, which stays with an extent of 1.
inline TensorId axis_sum(const GradientContext& g, TensorId x) {
  Shape shape = g.graph.type(x).dims;
  shape[static_cast<size_t>(axis_of(g.node, g.attributes.integer("axis", -1), shape.size()))] = 1;
  return g.add("sum_to", {x}, {{"shape", shape}});
}

inline const Op softmax_grad{
    .name = "softmax_grad",
    .infer = infer_softmax_grad,
    .configure = softmax_config,
    .gradient =
        [](GradientContext& g) {
          // Of y (dy - s), s the sum of dy y.
          const TensorId dy = g.in[0], y = g.in[1], upper = g.out_gradients[0];
          const auto times = [&](TensorId a, TensorId b) { return g.add("multiply", {a, b}); };
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("softmax_grad", {upper, y}, g.attributes);
          if (g.wanted[1]) {
            const TensorId direct = times(upper, g.add("subtract", {dy, axis_sum(g, times(dy, y))}));
            result[1] = g.add("subtract", {direct, times(dy, axis_sum(g, times(upper, y)))});
          }
          return result;
        },
    .in_place = true,
};

inline const Op log_softmax{
    .name = "log_softmax",
    .infer = infer_softmax,
    .configure = softmax_config,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("log_softmax_grad", {g.out_gradients[0], g.out[0]}, g.attributes)};
        },
    .cost = softmax_cost,
    .in_place = true,
};

inline const Op log_softmax_grad{
    .name = "log_softmax_grad",
    .infer = infer_softmax_grad,
    .configure = softmax_config,
    .gradient =
        [](GradientContext& g) {
          // Of dy - e^y s, s the sum of dy.
          const TensorId dy = g.in[0], upper = g.out_gradients[0];
          const auto times = [&](TensorId a, TensorId b) { return g.add("multiply", {a, b}); };
          const TensorId weighted =
              times(upper, g.add("activation", {g.in[1]}, {{"kind", std::string("exponential")}}));
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("subtract", {upper, axis_sum(g, weighted)});
          if (g.wanted[1])
            result[1] = g.add("scale_shift", {times(weighted, axis_sum(g, dy))}, {{"scale", -1.0}});
          return result;
        },
    .cost = softmax_cost,
    .in_place = true};

}  // namespace fastnn::ops

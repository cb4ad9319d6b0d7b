// lstm(xw, recurrent kernel (u, 4u), h?, c?, mask?, keep?) -> gates, y, last h, last c, cells, states
//   Long short-term memory (Hochreiter and Schmidhuber 1997) over steps; see recurrent.h. Gates i, f, c, o:
//     i, f, o = recurrent_activation(z), g = activation(z_c), z = xw_t + (keep * h) . kernel
//     c = f * c + i * g          h = o * activation(c)
//   gates (None, steps, 4u): i, f, g, o.   y (None, steps, u), or (None, u) without `sequences`.
//   last h and c (None, u): the state after the last step.   cells (None, steps, u): c after each step.
//   states (None, steps, u): keep * h before each step.   gates, cells and states serve the gradient.
// lstm_grad(gates, kernel, cells, c?, mask?, keep?, dy?, d last h?, d last c?) -> dxw, dh, dc
//   The kernel's gradient is dense_grad_kernel(states, dxw).
#pragma once

#include "ops/recurrent.h"

namespace fastnn::ops {

inline const Op lstm{
    .name = "lstm",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(6, 6);
          const auto [steps, units] = check_recurrent(c, 4);
          check_optional(c, 2, "initial state h", {units});
          check_optional(c, 3, "initial state c", {units});
          check_optional(c, 4, "mask", {steps});
          check_optional(c, 5, "keep", {units});
          const DType type = c.in[0].dtype;
          const TensorType state{type, {units}, true};
          const TensorType sequence{type, {steps, units}, true};
          c.out = {c.in[0], c.attributes.flag("sequences", true) ? sequence : state, state, state, sequence,
                   sequence};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(recurrent_config(n.attributes, n.in[0].dims[0], n.in[1].dims[0]));
        },
    .gradient =
        [](GradientContext& g) {
          check_saved(g, {0, 4, 5});
          Attributes attributes = g.attributes;
          attributes.set("initial_gradient", static_cast<bool>(g.wanted[2]));
          const std::vector<TensorId> found =
              g.graph.add("lstm_grad",
                          {g.out[0], g.in[1], g.out[4], g.in[3], g.in[4], g.in[5], g.out_gradients[1],
                           g.out_gradients[2], g.out_gradients[3]},
                          attributes, g.node);
          std::vector<TensorId> result(6, kNoTensor);
          result[0] = found[0];
          if (g.wanted[1]) result[1] = g.add("dense_grad_kernel", {g.out[5], found[0]});
          result[2] = found[1];
          result[3] = found[2];
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto units = static_cast<double>(n.in[1].dims[0]);
          return Cost{static_cast<double>(n.in[0].dims[0]) * (8.0 * units * units + 130.0 * units)};
        },
    .in_place = true,
};

inline const Op lstm_grad{
    .name = "lstm_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(9, 9);
          const TensorType state{c.in[0].dtype, {c.in[1].dims[0]}, true};
          c.out = {c.in[0], state, state};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(recurrent_config(n.attributes, n.in[0].dims[0], n.in[1].dims[0]));
        },
    .cost =
        [](const NodeInfo& n) {
          const auto units = static_cast<double>(n.in[1].dims[0]);
          return Cost{static_cast<double>(n.in[0].dims[0]) * (8.0 * units * units + 60.0 * units)};
        },
    .in_place = true,
};

}  // namespace fastnn::ops

// simple_rnn(xw, recurrent kernel (u, u), h?, mask?, keep?) -> after, y, last h, states
//   h = activation(xw_t + (keep * h) . kernel) over steps; see recurrent.h.
//   after (None, steps, u): h where the step was taken, else 0.  y (None, steps, u), or (None, u) without
//   `sequences`.  last h (None, u).  states (None, steps, u): keep * h before each step.
// simple_rnn_grad(after, kernel, mask?, keep?, dy?, d last h?) -> dxw, dh
//   The kernel's gradient is dense_grad_kernel(states, dxw).
#pragma once

#include "ops/recurrent.h"

namespace fastnn::ops {

inline const Op simple_rnn{
    .name = "simple_rnn",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(5, 5);
          const auto [steps, units] = check_recurrent(c, 1);
          check_optional(c, 2, "initial state", {units});
          check_optional(c, 3, "mask", {steps});
          check_optional(c, 4, "keep", {units});
          const TensorType state{c.in[0].dtype, {units}, true};
          c.out = {c.in[0], c.attributes.flag("sequences", true) ? c.in[0] : state, state, c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(recurrent_config(n.attributes, n.in[0].dims[0], n.in[1].dims[0]));
        },
    .gradient =
        [](GradientContext& g) {
          check_saved(g, {0, 3});
          Attributes attributes = g.attributes;
          attributes.set("initial_gradient", static_cast<bool>(g.wanted[2]));
          const std::vector<TensorId> found =
              g.graph.add("simple_rnn_grad",
                          {g.out[0], g.in[1], g.in[3], g.in[4], g.out_gradients[1], g.out_gradients[2]},
                          attributes, g.node);
          std::vector<TensorId> result(5, kNoTensor);
          result[0] = found[0];
          if (g.wanted[1]) result[1] = g.add("dense_grad_kernel", {g.out[3], found[0]});
          result[2] = found[1];
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto units = static_cast<double>(n.in[1].dims[0]);
          return Cost{static_cast<double>(n.in[0].dims[0]) * (2.0 * units * units + 30.0 * units)};
        },
    .in_place = true,
};

inline const Op simple_rnn_grad{
    .name = "simple_rnn_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(6, 6);
          c.out = {c.in[0], {c.in[0].dtype, {c.in[1].dims[0]}, true}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(recurrent_config(n.attributes, n.in[0].dims[0], n.in[1].dims[0]));
        },
    .cost =
        [](const NodeInfo& n) {
          const auto units = static_cast<double>(n.in[1].dims[0]);
          return Cost{static_cast<double>(n.in[0].dims[0]) * (2.0 * units * units + 10.0 * units)};
        },
    .in_place = true,
};

}  // namespace fastnn::ops

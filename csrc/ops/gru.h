// gru(xw, recurrent kernel (u, 3u), bias (2, 3u)?, h?, mask?, keep?; reset_after)
//     -> gates, y, last h, inner, before, states
//   Gated recurrent units (Cho et al. 2014) over steps; see recurrent.h. Gates z, r, n; k = keep * h:
//     z, r = recurrent_activation(xw_t + k . kernel)            h = z * h + (1 - z) * n
//     reset_after:  inner = k . kernel_n + bias_1n              n = activation(xw_n + r * inner)
//     else:         inner = r * k                               n = activation(xw_n + inner . kernel_n)
//   bias is there with reset_after only: row 0 is added to xw, row 1 to the state's product.
//   gates (None, steps, 3u): z, r, n.  y (None, steps, u), or (None, u) without `sequences`.  last h (None,
//   u). inner, before (h before each step), states (k before each step): (None, steps, u), for the gradient.
// gru_grad(gates, kernel, inner, before, mask?, keep?, dy?, d last h?) -> dxw, dn, dh
//   dn: the gradient of the state's product in n, (None, steps, u).
// gru_grad_kernel(states, left, dxw, dn) -> (u, 3u): states^T . dxw for z and r, left^T . dn for n.
// gru_grad_bias(dxw, dn) -> (2, 3u)
#pragma once

#include "ops/recurrent.h"

namespace fastnn::ops {

inline const Op gru{
    .name = "gru",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(6, 6);
          const auto [steps, units] = check_recurrent(c, 3);
          const TensorType& bias = c.in[2];
          if (bias.dims != Shape{0} &&
              (bias.batched || bias.dims != Shape{2, 3 * units} || !c.attributes.flag("reset_after", true))) {
            throw_value(c.node, ": gru's own bias must be (2, ", 3 * units, ") and needs reset_after, got ",
                        bias.str());
          }
          check_optional(c, 3, "initial state", {units});
          check_optional(c, 4, "mask", {steps});
          check_optional(c, 5, "keep", {units});
          const DType type = c.in[0].dtype;
          const TensorType state{type, {units}, true};
          const TensorType sequence{type, {steps, units}, true};
          c.out = {c.in[0],  c.attributes.flag("sequences", true) ? sequence : state,
                   state,    sequence,
                   sequence, sequence};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(recurrent_config(n.attributes, n.in[0].dims[0], n.in[1].dims[0]));
        },
    .gradient =
        [](GradientContext& g) {
          check_saved(g, {0, 3, 4, 5});
          Attributes attributes = g.attributes;
          attributes.set("initial_gradient", static_cast<bool>(g.wanted[3]));
          const std::vector<TensorId> found = g.graph.add("gru_grad",
                                                          {g.out[0], g.in[1], g.out[3], g.out[4], g.in[4],
                                                           g.in[5], g.out_gradients[1], g.out_gradients[2]},
                                                          attributes, g.node);
          const TensorId left = g.attributes.flag("reset_after", true) ? g.out[5] : g.out[3];
          std::vector<TensorId> result(6, kNoTensor);
          result[0] = found[0];
          if (g.wanted[1]) result[1] = g.add("gru_grad_kernel", {g.out[5], left, found[0], found[1]});
          if (g.wanted[2]) result[2] = g.add("gru_grad_bias", {found[0], found[1]});
          result[3] = found[2];
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto units = static_cast<double>(n.in[1].dims[0]);
          return Cost{static_cast<double>(n.in[0].dims[0]) * (6.0 * units * units + 90.0 * units)};
        },
    .in_place = true,
};

inline const Op gru_grad{
    .name = "gru_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(8, 8);
          const int64_t units = c.in[1].dims[0];
          const DType type = c.in[0].dtype;
          c.out = {c.in[0], {type, {c.in[0].dims[0], units}, true}, {type, {units}, true}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(recurrent_config(n.attributes, n.in[0].dims[0], n.in[1].dims[0]));
        },
    .cost =
        [](const NodeInfo& n) {
          const auto units = static_cast<double>(n.in[1].dims[0]);
          return Cost{static_cast<double>(n.in[0].dims[0]) * (6.0 * units * units + 40.0 * units)};
        },
    .in_place = true,
};

inline const Op gru_grad_kernel{
    .name = "gru_grad_kernel",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          const int64_t units = c.in[0].dims.back();
          c.out = {{c.in[0].dtype, {units, 3 * units}, false}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(recurrent_config({}, n.in[0].dims[0], n.in[0].dims[1]));
        },
    .cost =
        [](const NodeInfo& n) { return Cost{6.0 * static_cast<double>(n.in[0].size() * n.in[0].dims[1])}; },
};

inline const Op gru_grad_bias{
    .name = "gru_grad_bias",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {{c.in[0].dtype, {2, c.in[0].dims.back()}, false}};
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

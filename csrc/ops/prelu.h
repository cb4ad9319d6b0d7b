// prelu(x, alpha) -> x where x >= 0, alpha * x below; alpha is broadcast to x (shared axes have extent 1)
// prelu_grad_slope(x, alpha) -> 1 or alpha      prelu_grad_alpha(dy, x) -> dy * min(x, 0)
#pragma once

#include "ops/broadcast.h"

namespace fastnn::ops {

/// 1 where x is below 0, else 0.
inline TensorId below_zero(GradientContext& g, TensorId x) {
  const TensorId negated = g.add("scale_shift", {x}, {{"scale", -1.0}});
  return g.add("scale_shift", {g.add("greater_equal", {x, negated})}, {{"scale", -1.0}, {"offset", 1.0}});
}

inline const Op prelu{
    .name = "prelu",
    .infer =
        [](InferContext& c) {
          infer_broadcast(c);
          if (c.out[0].dims != c.in[0].dims || c.out[0].batched != c.in[0].batched) {
            throw_value(c.node, ": slopes of shape ", c.in[1].str(), " do not broadcast to the input's ",
                        c.in[0].str());
          }
        },
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          const TensorId dy = g.out_gradients[0];
          if (g.wanted[0]) result[0] = g.add("multiply", {dy, g.add("prelu_grad_slope", {g.in[0], g.in[1]})});
          if (g.wanted[1]) result[1] = sum_to_operand(g, g.add("prelu_grad_alpha", {dy, g.in[0]}), g.in[1]);
          return result;
        },
    .in_place = true,
};

inline const Op prelu_grad_slope{
    .name = "prelu_grad_slope",
    .infer = infer_broadcast,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[1]) {
            const TensorId chosen = g.add("multiply", {g.out_gradients[0], below_zero(g, g.in[0])});
            result[1] = sum_to_operand(g, chosen, g.in[1]);
          }
          return result;
        },
};

inline const Op prelu_grad_alpha{
    .name = "prelu_grad_alpha",
    .infer = infer_broadcast,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          const TensorId d = g.out_gradients[0], dy = g.in[0], x = g.in[1];
          if (g.wanted[0]) result[0] = g.add("prelu_grad_alpha", {d, x});
          if (g.wanted[1]) {
            result[1] = g.add("multiply", {g.add("multiply", {d, dy}), below_zero(g, x)});
          }
          return result;
        },
    .in_place = true,
};

}  // namespace fastnn::ops

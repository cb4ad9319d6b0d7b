// Elementwise ops of two operands, broadcast against each other (see broadcast.h), batched or not:
//   add, subtract, multiply, divide, maximum, minimum, power (a, b)
//   greater, greater_equal (a, b) -> 1 or 0, without gradient
// add, subtract, multiply, maximum and minimum take int32, too. A negative base has a power only where the
// exponent is whole. Gradients are made of differentiable ops. Where maximum's or minimum's operands are
// equal, the first one gets all.
#pragma once

#include "ops/broadcast.h"

namespace fastnn::ops {

inline TensorId negated(const GradientContext& g, TensorId x) {
  return g.add("scale_shift", {x}, {{"scale", -1.0}});
}

inline const Op add{
    .name = "add",
    .infer = infer_broadcast_numbers,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          for (size_t i = 0; i < 2; ++i) {
            if (g.wanted[i]) result[i] = sum_to_operand(g, g.out_gradients[0], g.in[i]);
          }
          return result;
        },
    .in_place = true,
};

inline const Op subtract{
    .name = "subtract",
    .infer = infer_broadcast_numbers,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) result[0] = sum_to_operand(g, g.out_gradients[0], g.in[0]);
          if (g.wanted[1]) result[1] = negated(g, sum_to_operand(g, g.out_gradients[0], g.in[1]));
          return result;
        },
    .in_place = true,
};

inline const Op multiply{
    .name = "multiply",
    .infer = infer_broadcast_numbers,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          for (size_t i = 0; i < 2; ++i) {
            if (g.wanted[i]) {
              result[i] = sum_to_operand(g, g.add("multiply", {g.out_gradients[0], g.in[1 - i]}), g.in[i]);
            }
          }
          return result;
        },
    .in_place = true,
};

inline const Op divide{
    .name = "divide",
    .infer = infer_broadcast,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          const TensorId quotient = g.add("divide", {g.out_gradients[0], g.in[1]});
          if (g.wanted[0]) result[0] = sum_to_operand(g, quotient, g.in[0]);
          if (g.wanted[1]) {
            const TensorId product = g.add("multiply", {quotient, g.out[0]});
            result[1] = negated(g, sum_to_operand(g, product, g.in[1]));
          }
          return result;
        },
    .in_place = true,
};

/// Passes the gradient to the operand that was chosen.
inline std::vector<TensorId> choice_gradient(GradientContext& g, TensorId first_chosen) {
  std::vector<TensorId> result(2, kNoTensor);
  const TensorId first = g.add("multiply", {g.out_gradients[0], first_chosen});
  if (g.wanted[0]) result[0] = sum_to_operand(g, first, g.in[0]);
  if (g.wanted[1]) result[1] = sum_to_operand(g, g.add("subtract", {g.out_gradients[0], first}), g.in[1]);
  return result;
}

inline const Op maximum{
    .name = "maximum",
    .infer = infer_broadcast_numbers,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) { return choice_gradient(g, g.add("greater_equal", {g.in[0], g.in[1]})); },
    .in_place = true,
};

inline const Op minimum{
    .name = "minimum",
    .infer = infer_broadcast_numbers,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) { return choice_gradient(g, g.add("greater_equal", {g.in[1], g.in[0]})); },
    .in_place = true,
};

inline const Op power{
    .name = "power",
    .infer = infer_broadcast,
    .configure = configure_broadcast,
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          const TensorId dy = g.out_gradients[0], x = g.in[0], y = g.in[1];
          if (g.wanted[0]) {
            const TensorId lower = g.add("power", {x, g.add("scale_shift", {y}, {{"offset", -1.0}})});
            const TensorId slope = g.add("multiply", {y, lower});
            result[0] = sum_to_operand(g, g.add("multiply", {dy, slope}), x);
          }
          if (g.wanted[1]) {
            // Where the base is 0, so is the derivative: log(1) stands for log(0).
            const TensorId base = g.add("unary", {x}, {{"kind", std::string("abs")}});
            const TensorId nought = g.add("greater_equal", {negated(g, base), base});
            const TensorId safe = g.add("add", {x, nought});
            const TensorId log = g.add("unary", {safe}, {{"kind", std::string("log")}});
            const TensorId slope = g.add("multiply", {g.out[0], log});
            result[1] = sum_to_operand(g, g.add("multiply", {dy, slope}), y);
          }
          return result;
        },
    .cost = [](const NodeInfo& n) { return Cost{16.0 * static_cast<double>(n.out[0].size())}; },
    .in_place = true,
};

inline std::vector<TensorId> no_gradient(GradientContext& g) {
  return std::vector<TensorId>(g.in.size(), kNoTensor);
}

inline const Op greater{
    .name = "greater", .infer = infer_broadcast, .configure = configure_broadcast, .gradient = no_gradient};

inline const Op greater_equal{.name = "greater_equal",
                              .infer = infer_broadcast,
                              .configure = configure_broadcast,
                              .gradient = no_gradient};

}  // namespace fastnn::ops

// activation(x; kind, alpha) -> f(x), elementwise.   activation_grad(dy, x, y; kind, alpha) -> dy * f'(x).
// Kinds whose derivative follows from the output alone take y and no x, so that x need not be kept; the
// others take x and no y. Parametrised kinds read `alpha`; leaky_relu's output keeps the sign of x, and so
// tells the derivative, unless alpha is negative.
#pragma once

#include <array>
#include <string_view>

#include "ops/op.h"

namespace fastnn::ops {

enum class ActivationKind : int32_t {
  linear,
  relu,
  leaky_relu,  // x < 0: alpha x
  elu,         // x < 0: alpha (exp x - 1)
  selu,
  celu,       // x < 0: alpha (exp(x / alpha) - 1)
  gelu,       // x Phi(x), by erf
  gelu_tanh,  // the tanh form
  silu,
  mish,
  sigmoid,
  hard_sigmoid,  // relu6(x + 3) / 6
  tanh,
  softplus,
  softsign,
  exponential,
  count
};

inline constexpr std::array<std::string_view, static_cast<size_t>(ActivationKind::count)> kActivationNames{
    "linear", "relu", "leaky_relu", "elu",          "selu", "celu",     "gelu",     "gelu_tanh",
    "silu",   "mish", "sigmoid",    "hard_sigmoid", "tanh", "softplus", "softsign", "exponential"};

/// Does the derivative follow from the output?
constexpr bool derivative_from_output(ActivationKind kind) {
  return kind == ActivationKind::relu || kind == ActivationKind::leaky_relu ||
         kind == ActivationKind::sigmoid || kind == ActivationKind::tanh ||
         kind == ActivationKind::exponential || kind == ActivationKind::linear;
}

struct ActivationConfig {
  ActivationKind kind;
  double alpha;
};

constexpr bool derivative_from_output(const ActivationConfig& config) {
  return derivative_from_output(config.kind) &&
         (config.kind != ActivationKind::leaky_relu || config.alpha >= 0);
}

inline ActivationKind activation_kind(const std::string& node, const std::string& name) {
  for (size_t i = 0; i < kActivationNames.size(); ++i) {
    if (kActivationNames[i] == name) return static_cast<ActivationKind>(i);
  }
  throw_value(node, ": unknown activation kind '", name, "'");
}

inline ActivationConfig activation_config(const std::string& node, const Attributes& attributes) {
  const ActivationKind kind = activation_kind(node, attributes.str("kind", "linear"));
  return {kind, attributes.real("alpha", kind == ActivationKind::leaky_relu ? 0.2 : 1.0)};
}

/// Gradient with respect to an activation's input x, from dy, that with respect to its output y. x is read by
/// kinds whose derivative does not follow from y.
inline TensorId activation_gradient(GradientContext& g, const ActivationConfig& config, TensorId dy,
                                    TensorId x, TensorId y) {
  if (config.kind == ActivationKind::linear) return dy;
  if (config.kind == ActivationKind::relu) {
    // Relu before max pooling: the pooling's gradient can do both at once, and a pass over dx is saved.
    const Producer pooling = g.graph.producer(dy);
    if (pooling.op == "max_pool2d_grad" && pooling.in[1] == y && !pooling.attributes.has("relu")) {
      Attributes attributes = pooling.attributes;
      attributes.set("relu", true);
      return g.add("max_pool2d_grad", pooling.in, attributes);
    }
  }
  const bool from_output = derivative_from_output(config);
  return g.add(
      "activation_grad", {dy, from_output ? kNoTensor : x, from_output ? y : kNoTensor},
      {{"kind", std::string(kActivationNames[static_cast<size_t>(config.kind)])}, {"alpha", config.alpha}});
}

inline const Op activation{
    .name = "activation",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          activation_config(c.node, c.attributes);
          if (!is_floating(c.in[0].dtype)) {
            throw_type(c.node, ": activation needs floating point, got ", dtype_name(c.in[0].dtype));
          }
          c.out = {c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) { return make_configuration(activation_config("activation", n.attributes)); },
    .gradient =
        [](GradientContext& g) {
          const ActivationConfig config = activation_config(g.node, g.attributes);
          return std::vector<TensorId>{activation_gradient(g, config, g.out_gradients[0], g.in[0], g.out[0])};
        },
    .in_place = true,
};

inline const Op activation_grad{
    .name = "activation_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(activation_config("activation_grad", n.attributes));
        },
    .in_place = true,
};

}  // namespace fastnn::ops

// activation(x; kind, alpha) -> f(x), elementwise.   activation_grad(dy, x, y; kind, alpha) -> dy * f'(x).
// Kinds whose derivative follows from the output alone take y and no x, so that x need not be kept; the
// others take x and no y. Parametrised kinds read `alpha`; leaky_relu's output keeps the sign of x, and so
// tells the derivative, unless alpha is negative.
#pragma once

#include <array>
#include <string_view>

#include "ops/unary.h"

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

/// How an activation's derivative, as activation_grad has it, changes with what it is computed from: x, or
/// y for the kinds whose derivative follows from y. kNoTensor: not at all.
inline TensorId activation_curvature(GradientContext& g, const ActivationConfig& c, TensorId x, TensorId y) {
  const auto constant = [](double value) {
    return Attributes{{"kind", std::string("power")}, {"exponent", value}};
  };
  const auto one_minus_square = [&](TensorId t) { return scaled(g, add_unary(g, "square", t), -1.0, 1.0); };
  const auto sigmoid_of = [&](TensorId t) {
    return g.add("activation", {t}, {{"kind", std::string("sigmoid")}});
  };
  // factor e^(x / width) below 0, 0 above
  const auto exponential_below = [&](double factor, double width) {
    const TensorId below = g.add("unary", {x}, {{"kind", std::string("clip")}, {"high", 0.0}});
    const TensorId mask = g.add("unary", {x}, {{"kind", std::string("inside")}, {"high", 0.0}});
    return product(g, mask, scaled(g, add_unary(g, "exp", scaled(g, below, 1.0 / width)), factor));
  };
  switch (c.kind) {
    case ActivationKind::tanh:
      return scaled(g, y, -2.0);
    case ActivationKind::sigmoid:
      return scaled(g, y, -2.0, 1.0);
    case ActivationKind::exponential:
      return g.add("unary", {y}, constant(0.0));
    case ActivationKind::softplus: {
      const TensorId s = sigmoid_of(x);
      return product(g, s, scaled(g, s, -1.0, 1.0));
    }
    case ActivationKind::silu: {
      const TensorId s = sigmoid_of(x);
      const TensorId bend = scaled(g, product(g, x, scaled(g, s, -2.0, 1.0)), 1.0, 2.0);
      return product(g, product(g, s, scaled(g, s, -1.0, 1.0)), bend);
    }
    case ActivationKind::mish: {
      const TensorId w = g.add("activation", {g.add("activation", {x}, {{"kind", std::string("softplus")}})},
                               {{"kind", std::string("tanh")}});
      const TensorId s = sigmoid_of(x);
      const TensorId s2 = add_unary(g, "square", s);
      const TensorId inner =
          g.add("subtract", {g.add("subtract", {s, s2}), scaled(g, product(g, w, s2), 2.0)});
      return product(g, one_minus_square(w), g.add("add", {scaled(g, s, 2.0), product(g, x, inner)}));
    }
    case ActivationKind::gelu: {
      const TensorId square = add_unary(g, "square", x);
      const TensorId density = scaled(g, add_unary(g, "exp", scaled(g, square, -0.5)), 0.3989422804014327);
      return product(g, density, scaled(g, square, -1.0, 2.0));
    }
    case ActivationKind::gelu_tanh: {
      constexpr double kSlope = 0.7978845608028654, kCubic = 0.044715;
      const TensorId square = add_unary(g, "square", x);
      const TensorId u = product(g, x, scaled(g, square, kSlope * kCubic, kSlope));
      const TensorId t = g.add("activation", {u}, {{"kind", std::string("tanh")}});
      const TensorId u1 = scaled(g, square, 3.0 * kSlope * kCubic, kSlope);
      const TensorId u2 = scaled(g, x, 6.0 * kSlope * kCubic);
      const TensorId bend =
          g.add("subtract", {u2, scaled(g, product(g, t, add_unary(g, "square", u1)), 2.0)});
      return product(g, one_minus_square(t), g.add("add", {u1, scaled(g, product(g, x, bend), 0.5)}));
    }
    case ActivationKind::softsign: {
      const TensorId size = scaled(g, add_unary(g, "abs", x), 1.0, 1.0);
      const TensorId cube = g.add("unary", {size}, constant(-3.0));
      return product(g, scaled(g, add_unary(g, "sign", x), -2.0), cube);
    }
    case ActivationKind::elu:
      return exponential_below(c.alpha, 1.0);
    case ActivationKind::celu:
      return exponential_below(1.0 / c.alpha, c.alpha);
    case ActivationKind::selu:
      return exponential_below(1.0507009873554805 * 1.6732632423543772, 1.0);
    case ActivationKind::linear:
    case ActivationKind::relu:
    case ActivationKind::leaky_relu:
    case ActivationKind::hard_sigmoid:
    case ActivationKind::count:
      break;
  }
  return kNoTensor;
}

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
    .gradient =
        [](GradientContext& g) {
          const TensorId dy = g.in[0], upper = g.out_gradients[0];
          std::vector<TensorId> result(3, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("activation_grad", {upper, g.in[1], g.in[2]}, g.attributes);
          if (g.wanted[1] || g.wanted[2]) {
            const TensorId curvature =
                activation_curvature(g, activation_config(g.node, g.attributes), g.in[1], g.in[2]);
            if (curvature != kNoTensor)
              result[g.wanted[1] ? 1 : 2] = product(g, product(g, upper, dy), curvature);
          }
          return result;
        },
    .in_place = true,
};

}  // namespace fastnn::ops

// unary(x; kind, ...) -> f(x), elementwise. `power` reads `exponent`; `clip` and `inside` (1 where
// low <= x <= high, else 0) read `low` and `high`. Gradients are made of differentiable ops.
#pragma once

#include <array>
#include <limits>
#include <string_view>

#include "ops/op.h"

namespace fastnn::ops {

enum class UnaryKind : int32_t {
  exp,
  log,
  log1p,
  expm1,
  sqrt,
  rsqrt,
  abs,
  sign,
  sin,
  cos,
  erf,
  square,
  reciprocal,
  floor,
  ceil,
  round,  // halves to even
  power,
  clip,
  inside,
  count
};

inline constexpr std::array<std::string_view, static_cast<size_t>(UnaryKind::count)> kUnaryNames{
    "exp", "log",    "log1p",      "expm1", "sqrt", "rsqrt", "abs",   "sign", "sin",   "cos",
    "erf", "square", "reciprocal", "floor", "ceil", "round", "power", "clip", "inside"};

struct UnaryConfig {
  UnaryKind kind;
  double exponent;
  double low;
  double high;
};

inline UnaryConfig unary_config(const std::string& node, const Attributes& attributes) {
  const std::string name = attributes.str("kind", "");
  for (size_t i = 0; i < kUnaryNames.size(); ++i) {
    if (kUnaryNames[i] != name) continue;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return {static_cast<UnaryKind>(i), attributes.real("exponent", 1.0), attributes.real("low", -kInfinity),
            attributes.real("high", kInfinity)};
  }
  throw_value(node, ": unknown kind '", name, "' of unary op");
}

/// Shorthand for the compositions of gradient rules.
inline TensorId add_unary(const GradientContext& g, const char* kind, TensorId x) {
  return g.add("unary", {x}, {{"kind", std::string(kind)}});
}
inline TensorId scaled(const GradientContext& g, TensorId x, double scale, double offset = -0.0) {
  return g.add("scale_shift", {x}, {{"scale", scale}, {"offset", offset}});
}
inline TensorId product(const GradientContext& g, TensorId a, TensorId b) {
  return g.add("multiply", {a, b});
}

/// Gradient with respect to x; kNoTensor where it is 0 everywhere.
inline TensorId unary_gradient(const GradientContext& g, const UnaryConfig& c, TensorId dy, TensorId x,
                               TensorId y) {
  constexpr double kTwoOverRootPi = 1.1283791670955126;
  switch (c.kind) {
    case UnaryKind::exp:
      return product(g, dy, y);
    case UnaryKind::log:
      return g.add("divide", {dy, x});
    case UnaryKind::log1p:
      return g.add("divide", {dy, scaled(g, x, 1.0, 1.0)});
    case UnaryKind::expm1:
      return product(g, dy, scaled(g, y, 1.0, 1.0));
    case UnaryKind::sqrt:
      return g.add("divide", {scaled(g, dy, 0.5), y});
    case UnaryKind::rsqrt:
      return product(g, scaled(g, dy, -0.5), g.add("divide", {y, x}));
    case UnaryKind::abs:
      return product(g, dy, add_unary(g, "sign", x));
    case UnaryKind::sin:
      return product(g, dy, add_unary(g, "cos", x));
    case UnaryKind::cos:
      return product(g, scaled(g, dy, -1.0), add_unary(g, "sin", x));
    case UnaryKind::erf:
      return product(
          g, dy, scaled(g, add_unary(g, "exp", scaled(g, add_unary(g, "square", x), -1.0)), kTwoOverRootPi));
    case UnaryKind::square:
      return product(g, dy, scaled(g, x, 2.0));
    case UnaryKind::reciprocal:
      return product(g, scaled(g, dy, -1.0), add_unary(g, "square", y));
    case UnaryKind::power: {
      if (c.exponent == 0.0) return scaled(g, dy, 0.0);
      if (c.exponent == 1.0) return dy;
      const TensorId lower =
          g.add("unary", {x}, {{"kind", std::string("power")}, {"exponent", c.exponent - 1.0}});
      return product(g, scaled(g, dy, c.exponent), lower);
    }
    case UnaryKind::clip:
      return product(
          g, dy, g.add("unary", {x}, {{"kind", std::string("inside")}, {"low", c.low}, {"high", c.high}}));
    case UnaryKind::sign:
    case UnaryKind::floor:
    case UnaryKind::ceil:
    case UnaryKind::round:
    case UnaryKind::inside:
    case UnaryKind::count:
      break;
  }
  return kNoTensor;
}

inline const Op unary{
    .name = "unary",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const UnaryConfig config = unary_config(c.node, c.attributes);
          if (!is_floating(c.in[0].dtype)) {
            throw_type(c.node, ": ", kUnaryNames[static_cast<size_t>(config.kind)],
                       " needs floating point, got ", dtype_name(c.in[0].dtype), "; cast it first");
          }
          if (!(config.low <= config.high)) {
            throw_value(c.node, ": low must not exceed high, got ", config.low, " and ", config.high);
          }
          c.out = {c.in[0]};
        },
    .configure = [](const NodeInfo& n) { return make_configuration(unary_config("unary", n.attributes)); },
    .gradient =
        [](GradientContext& g) {
          const UnaryConfig config = unary_config(g.node, g.attributes);
          return std::vector<TensorId>{unary_gradient(g, config, g.out_gradients[0], g.in[0], g.out[0])};
        },
    .cost = [](const NodeInfo& n) { return Cost{8.0 * static_cast<double>(n.in[0].size())}; },
    .in_place = true,
};

}  // namespace fastnn::ops

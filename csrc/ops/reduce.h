// reduce(x; kind, shape) -> x reduced over the dims in which `shape` is 1 or missing (aligned at the last
// dim), as sum_to does; kinds max, min, prod. Per sample, or on unbatched operands. Ties share the gradient.
// prod_others(x; shape) -> for each element the product of all others that are multiplied with it.
// prod_others_grad(x, dy; shape) -> (dx, what comes before each element multiplied: of use to the kernel
// alone).
#pragma once

#include <array>
#include <string_view>

#include "ops/broadcast.h"

namespace fastnn::ops {

enum class ReduceKind : int32_t { max, min, prod, count };

inline constexpr std::array<std::string_view, static_cast<size_t>(ReduceKind::count)> kReduceNames{
    "max", "min", "prod"};

struct ReduceConfig {
  ReduceKind kind;
  BroadcastConfig nest;  ///< a: strides of x, b: those of the result, 0 along dims that are reduced
};

inline ReduceKind reduce_kind(const std::string& node, const Attributes& attributes) {
  const std::string name = attributes.str("kind", "");
  for (size_t i = 0; i < kReduceNames.size(); ++i) {
    if (kReduceNames[i] == name) return static_cast<ReduceKind>(i);
  }
  throw_value(node, ": unknown kind '", name, "' of reduce");
}

inline Shape reduced_shape(InferContext& c) {
  c.expect_inputs(1, 1);
  const Shape shape = c.attributes.integers("shape", {});
  if (!is_floating(c.in[0].dtype))
    throw_type(c.node, ": reductions need floating point, got ", dtype_name(c.in[0].dtype),
               "; cast it first");
  if (!broadcasts_to(shape, c.in[0].dims)) {
    throw_value(c.node, ": cannot reduce ", c.in[0].str(), " to shape ", shape_text(shape, c.in[0].batched));
  }
  return shape;
}

inline const Op reduce{
    .name = "reduce",
    .infer =
        [](InferContext& c) {
          const Shape shape = reduced_shape(c);
          reduce_kind(c.node, c.attributes);
          c.out = {{c.in[0].dtype, shape, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              ReduceConfig{reduce_kind("reduce", n.attributes),
                           broadcast_config(n.in[0].dims, n.in[0].dims, n.out[0].dims)});
        },
    .gradient =
        [](GradientContext& g) {
          const TensorId x = g.in[0];
          const Shape dims = g.graph.type(x).dims, shape = g.graph.type(g.out[0]).dims;
          const ReduceKind kind = reduce_kind(g.node, g.attributes);
          if (kind == ReduceKind::prod) {
            const TensorId wide = g.add("broadcast_to", {g.out_gradients[0]}, {{"shape", dims}});
            const TensorId others = g.add("prod_others", {x}, {{"shape", shape}});
            return std::vector<TensorId>{g.add("multiply", {wide, others})};
          }
          const TensorId chosen = kind == ReduceKind::max ? g.add("greater_equal", {x, g.out[0]})
                                                          : g.add("greater_equal", {g.out[0], x});
          const TensorId ties = g.add("sum_to", {chosen}, {{"shape", shape}});
          const TensorId share = g.add("divide", {g.out_gradients[0], ties});
          return std::vector<TensorId>{g.add("multiply", {chosen, share})};
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.in[0].size())}; },
};

inline const Op prod_others{
    .name = "prod_others",
    .infer =
        [](InferContext& c) {
          reduced_shape(c);
          c.out = {c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              ReduceConfig{ReduceKind::prod,
                           broadcast_config(n.in[0].dims, n.in[0].dims, n.attributes.integers("shape", {}))});
        },
    .gradient =
        [](GradientContext& g) {
          const Attributes same{{"shape", g.attributes.integers("shape", {})}};
          return std::vector<TensorId>{
              g.graph.add("prod_others_grad", {g.in[0], g.out_gradients[0]}, same, g.node)[0]};
        },
};

inline const Op prod_others_grad{
    .name = "prod_others_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {c.in[0], c.in[0]};
        },
    .configure = prod_others.configure,
};

}  // namespace fastnn::ops

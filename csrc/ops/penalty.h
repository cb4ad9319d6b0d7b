// Regularisation: l1 * sum |x| + l2 * sum x^2.
//   penalty(w) of unbatched w -> float64 scalar        activity_penalty(x) of each sample -> (None,)
//   penalty_grad(g, w), activity_penalty_grad(g, x) -> g * (l1 sign(x) + 2 l2 x)
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct PenaltyConfig {
  double l1;
  double l2;
};

inline Configuration penalty_config(const NodeInfo& n) {
  return make_configuration(PenaltyConfig{n.attributes.real("l1", 0.0), n.attributes.real("l2", 0.0)});
}

inline void check_penalty(InferContext& c) {
  c.expect_inputs(1, 1);
  if (!is_floating(c.in[0].dtype))
    throw_type(c.node, ": a penalty needs floating point, got ", dtype_name(c.in[0].dtype));
  for (const char* name : {"l1", "l2"}) {
    const double factor = c.attributes.real(name, 0.0);
    if (!(factor >= 0.0)) throw_value(c.node, ": ", name, " must be at least 0, got ", factor);
  }
}

inline const Op penalty{
    .name = "penalty",
    .kind = OpKind::unbatched,
    .infer =
        [](InferContext& c) {
          check_penalty(c);
          c.out = {{DType::f64, {}, false}};
        },
    .configure = penalty_config,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("penalty_grad", {g.out_gradients[0], g.in[0]}, g.attributes)};
        },
};

inline const Op penalty_grad{
    .name = "penalty_grad",
    .kind = OpKind::unbatched,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {c.in[1]};
        },
    .configure = penalty_config,
};

inline const Op activity_penalty{
    .name = "activity_penalty",
    .infer =
        [](InferContext& c) {
          check_penalty(c);
          if (!c.in[0].batched)
            throw_value(c.node, ": an activity penalty is of batched values; use penalty for weights");
          c.out = {{c.in[0].dtype, {}, true}};
        },
    .configure = penalty_config,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("activity_penalty_grad", {g.out_gradients[0], g.in[0]}, g.attributes)};
        },
    .cost = [](const NodeInfo& n) { return Cost{3.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op activity_penalty_grad{
    .name = "activity_penalty_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {c.in[1]};
        },
    .configure = penalty_config,
};

}  // namespace fastnn::ops

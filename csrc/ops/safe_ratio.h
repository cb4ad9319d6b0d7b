// safe_ratio(a, b) -> a / b for unbatched float64 numbers, 0 where b is 0. b counts as a constant for
// gradients.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op safe_ratio{
    .name = "safe_ratio",
    .kind = OpKind::unbatched,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          if (c.in[0] != c.in[1] || c.in[0].dtype != DType::f64) {
            throw_value(c.node, ": a ratio needs two float64 operands of one shape, got ",
                        dtype_name(c.in[0].dtype), " ", c.in[0].str(), " and ", dtype_name(c.in[1].dtype),
                        " ", c.in[1].str());
          }
          c.out = {c.in[0]};
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("safe_ratio", {g.out_gradients[0], g.in[1]}), kNoTensor};
        },
};

}  // namespace fastnn::ops

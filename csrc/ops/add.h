// add(a, b) -> a + b, of the same type, elementwise. Serves gradient sums and unbatched totals too.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op add{
    .name = "add",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          if (c.in[0] != c.in[1] || !is_floating(c.in[0].dtype)) {
            throw_value(c.node, ": cannot add ", dtype_name(c.in[0].dtype), " ", c.in[0].str(), " and ",
                        dtype_name(c.in[1].dtype), " ", c.in[1].str());
          }
          c.out = {c.in[0]};
        },
    .gradient = [](GradientContext& g) { return std::vector<TensorId>{g.out_gradients[0], g.out_gradients[0]}; },
    .in_place = true,
};

}  // namespace fastnn::ops

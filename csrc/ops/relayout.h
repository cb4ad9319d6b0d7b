// relayout(x) -> x, copied into another layout or place. The planner inserts it; users have no need of it.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op relayout{
    .name = "relayout",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          c.out = {c.in[0]};
        },
    .gradient = [](GradientContext& g) { return g.out_gradients; },
};

}  // namespace fastnn::ops

// stop_gradient(x) -> x, through which no gradient flows.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op stop_gradient{
    .name = "stop_gradient",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          c.out = {c.in[0]};
        },
    .gradient = [](GradientContext&) { return std::vector<TensorId>{kNoTensor}; },
    .cost = [](const NodeInfo&) { return Cost{0}; },
    .alias = true,
};

}  // namespace fastnn::ops

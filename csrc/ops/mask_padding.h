// mask_padding(x) -> x, with 0 in lanes that hold no sample: what a gradient that comes from outside needs.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op mask_padding{
    .name = "mask_padding",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (!c.in[0].batched || !is_floating(c.in[0].dtype)) {
            throw_value(c.node, ": mask_padding needs a batched floating-point tensor, got ", c.in[0].str());
          }
          c.out = {c.in[0]};
        },
    .gradient = [](GradientContext& g) { return g.out_gradients; },
};

}  // namespace fastnn::ops

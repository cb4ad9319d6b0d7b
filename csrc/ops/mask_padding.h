// mask_padding(x) -> x, with 0 in lanes that hold no sample: what a gradient that comes from outside needs.
// repeat_padding(x) -> x, with the last sample repeated in them: what a gradient needs that becomes a value
// to compute with, whose root or quotient is then finite where it is for the samples.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline void infer_padding(InferContext& c) {
  c.expect_inputs(1, 1);
  if (!c.in[0].batched || !is_floating(c.in[0].dtype)) {
    throw_value(c.node, ": needs a batched floating-point tensor, got ", c.in[0].str());
  }
  c.out = {c.in[0]};
}

inline const Op mask_padding{
    .name = "mask_padding",
    .infer = infer_padding,
    .gradient = [](GradientContext& g) { return g.out_gradients; },
};

inline const Op repeat_padding{
    .name = "repeat_padding",
    .infer = infer_padding,
    .gradient = [](GradientContext& g) { return g.out_gradients; },
};

}  // namespace fastnn::ops

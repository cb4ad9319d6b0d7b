// step_mask(x; value, dtype) -> 1 where there is something, else 0, in the floating type `dtype`.
//   int32 x (None, ...): an id is there if it is not `value`; (None, ...).
//   floating x (None, ..., features): a step is there if any feature is not `value`; (None, ...).
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct StepMaskConfig {
  double value;
  int64_t features;  ///< elements of x to one of the output
};

inline const Op step_mask{
    .name = "step_mask",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType& x = c.in[0];
          const DType type = dtype_from_name(c.attributes.str("dtype", "float32"));
          if (!is_floating(type)) throw_type(c.node, ": a mask has a floating type, got ", dtype_name(type));
          if (x.dtype != DType::i32 && !is_floating(x.dtype)) {
            throw_type(c.node, ": step_mask needs int32 or floating point, got ", dtype_name(x.dtype));
          }
          if (is_floating(x.dtype) && (x.dims.empty() || x.dtype != type)) {
            throw_value(c.node, ": step_mask needs (None, ..., features) of the mask's own type, got ",
                        x.str(), " of ", dtype_name(x.dtype));
          }
          c.out = {{type, x.dims, x.batched}};
          if (is_floating(x.dtype)) c.out[0].dims.pop_back();
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t features = is_floating(n.in[0].dtype) ? n.in[0].dims.back() : 1;
          return make_configuration(StepMaskConfig{n.attributes.real("value", 0.0), features});
        },
    .gradient = [](GradientContext&) { return std::vector<TensorId>{kNoTensor}; },
};

}  // namespace fastnn::ops

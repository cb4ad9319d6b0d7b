// scale_shift(x; scale, offset) -> x * scale + offset, elementwise, with constants. Without an offset -0 is
// added, which changes no number: adding 0 would make 0 of -0.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct ScaleShiftConfig {
  double scale;
  double offset;
};

inline const Op scale_shift{
    .name = "scale_shift",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": scaling needs floating point, got ", dtype_name(c.in[0].dtype));
          c.out = {c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              ScaleShiftConfig{n.attributes.real("scale", 1.0), n.attributes.real("offset", -0.0)});
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("scale_shift", {g.out_gradients[0]}, {{"scale", g.attributes.real("scale", 1.0)}})};
        },
    .in_place = true,
};

}  // namespace fastnn::ops

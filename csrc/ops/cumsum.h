// cumsum(x; axis, reverse, exclusive) -> running sums along a per-sample axis, from its end with `reverse`,
// without the element itself with `exclusive`.
#pragma once

#include "ops/axis.h"

namespace fastnn::ops {

struct CumsumConfig {
  AxisConfig axis;
  bool reverse;
  bool exclusive;
};

inline const Op cumsum{
    .name = "cumsum",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": sums need floating point, got ", dtype_name(c.in[0].dtype));
          axis_of(c.node, c.attributes.integer("axis", -1), c.in[0].dims.size());
          c.out = {c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) {
          const Shape& dims = n.in[0].dims;
          const int64_t axis = axis_of("cumsum", n.attributes.integer("axis", -1), dims.size());
          return make_configuration(CumsumConfig{axis_config(dims, axis), n.attributes.flag("reverse", false),
                                                 n.attributes.flag("exclusive", false)});
        },
    .gradient =
        [](GradientContext& g) {
          Attributes attributes = g.attributes;
          attributes.set("reverse", !g.attributes.flag("reverse", false));
          return std::vector<TensorId>{g.add("cumsum", {g.out_gradients[0]}, attributes)};
        },
};

}  // namespace fastnn::ops

// fill() -> unbatched constant of a given shape. Attributes: value, shape, dtype.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct FillConfig {
  double value;
};

inline const Op fill{
    .name = "fill",
    .kind = OpKind::unbatched,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(0, 0);
          c.out = {{dtype_from_name(c.attributes.str("dtype", "float32")), c.attributes.integers("shape", {}),
                    false}};
        },
    .configure =
        [](const NodeInfo& n) { return make_configuration(FillConfig{n.attributes.real("value", 0.0)}); },
    .gradient = [](GradientContext&) { return std::vector<TensorId>{}; },
};

}  // namespace fastnn::ops

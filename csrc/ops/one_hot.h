// one_hot(ids int32; depth, dtype) -> ids.dims + (depth,): 1 at the id, else 0; all 0 where there is no such
// place.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct OneHotConfig {
  int64_t depth;
};

inline const Op one_hot{
    .name = "one_hot",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const int64_t depth = c.attributes.integer("depth", 0);
          const DType dtype = dtype_from_name(c.attributes.str("dtype", "float32"));
          if (c.in[0].dtype != DType::i32)
            throw_type(c.node, ": one_hot needs int32 ids, got ", dtype_name(c.in[0].dtype));
          if (depth < 1) throw_value(c.node, ": depth must be at least 1, got ", depth);
          if (!is_floating(dtype))
            throw_type(c.node, ": one_hot gives floating point, not ", dtype_name(dtype));
          c.out = {{dtype, c.in[0].dims, c.in[0].batched}};
          c.out[0].dims.push_back(depth);
        },
    .configure =
        [](const NodeInfo& n) { return make_configuration(OneHotConfig{n.attributes.integer("depth", 0)}); },
    .gradient = [](GradientContext&) { return std::vector<TensorId>{kNoTensor}; },
};

}  // namespace fastnn::ops

// cast(x; dtype) -> x in another of float32, float64, int32, bool. Numbers are cut off towards 0; NaN becomes
// 0, numbers too large the nearest int32; bool is x != 0.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op cast{
    .name = "cast",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const DType to = dtype_from_name(c.attributes.str("dtype", "float32"));
          for (DType type : {c.in[0].dtype, to}) {
            if (type == DType::i64 || type == DType::u8)
              throw_type(c.node, ": cannot cast ", dtype_name(c.in[0].dtype), " to ", dtype_name(to),
                         "; graphs compute in float32, float64, int32 and bool");
          }
          c.out = {{to, c.in[0].dims, c.in[0].batched}};
        },
    .gradient =
        [](GradientContext& g) {
          const DType from = g.graph.type(g.in[0]).dtype;
          if (!is_floating(from)) return std::vector<TensorId>{kNoTensor};
          return std::vector<TensorId>{
              g.add("cast", {g.out_gradients[0]}, {{"dtype", std::string(dtype_name(from))}})};
        },
};

}  // namespace fastnn::ops

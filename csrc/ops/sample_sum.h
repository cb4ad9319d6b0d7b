// sample_sum(x) -> sum over the batch's samples, (None, ...) -> (...), in x's dtype, or float64 with
// attribute dtype="float64". broadcast_samples(v; like x) -> v for every sample of the batch, its gradient.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op sample_sum{
    .name = "sample_sum",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": sum over samples needs floating point, got ", dtype_name(c.in[0].dtype));
          c.out = {
              {c.attributes.has("dtype") ? dtype_from_name(c.attributes.str("dtype", "")) : c.in[0].dtype,
               c.in[0].dims, false}};
          if (c.out[0].dtype != DType::f64 && c.out[0].dtype != c.in[0].dtype) {
            throw_type(c.node, ": sample_sum gives float64 or its input's dtype");
          }
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("broadcast_samples", {g.out_gradients[0], g.in[0]})};
        },
};

/// Lanes that hold no sample get 0, as every gradient has there.
inline const Op broadcast_samples{
    .name = "broadcast_samples",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          if (c.in[0].dims != c.in[1].dims || !c.in[1].batched) {
            throw_value(c.node, ": cannot broadcast ", c.in[0].str(), " over the samples of ", c.in[1].str());
          }
          c.out = {c.in[1]};
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("sample_sum", {g.out_gradients[0]},
                    {{"dtype", std::string(dtype_name(g.graph.type(g.in[0]).dtype))}}),
              kNoTensor};
        },
};

}  // namespace fastnn::ops

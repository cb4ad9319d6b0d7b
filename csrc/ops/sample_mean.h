// sample_mean(x) -> float64 mean over the batch's samples of each element of x: (None, ...) -> (...).
// sample_mean_grad(g; like x) -> g / n, for every sample of the batch; 0 in lanes that hold no sample.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op sample_mean{
    .name = "sample_mean",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": mean over samples needs floating point, got ", dtype_name(c.in[0].dtype));
          c.out = {{DType::f64, c.in[0].dims, false}};
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("sample_mean_grad", {g.out_gradients[0], g.in[0]})};
        },
};

inline const Op sample_mean_grad{
    .name = "sample_mean_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {c.in[1]};
        },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("sample_mean", {g.out_gradients[0]});
          return result;
        },
};

}  // namespace fastnn::ops

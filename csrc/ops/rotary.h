// rotary(x, cosines, sines; inverse) -> x with its features turned in pairs (Su et al. 2021): features i and
// i + size / 2 of position t by the angle whose cosine and sine stand at (t, i).
//   x (None, T, ..., size) with an even size; cosines, sines (T, size / 2), unbatched or for each sample.
//   inverse (default false): turns back, which is the gradient with respect to x. Angles have no gradient.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct RotaryConfig {
  int64_t positions;
  int64_t heads;  ///< runs of `size` features that are turned alike
  int64_t size;
  bool inverse;
};

inline const Op rotary{
    .name = "rotary",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype) || !x.batched || x.dims.size() < 2 || x.dims.back() % 2 != 0) {
            throw_value(c.node,
                        ": rotary needs floating-point x (None, T, ..., size) with an even size, got ",
                        dtype_name(x.dtype), " ", x.str());
          }
          for (size_t i = 1; i < 3; ++i) {
            if (c.in[i].dims != Shape{x.dims[0], x.dims.back() / 2} || c.in[i].dtype != x.dtype) {
              throw_value(c.node, ": ", i == 1 ? "cosines" : "sines", " must be ", dtype_name(x.dtype), " (",
                          x.dims[0], ", ", x.dims.back() / 2, ") for x ", x.str(), ", got ",
                          dtype_name(c.in[i].dtype), " ", c.in[i].str());
            }
          }
          c.out = {x};
        },
    .configure =
        [](const NodeInfo& n) {
          const Shape& dims = n.in[0].dims;
          return make_configuration(RotaryConfig{dims[0], n.in[0].size() / (dims[0] * dims.back()),
                                                 dims.back(), n.attributes.flag("inverse", false)});
        },
    .gradient =
        [](GradientContext& g) {
          Attributes attributes{{"inverse", !g.attributes.flag("inverse", false)}};
          return std::vector<TensorId>{g.add("rotary", {g.out_gradients[0], g.in[1], g.in[2]}, attributes),
                                       kNoTensor, kNoTensor};
        },
    .cost = [](const NodeInfo& n) { return Cost{3.0 * static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

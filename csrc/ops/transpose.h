// transpose(x; perm) -> out.dims[i] = x.dims[perm[i]], per-sample dims counted from 0. Per sample, or
// unbatched.
#pragma once

#include <algorithm>

#include "ops/op.h"

namespace fastnn::ops {

constexpr int kMostTransposeDims = 8;

/// Loop nest over the output in C order; dims that stay neighbours are merged.
struct TransposeConfig {
  int32_t rank = 0;
  int64_t dims[kMostTransposeDims];
  int64_t in_strides[kMostTransposeDims];
  int64_t out_strides[kMostTransposeDims];
};

inline const Op transpose{
    .name = "transpose",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype) && x.dtype != DType::i32) {
            throw_type(c.node, ": cannot transpose dtype ", dtype_name(x.dtype),
                       "; expected float32, float64 or int32");
          }
          const Shape perm = c.attributes.integers("perm", {});
          Shape sorted = perm;
          std::sort(sorted.begin(), sorted.end());
          bool valid = perm.size() == x.dims.size() && perm.size() <= kMostTransposeDims;
          for (size_t i = 0; valid && i < sorted.size(); ++i) valid = sorted[i] == static_cast<int64_t>(i);
          if (!valid) {
            throw_value(c.node, ": perm ", shape_text(perm), " is no order of the ", x.dims.size(),
                        " dimensions of ", x.str(), " (batch not counted, from 0)");
          }
          c.out = {x};
          for (size_t i = 0; i < perm.size(); ++i) c.out[0].dims[i] = x.dims[static_cast<size_t>(perm[i])];
        },
    .configure =
        [](const NodeInfo& n) {
          const Shape& dims = n.in[0].dims;
          const Shape perm = n.attributes.integers("perm", {});
          Shape strides(dims.size(), 1);
          for (size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d];
          TransposeConfig c;
          for (int64_t axis : perm) {
            const int64_t extent = dims[static_cast<size_t>(axis)];
            const int64_t stride = strides[static_cast<size_t>(axis)];
            if (extent == 1) continue;
            if (c.rank > 0 && c.in_strides[c.rank - 1] == stride * extent) {
              c.dims[c.rank - 1] *= extent;
              c.in_strides[c.rank - 1] = stride;
              continue;
            }
            c.dims[c.rank] = extent;
            c.in_strides[c.rank++] = stride;
          }
          int64_t stride = 1;
          for (int32_t d = c.rank - 1; d >= 0; --d) {
            c.out_strides[d] = stride;
            stride *= c.dims[d];
          }
          return make_configuration(c);
        },
    .gradient =
        [](GradientContext& g) {
          const Shape perm = g.attributes.integers("perm", {});
          Shape inverse(perm.size());
          for (size_t i = 0; i < perm.size(); ++i)
            inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
          return std::vector<TensorId>{g.add("transpose", {g.out_gradients[0]}, {{"perm", inverse}})};
        },
};

}  // namespace fastnn::ops

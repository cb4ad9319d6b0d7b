// pad(x; before, after, value 0) -> x with `value` before and after each per-sample dim. Negative amounts cut
// off as much: padding and cropping are each other's gradient.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

constexpr int kMostPadDims = 8;

/// Trailing dims that keep their extent are one run.
struct PadConfig {
  int32_t rank = 0;
  int64_t in[kMostPadDims];
  int64_t out[kMostPadDims];
  int64_t before[kMostPadDims];
  int64_t run = 1;
  double value = 0;
};

inline const Op pad{
    .name = "pad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype) && x.dtype != DType::i32) {
            throw_type(c.node, ": cannot pad dtype ", dtype_name(x.dtype),
                       "; expected float32, float64 or int32");
          }
          const Shape before = c.attributes.integers("before", {});
          const Shape after = c.attributes.integers("after", {});
          if (before.size() != x.dims.size() || after.size() != x.dims.size() ||
              x.dims.size() > kMostPadDims) {
            throw_value(c.node, ": padding needs an amount before and after each of the ", x.dims.size(),
                        " dimensions of ", x.str(), " (batch not counted), got ", before.size(), " and ",
                        after.size());
          }
          c.out = {x};
          for (size_t i = 0; i < x.dims.size(); ++i) {
            const int64_t extent = x.dims[i] + before[i] + after[i];
            if (extent < 1 || -before[i] >= x.dims[i] || -after[i] >= x.dims[i]) {
              throw_value(c.node, ": ", before[i] < 0 || after[i] < 0 ? "cropping" : "padding", " dimension ",
                          i, " of ", x.str(), " (batch not counted) by ", before[i], " and ", after[i],
                          " leaves nothing of it");
            }
            c.out[0].dims[i] = extent;
          }
        },
    .configure =
        [](const NodeInfo& n) {
          const Shape before = n.attributes.integers("before", {});
          const Shape after = n.attributes.integers("after", {});
          PadConfig c;
          c.value = n.attributes.real("value", 0.0);
          size_t rank = before.size();
          for (; rank > 0 && before[rank - 1] == 0 && after[rank - 1] == 0; --rank) {
            c.run *= n.in[0].dims[rank - 1];
          }
          c.rank = static_cast<int32_t>(rank);
          for (size_t i = 0; i < rank; ++i) {
            c.in[i] = n.in[0].dims[i];
            c.out[i] = n.out[0].dims[i];
            c.before[i] = before[i];
          }
          return make_configuration(c);
        },
    .gradient =
        [](GradientContext& g) {
          Shape before = g.attributes.integers("before", {});
          Shape after = g.attributes.integers("after", {});
          for (int64_t& amount : before) amount = -amount;
          for (int64_t& amount : after) amount = -amount;
          return std::vector<TensorId>{
              g.add("pad", {g.out_gradients[0]}, {{"before", before}, {"after", after}})};
        },
};

}  // namespace fastnn::ops

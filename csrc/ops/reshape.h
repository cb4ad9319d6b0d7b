// reshape(x) -> the same elements, in C order, under new per-sample dims. Attribute: shape (one -1 is worked
// out). Costs nothing: elements keep their order in both layouts.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op reshape{
    .name = "reshape",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          Shape shape = c.attributes.integers("shape", {});
          int64_t known = 1;
          int64_t* unknown = nullptr;
          for (int64_t& extent : shape) {
            if (extent == -1 && unknown == nullptr) {
              unknown = &extent;
            } else if (extent < 1) {
              throw_value(c.node, ": target shape ", shape_text(shape, true),
                          " needs extents of at least 1 and at most one -1");
            } else {
              known *= extent;
            }
          }
          const int64_t size = c.in[0].size();
          if (unknown != nullptr && size % known == 0) *unknown = size / known;
          if (element_count(shape) != size || (unknown != nullptr && *unknown < 1)) {
            throw_value(c.node, ": cannot reshape ", c.in[0].str(), " (", size, " elements a sample) to ",
                        shape_text(shape, c.in[0].batched));
          }
          c.out = {{c.in[0].dtype, shape, c.in[0].batched}};
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("reshape", {g.out_gradients[0]}, {{"shape", g.graph.type(g.in[0]).dims}})};
        },
    .cost = [](const NodeInfo&) { return Cost{0}; },
    .alias = true,
};

}  // namespace fastnn::ops

// concatenate(x, ...; axis -1) -> the inputs one after the other along a per-sample axis, in which alone
// their shapes may differ. All batched, or none.
#pragma once

#include "ops/axis.h"

namespace fastnn::ops {

struct ConcatenateConfig {
  int64_t outer;  ///< product of the dims before the axis
};

inline const Op concatenate{
    .name = "concatenate",
    .infer =
        [](InferContext& c) {
          if (c.in.empty()) throw_value(c.node, ": concatenate needs at least one input");
          const TensorType& first = c.in[0];
          const auto axis =
              static_cast<size_t>(axis_of(c.node, c.attributes.integer("axis", -1), first.dims.size()));
          if (!is_floating(first.dtype) && first.dtype != DType::i32) {
            throw_type(c.node, ": cannot concatenate dtype ", dtype_name(first.dtype),
                       "; expected float32, float64 or int32");
          }
          c.out = {first};
          c.out[0].dims[axis] = 0;
          for (const TensorType& x : c.in) {
            if (x.dtype != first.dtype) {
              throw_type(c.node, ": inputs must have one dtype, got ", dtype_name(first.dtype), " and ",
                         dtype_name(x.dtype));
            }
            if (x.batched != first.batched) {
              throw_value(c.node, ": inputs must all have a value a sample, or none, got ", first.str(),
                          " and ", x.str());
            }
            bool fits = x.dims.size() == first.dims.size();
            for (size_t i = 0; fits && i < x.dims.size(); ++i) fits = i == axis || x.dims[i] == first.dims[i];
            if (!fits) {
              throw_value(c.node, ": inputs may differ along axis ", axis,
                          " (batch not counted) alone, got shapes ", first.str(), " and ", x.str());
            }
            c.out[0].dims[axis] += x.dims[axis];
          }
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t axis = axis_of("concatenate", n.attributes.integer("axis", -1), n.in[0].dims.size());
          ConcatenateConfig c{1};
          for (int64_t i = 0; i < axis; ++i) c.outer *= n.in[0].dims[static_cast<size_t>(i)];
          return make_configuration(c);
        },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(g.in.size(), kNoTensor);
          const Shape whole = g.graph.type(g.out[0]).dims;
          const auto axis =
              static_cast<size_t>(axis_of(g.node, g.attributes.integer("axis", -1), whole.size()));
          int64_t first = 0;
          for (size_t i = 0; i < g.in.size(); ++i) {
            const int64_t extent = g.graph.type(g.in[i]).dims[axis];
            if (g.wanted[i]) {
              Shape before(whole.size(), 0), after(whole.size(), 0);
              before[axis] = -first;
              after[axis] = first + extent - whole[axis];
              result[i] = g.add("pad", {g.out_gradients[0]}, {{"before", before}, {"after", after}});
            }
            first += extent;
          }
          return result;
        },
};

}  // namespace fastnn::ops

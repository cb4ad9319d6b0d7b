// Ops that look for places along a per-sample axis; places are int32, of equal elements the first counts.
//   arg_extremum(x; axis, kind max or min) -> where the largest or smallest element is, without that axis
//   top_k(x; k) -> (values, places) of the k largest along the last axis, from the largest down
// A NaN is larger and smaller than all.
#pragma once

#include "ops/axis.h"

namespace fastnn::ops {

struct ArgExtremumConfig {
  AxisConfig axis;
  bool smallest;
};

inline const Op arg_extremum{
    .name = "arg_extremum",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const std::string kind = c.attributes.str("kind", "max");
          if (kind != "max" && kind != "min") throw_value(c.node, ": unknown kind '", kind, "'");
          if (!is_floating(c.in[0].dtype) && c.in[0].dtype != DType::i32)
            throw_type(c.node, ": needs numbers, got ", dtype_name(c.in[0].dtype));
          const int64_t axis = axis_of(c.node, c.attributes.integer("axis", -1), c.in[0].dims.size());
          Shape dims = c.in[0].dims;
          dims.erase(dims.begin() + axis);
          c.out = {{DType::i32, dims, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          const Shape& dims = n.in[0].dims;
          const int64_t axis = axis_of("arg_extremum", n.attributes.integer("axis", -1), dims.size());
          return make_configuration(
              ArgExtremumConfig{axis_config(dims, axis), n.attributes.str("kind", "max") == "min"});
        },
    .gradient = [](GradientContext&) { return std::vector<TensorId>{kNoTensor}; },
};

struct TopKConfig {
  int64_t extent;
  int64_t k;
};

inline const Op top_k{
    .name = "top_k",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const int64_t k = c.attributes.integer("k", 1);
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": top_k needs floating point, got ", dtype_name(c.in[0].dtype));
          if (c.in[0].dims.empty() || k < 1 || k > c.in[0].dims.back()) {
            throw_value(c.node, ": k must be from 1 to the last axis's extent, got ", k, " for ",
                        c.in[0].str());
          }
          TensorType values = c.in[0];
          values.dims.back() = k;
          TensorType places = values;
          places.dtype = DType::i32;
          c.out = {values, places};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(TopKConfig{n.in[0].dims.back(), n.out[0].dims.back()});
        },
    .gradient =
        [](GradientContext& g) {
          if (g.out_gradients[0] == kNoTensor) return std::vector<TensorId>{kNoTensor};
          return std::vector<TensorId>{
              g.add("take_along_grad", {g.out_gradients[0], g.out[1]},
                    {{"axis", int64_t{-1}}, {"extent", g.graph.type(g.in[0]).dims.back()}})};
        },
};

}  // namespace fastnn::ops

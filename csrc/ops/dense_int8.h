// dense_int8(x, kernel, kernel_scale, bias?; input_scale, input_zero, activation, alpha, output_scale?,
//            output_zero) -> activation(x . kernel + bias), of bytes and int8 weights: see int8_layer.h
//   x (None, ..., in) uint8, kernel (in, out) bytes of int8, kernel_scale (out,), bias (out,)
//   -> (None, ..., out) float32, or uint8 where output_scale is given
#pragma once

#include "ops/int8_layer.h"

namespace fastnn::ops {

struct DenseInt8Config {
  int64_t positions;  ///< product of the leading per-sample dims: rows of x in a sample
  int64_t in;
  int64_t out;
  Int8Layer layer;
};

inline const Op dense_int8{
    .name = "dense_int8",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          const TensorType &x = c.in[0], &kernel = c.in[1];
          if (x.dims.empty() || kernel.dims.size() != 2 || kernel.batched) {
            throw_value(c.node, ": dense_int8 needs x (None, ..., in) and kernel (in, out), got ", x.str(),
                        " and ", kernel.str());
          }
          if (x.dims.back() != kernel.dims[0]) {
            throw_value(c.node, ": input has ", x.dims.back(), " features, but the kernel was built for ",
                        kernel.dims[0], " (input shape ", x.str(),
                        "). Flatten or reshape the input, or rebuild the layer.");
          }
          Shape out = x.dims;
          out.back() = kernel.dims[1];
          c.out = {{expect_int8_layer(c, kernel.dims[1], kernel.dims[0]), out, x.batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          DenseInt8Config c{};
          c.in = n.in[1].dims[0];
          c.out = n.in[1].dims[1];
          c.positions = n.in[0].size() / c.in;
          c.layer = int8_layer("dense_int8", n.attributes, n.in[3].size() != 0);
          return make_configuration(c);
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{2.0 * static_cast<double>(n.in[0].size()) * static_cast<double>(n.in[1].dims[1])};
        },
};

}  // namespace fastnn::ops

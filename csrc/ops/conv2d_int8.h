// conv2d_int8(x, kernel, kernel_scale, bias?; strides, padding, dilation, input_scale, input_zero,
// activation,
//             alpha, output_scale?, output_zero)
//   -> activation(correlation of x with kernel + bias), of bytes and int8 weights: see int8_layer.h
//   x (None, H, W, Cin) uint8, kernel (kh, kw, Cin, Cout) bytes of int8, kernel_scale (Cout,), bias (Cout,)
//   -> (None, OH, OW, Cout) float32, or uint8 where output_scale is given
// The geometry's attributes are conv2d's, but for groups, of which there is one. Padding is made of
// input_zero.
#pragma once

#include "ops/conv2d.h"
#include "ops/int8_layer.h"

namespace fastnn::ops {

struct Conv2dInt8Config {
  Window2d window;
  int64_t in;
  int64_t out;
  Int8Layer layer;
};

inline const Op conv2d_int8{
    .name = "conv2d_int8",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          const Conv2dConfig config = conv2d_config(c.node, c.in[0], c.in[1].dims, c.attributes);
          if (config.groups != 1) throw_value(c.node, ": conv2d_int8 has one group, got ", config.groups);
          if (c.in[1].batched) {
            throw_value(c.node, ": the kernel is shared by all samples, got ", c.in[1].str());
          }
          const int64_t terms = config.window.taps() * config.in;
          c.out = {{expect_int8_layer(c, config.out, terms),
                    {config.window.out_height, config.window.out_width, config.out},
                    c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          const Conv2dConfig config = conv2d_config("conv2d_int8", n.in[0], n.in[1].dims, n.attributes);
          const Int8Layer layer = int8_layer("conv2d_int8", n.attributes, n.in[3].size() != 0);
          return make_configuration(Conv2dInt8Config{config.window, config.in, config.out, layer});
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{conv2d_config("conv2d_int8", n.in[0], n.in[1].dims, n.attributes).flops()};
        },
};

}  // namespace fastnn::ops

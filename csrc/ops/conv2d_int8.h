// conv2d_int8(x, kernel, kernel_scale, bias?; strides, padding, dilation, input_scale, input_zero,
// activation,
//             alpha, output_scale?, output_zero)
//   -> activation(correlation of x with kernel + bias), of bytes and int8 weights: see int8_layer.h
//   x (None, H, W, Cin) uint8, kernel (kh, kw, Cin, Cout) bytes of int8, kernel_scale (Cout,), bias (Cout,)
//   -> (None, OH, OW, Cout) float32, or uint8 where output_scale is given
// The geometry's attributes are conv2d's, but for groups, of which there is one. Padding is made of
// input_zero. Bytes of activations linear and relu may be pooled as conv2d's output (pool_size ...), in
// windows of two by two side by side: plans make it of two ops.
#pragma once

#include "ops/conv2d.h"
#include "ops/int8_layer.h"

namespace fastnn::ops {

struct Conv2dInt8Config {
  Window2d window;
  int64_t in;
  int64_t out;
  Int8Layer layer;
  bool pools = false;  ///< the output is that of `pool`, whose windows are quarters
  Pool2dConfig pool{};
};

inline Conv2dInt8Config conv2d_int8_config(const std::string& node, const TensorType& x, const Shape& kernel,
                                           const Attributes& attributes, bool has_bias) {
  const Conv2dConfig config =
      conv2d_forward_config(node, {DType::f32, x.dims, x.batched}, kernel, attributes);
  const Int8Layer layer = int8_layer(node, attributes, has_bias);
  const ActivationKind kind = layer.activation.kind;
  const bool ordered = kind == ActivationKind::linear || kind == ActivationKind::relu;
  if (config.pools && !(ordered && layer.to_bytes && is_quarter(config.pool.window))) {
    throw_value(node,
                ": pools bytes of linear or relu layers in windows of (2, 2) side by side; use "
                "conv2d_int8 and max_pool2d_int8");
  }
  return {config.window, config.in, config.out, layer, config.pools, config.pool};
}

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
          const DType made = expect_int8_layer(c, config.out, terms);
          const Conv2dInt8Config whole =
              conv2d_int8_config(c.node, c.in[0], c.in[1].dims, c.attributes, c.in[3].size() != 0);
          const Window2d& w = whole.pools ? whole.pool.window : whole.window;
          c.out = {{made, {w.out_height, w.out_width, config.out}, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              conv2d_int8_config("conv2d_int8", n.in[0], n.in[1].dims, n.attributes, n.in[3].size() != 0));
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{conv2d_config("conv2d_int8", n.in[0], n.in[1].dims, n.attributes).flops()};
        },
};

}  // namespace fastnn::ops

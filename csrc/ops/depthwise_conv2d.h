// depthwise_conv2d(x, kernel, bias?) -> activation(every channel's correlation with a kernel of its own +
// bias)
//   x (None, H, W, C), kernel (kh, kw, C, 1), bias (C,) -> (None, OH, OW, C)
// Attributes: strides, dilation, padding, activation, alpha, as conv2d's.
// depthwise_conv2d_grad_input(dy, kernel; those, input_size [H, W]) -> dx (None, H, W, C)
// depthwise_conv2d_grad_kernel(x, dy; those, kernel_size [kh, kw], bias false) -> (kh, kw, C, 1), summed over
//   samples; with bias=true a second output, (C,), is the bias's gradient.
#pragma once

#include "ops/conv2d.h"

namespace fastnn::ops {

struct DepthwiseConv2dConfig {
  Window2d window;
  int64_t channels;
  ActivationConfig activation;
  bool has_bias;

  double flops() const { return 2.0 * static_cast<double>(window.positions() * window.taps() * channels); }
};

inline DepthwiseConv2dConfig depthwise_conv2d_config(const std::string& node, const TensorType& x,
                                                     const Shape& kernel, const Attributes& attributes) {
  if (x.dims.size() != 3 || kernel.size() != 4 || kernel[3] != 1) {
    throw_value(node,
                ": depthwise_conv2d needs an input (None, height, width, channels) and a kernel (rows, "
                "columns, channels, 1), got ",
                x.str(), " and ", shape_text(kernel));
  }
  if (kernel[2] != x.dims[2]) {
    throw_value(node, ": input has ", x.dims[2], " channels, but the kernel was built for ", kernel[2],
                " (input shape ", x.str(), ", kernel ", shape_text(kernel), ")");
  }
  return {window2d(node, "kernel", attributes, {x.dims[0], x.dims[1]}, {kernel[0], kernel[1]}, {1, 1}),
          x.dims[2], conv2d_activation(node, attributes), false};
}

inline void expect_depthwise_gradient(const std::string& node, const DepthwiseConv2dConfig& config,
                                      const TensorType& dy) {
  const Shape expected{config.window.out_height, config.window.out_width, config.channels};
  if (dy.dims != expected) {
    throw_value(node, ": the output's gradient must have shape ", shape_text(expected, true), ", got ",
                dy.str());
  }
}

inline DepthwiseConv2dConfig depthwise_conv2d_grad_input_config(const std::string& node, const TensorType& dy,
                                                                const TensorType& kernel,
                                                                const Attributes& attributes) {
  const auto size = positive_pair(node, attributes, "input_size", {1, 1});
  const int64_t channels = kernel.dims.size() == 4 ? kernel.dims[2] : 0;
  const DepthwiseConv2dConfig config = depthwise_conv2d_config(
      node, {dy.dtype, {size[0], size[1], channels}, dy.batched}, kernel.dims, attributes);
  expect_depthwise_gradient(node, config, dy);
  return config;
}

inline DepthwiseConv2dConfig depthwise_conv2d_grad_kernel_config(const std::string& node, const TensorType& x,
                                                                 const TensorType& dy,
                                                                 const Attributes& attributes) {
  const auto size = positive_pair(node, attributes, "kernel_size", {1, 1});
  const int64_t channels = x.dims.size() == 3 ? x.dims[2] : 0;
  DepthwiseConv2dConfig config =
      depthwise_conv2d_config(node, x, {size[0], size[1], channels, 1}, attributes);
  expect_depthwise_gradient(node, config, dy);
  config.has_bias = attributes.flag("bias", false);
  return config;
}

inline const Op depthwise_conv2d{
    .name = "depthwise_conv2d",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const auto config = depthwise_conv2d_config(c.node, c.in[0], c.in[1].dims, c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          if (c.in[1].batched || c.in[2].batched) {
            throw_value(c.node, ": kernel and bias are shared by all samples, but got kernel ", c.in[1].str(),
                        " and bias ", c.in[2].str());
          }
          if (!derivative_from_output(config.activation.kind)) {
            throw_value(c.node, ": activation '", c.attributes.str("activation", ""),
                        "' cannot be fused into depthwise_conv2d");
          }
          if (c.in[2].size() != 0 && c.in[2].dims != Shape{config.channels}) {
            throw_value(c.node, ": bias must have shape ", shape_text({config.channels}),
                        ", one value a channel, got ", c.in[2].str());
          }
          c.out = {{c.in[0].dtype,
                    {config.window.out_height, config.window.out_width, config.channels},
                    c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          auto config = depthwise_conv2d_config("depthwise_conv2d", n.in[0], n.in[1].dims, n.attributes);
          config.has_bias = n.in[2].size() != 0;
          return make_configuration(config);
        },
    .gradient =
        [](GradientContext& g) {
          const ActivationConfig activation = conv2d_activation(g.node, g.attributes);
          const TensorId dz = activation_gradient(g, activation, g.out_gradients[0], kNoTensor, g.out[0]);
          const Attributes geometry = conv2d_geometry(g.attributes);
          std::vector<TensorId> result(3, kNoTensor);
          if (g.wanted[0]) {
            const Shape& x = g.graph.type(g.in[0]).dims;
            Attributes attributes = geometry;
            attributes.set("input_size", std::vector<int64_t>{x[0], x[1]});
            result[0] = g.add("depthwise_conv2d_grad_input", {dz, g.in[1]}, attributes);
          }
          if (g.wanted[1]) {
            const Shape& kernel = g.graph.type(g.in[1]).dims;
            Attributes attributes = geometry;
            attributes.set("kernel_size", std::vector<int64_t>{kernel[0], kernel[1]});
            attributes.set("bias", static_cast<bool>(g.wanted[2]));
            const auto made = g.graph.add("depthwise_conv2d_grad_kernel", {g.in[0], dz}, attributes, g.node);
            result[1] = made[0];
            if (g.wanted[2]) result[2] = made[1];
          } else if (g.wanted[2]) {
            result[2] = g.add("bias_grad", {dz});
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{
              depthwise_conv2d_config("depthwise_conv2d", n.in[0], n.in[1].dims, n.attributes).flops()};
        },
};

inline const Op depthwise_conv2d_grad_input{
    .name = "depthwise_conv2d_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const auto config = depthwise_conv2d_grad_input_config(c.node, c.in[0], c.in[1], c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          c.out = {
              {c.in[0].dtype, {config.window.height, config.window.width, config.channels}, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(depthwise_conv2d_grad_input_config("depthwise_conv2d_grad_input", n.in[0],
                                                                       n.in[1], n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          const Attributes geometry = conv2d_geometry(g.attributes);
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) {
            result[0] = g.add("depthwise_conv2d", {g.out_gradients[0], g.in[1], kNoTensor}, geometry);
          }
          if (g.wanted[1]) {
            const Shape& kernel = g.graph.type(g.in[1]).dims;
            Attributes attributes = geometry;
            attributes.set("kernel_size", std::vector<int64_t>{kernel[0], kernel[1]});
            result[1] = g.add("depthwise_conv2d_grad_kernel", {g.out_gradients[0], g.in[0]}, attributes);
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{depthwise_conv2d_grad_input_config("depthwise_conv2d_grad_input", n.in[0], n.in[1],
                                                         n.attributes)
                          .flops()};
        },
};

inline const Op depthwise_conv2d_grad_kernel{
    .name = "depthwise_conv2d_grad_kernel",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const auto config = depthwise_conv2d_grad_kernel_config(c.node, c.in[0], c.in[1], c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          c.out = {{c.in[0].dtype, {config.window.rows, config.window.columns, config.channels, 1}, false}};
          if (config.has_bias) c.out.push_back({c.in[0].dtype, {config.channels}, false});
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(depthwise_conv2d_grad_kernel_config("depthwise_conv2d_grad_kernel",
                                                                        n.in[0], n.in[1], n.attributes));
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{depthwise_conv2d_grad_kernel_config("depthwise_conv2d_grad_kernel", n.in[0], n.in[1],
                                                          n.attributes)
                          .flops()};
        },
};

}  // namespace fastnn::ops

// conv3d(x, kernel, bias?) -> activation(correlation of x with kernel + bias)
//   x (None, D, H, W, Cin), kernel (kd, kh, kw, Cin / groups, Cout), bias (Cout,) -> (None, OD, OH, OW, Cout)
// Attributes: strides, dilation [1, 1, 1] (depth, rows, columns; not both greater than 1), padding, groups,
//   activation, alpha, as conv2d's.
// conv3d_grad_input(dy, kernel; those, input_size [D, H, W]) -> dx (None, D, H, W, Cin)
// conv3d_grad_kernel(x, dy; those, kernel_size [kd, kh, kw], bias false) -> (kd, kh, kw, Cin / groups, Cout),
//   summed over samples; with bias=true a second output, (Cout,), is the bias's gradient.
#pragma once

#include "ops/conv2d.h"

namespace fastnn::ops {

using Triple = std::array<int64_t, 3>;

struct Conv3dConfig {
  Triple image, out, window, stride, dilation, pad;  ///< pad: before the image
  int64_t groups;
  int64_t in_channels;
  int64_t out_channels;
  ActivationConfig activation;
  bool has_bias;

  int64_t positions() const { return out[0] * out[1] * out[2]; }
  int64_t taps() const { return window[0] * window[1] * window[2]; }
  int64_t group_in() const { return in_channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  double flops() const { return 2.0 * static_cast<double>(positions() * taps() * group_in() * out_channels); }
};

/// An attribute of three positive integers, (depth, rows, columns).
inline Triple positive_triple(const std::string& node, const Attributes& attributes,
                              const std::string& name) {
  const std::vector<int64_t> got = attributes.integers(name, {1, 1, 1});
  if (got.size() != 3 || *std::min_element(got.begin(), got.end()) < 1) {
    throw_value(node, ": ", name, " must be three positive integers (depth, rows, columns), got ",
                shape_text(got));
  }
  return {got[0], got[1], got[2]};
}

inline Conv3dConfig conv3d_config(const std::string& node, const TensorType& x, const Shape& kernel,
                                  const Attributes& attributes) {
  if (x.dims.size() != 4 || kernel.size() != 5) {
    throw_value(node,
                ": conv3d needs an input (None, depth, height, width, channels) and a kernel (depth, rows, "
                "columns, channels / groups, filters), got ",
                x.str(), " and ", shape_text(kernel));
  }
  Conv3dConfig c{};
  c.groups = attributes.integer("groups", 1);
  c.in_channels = x.dims[3];
  c.out_channels = kernel[4];
  if (c.groups < 1) throw_value(node, ": groups must be at least 1, got ", c.groups);
  if (c.in_channels % c.groups != 0 || c.out_channels % c.groups != 0) {
    throw_value(node, ": groups=", c.groups, " must divide the ", c.in_channels, " input channels and the ",
                c.out_channels, " filters");
  }
  if (kernel[3] * c.groups != c.in_channels) {
    throw_value(node, ": input has ", c.in_channels, " channels, but the kernel was built for ",
                kernel[3] * c.groups, " (input shape ", x.str(), ", kernel ", shape_text(kernel), ", groups ",
                c.groups, ")");
  }
  c.stride = positive_triple(node, attributes, "strides");
  c.dilation = positive_triple(node, attributes, "dilation");
  if (c.stride != Triple{1, 1, 1} && c.dilation != Triple{1, 1, 1}) {
    throw_value(node, ": strides and dilation cannot both be greater than 1; set one of them to 1");
  }
  const std::string padding = window_padding(node, attributes);
  for (size_t axis = 0; axis < 3; ++axis) {
    c.image[axis] = x.dims[axis];
    c.window[axis] = kernel[axis];
    const WindowAxis slide =
        window_axis(padding, c.image[axis], c.window[axis], c.stride[axis], c.dilation[axis]);
    if (slide.positions < 1) {
      throw_value(node, ": kernel ", shape_text({kernel[0], kernel[1], kernel[2]}),
                  " is larger than its input of ", x.dims[0], " x ", x.dims[1], " x ", x.dims[2],
                  ". Use padding='same', a smaller kernel, or a larger input.");
    }
    c.out[axis] = slide.positions;
    c.pad[axis] = slide.before;
  }
  c.activation = conv2d_activation(node, attributes);
  return c;
}

inline void expect_conv3d_gradient(const std::string& node, const Conv3dConfig& c, const TensorType& dy) {
  const Shape expected{c.out[0], c.out[1], c.out[2], c.out_channels};
  if (dy.dims != expected) {
    throw_value(node, ": the output's gradient must have shape ", shape_text(expected, true), ", got ",
                dy.str());
  }
}

inline Conv3dConfig conv3d_grad_input_config(const std::string& node, const TensorType& dy,
                                             const TensorType& kernel, const Attributes& attributes) {
  const Triple size = positive_triple(node, attributes, "input_size");
  const int64_t in = kernel.dims.size() == 5 ? kernel.dims[3] * attributes.integer("groups", 1) : 0;
  const Conv3dConfig c =
      conv3d_config(node, {dy.dtype, {size[0], size[1], size[2], in}, dy.batched}, kernel.dims, attributes);
  expect_conv3d_gradient(node, c, dy);
  return c;
}

inline Conv3dConfig conv3d_grad_kernel_config(const std::string& node, const TensorType& x,
                                              const TensorType& dy, const Attributes& attributes) {
  const Triple size = positive_triple(node, attributes, "kernel_size");
  const int64_t groups = std::max<int64_t>(attributes.integer("groups", 1), 1);
  const int64_t in = x.dims.empty() ? 0 : x.dims.back() / groups;
  const int64_t out = dy.dims.empty() ? 0 : dy.dims.back();
  Conv3dConfig c = conv3d_config(node, x, {size[0], size[1], size[2], in, out}, attributes);
  expect_conv3d_gradient(node, c, dy);
  c.has_bias = attributes.flag("bias", false);
  return c;
}

inline Attributes with_extents(Attributes attributes, const char* name, const Shape& dims) {
  attributes.set(name, std::vector<int64_t>{dims[0], dims[1], dims[2]});
  return attributes;
}

inline const Op conv3d{
    .name = "conv3d",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const Conv3dConfig config = conv3d_config(c.node, c.in[0], c.in[1].dims, c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          if (c.in[1].batched || c.in[2].batched) {
            throw_value(c.node, ": kernel and bias are shared by all samples, but got kernel ", c.in[1].str(),
                        " and bias ", c.in[2].str());
          }
          if (!derivative_from_output(config.activation.kind)) {
            throw_value(c.node, ": activation '", c.attributes.str("activation", ""),
                        "' cannot be fused into conv3d");
          }
          if (c.in[2].size() != 0 && c.in[2].dims != Shape{config.out_channels}) {
            throw_value(c.node, ": bias must have shape ", shape_text({config.out_channels}),
                        ", one value a filter, got ", c.in[2].str());
          }
          c.out = {{c.in[0].dtype,
                    {config.out[0], config.out[1], config.out[2], config.out_channels},
                    c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          Conv3dConfig config = conv3d_config("conv3d", n.in[0], n.in[1].dims, n.attributes);
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
            const Shape x = g.graph.type(g.in[0]).dims;
            result[0] = g.add("conv3d_grad_input", {dz, g.in[1]}, with_extents(geometry, "input_size", x));
          }
          if (g.wanted[1]) {
            const Shape kernel = g.graph.type(g.in[1]).dims;
            Attributes attributes = with_extents(geometry, "kernel_size", kernel);
            attributes.set("bias", static_cast<bool>(g.wanted[2]));
            const auto made = g.graph.add("conv3d_grad_kernel", {g.in[0], dz}, attributes, g.node);
            result[1] = made[0];
            if (g.wanted[2]) result[2] = made[1];
          } else if (g.wanted[2]) {
            result[2] = g.add("bias_grad", {dz});
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{conv3d_config("conv3d", n.in[0], n.in[1].dims, n.attributes).flops()};
        },
};

inline const Op conv3d_grad_input{
    .name = "conv3d_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const Conv3dConfig config = conv3d_grad_input_config(c.node, c.in[0], c.in[1], c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          c.out = {{c.in[0].dtype,
                    {config.image[0], config.image[1], config.image[2], config.in_channels},
                    c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              conv3d_grad_input_config("conv3d_grad_input", n.in[0], n.in[1], n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          const Attributes geometry = conv2d_geometry(g.attributes);
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("conv3d", {g.out_gradients[0], g.in[1], kNoTensor}, geometry);
          if (g.wanted[1]) {
            const Shape kernel = g.graph.type(g.in[1]).dims;
            result[1] = g.add("conv3d_grad_kernel", {g.out_gradients[0], g.in[0]},
                              with_extents(geometry, "kernel_size", kernel));
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{conv3d_grad_input_config("conv3d_grad_input", n.in[0], n.in[1], n.attributes).flops()};
        },
};

inline const Op conv3d_grad_kernel{
    .name = "conv3d_grad_kernel",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const Conv3dConfig config = conv3d_grad_kernel_config(c.node, c.in[0], c.in[1], c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          c.out = {
              {c.in[0].dtype,
               {config.window[0], config.window[1], config.window[2], config.group_in(), config.out_channels},
               false}};
          if (config.has_bias) c.out.push_back({c.in[0].dtype, {config.out_channels}, false});
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              conv3d_grad_kernel_config("conv3d_grad_kernel", n.in[0], n.in[1], n.attributes));
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{
              conv3d_grad_kernel_config("conv3d_grad_kernel", n.in[0], n.in[1], n.attributes).flops()};
        },
};

}  // namespace fastnn::ops

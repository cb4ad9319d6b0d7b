// conv2d(x, kernel, bias?) -> activation(correlation of x with kernel + bias)
//   x (None, H, W, Cin), kernel (kh, kw, Cin / groups, Cout), bias (Cout,) -> (None, OH, OW, Cout)
// Attributes, with their defaults:
//   strides [1, 1], dilation [1, 1]   rows, columns; not both greater than 1
//   padding "valid"                   or "same" or "causal" (nothing sees what comes after it), as in Keras
//   groups 1                          output channels of a group see the input channels of that group alone
//   activation "linear", alpha        a kind whose derivative follows from its output (see activation.h)
//   pool_size none                    rows, columns of windows: what comes out is their largest values, as of
//     pool_strides, pool_padding,       max_pool2d with these attributes; without a gradient (plans for
//     pool_dilation                     inference make it of two ops)
// conv2d_grad_input(dy, kernel; those, input_size [H, W]) -> dx (None, H, W, Cin)
// conv2d_grad_kernel(x, dy; those, kernel_size [kh, kw], bias false) -> (kh, kw, Cin / groups, Cout), summed
//   over samples; with bias=true a second output, (Cout,), is the bias's gradient.
// All three take compute_dtype, see compute_dtype.h.
//
// 3x3 kernels at strides and dilation of 1 in one group may, in float32 rows, be computed by Winograd's
// F(2x2, 3x3): a choice by channels, image size and instruction set alone. Their error is bounded, to first
// order in the unit roundoff u = 2^-24, by
//   16 (n + 12) u * sum over n of max |a| * sum |b|
// For the output, n counts input channels, a is a channel's 4x4 cells around the 2x2 outputs, b its 9 weights
// (plus u |bias|); for the input's gradient likewise with the output's gradient for a. For the kernel's
// gradient n counts the 2x2 blocks of outputs of all samples, a is the input under a block, b the output's
// gradient there. (The direct form's bound is (n + 1) u * sum |a b| over its n products.) Found over usual,
// nearly constant, alternating and widely spread operands: at most 0.014 of that; and on normal ones 0.57 to
// 0.66 of the direct form's root mean square error, for its sums are nine times as long. A cell that is not
// finite, or whose fourfold is not, reaches all outputs of the 2x2 blocks that see it; an infinity may arrive
// as NaN. Sums of small integers stay exact.
//
// With compute_dtype "bfloat16" operands are rounded after their transforms, v = 2^-8, and the bound is
//   (16 (n + 12) u + 32 v) * the same sum
// (the direct form's: ((n + 1) u + 2 v) * sum |a b|); the root mean square error is 1.4 to 1.7 of the direct
// form's. A choice by channels and image size alone, and results are the same bits on all processors.
#pragma once

#include "ops/activation.h"
#include "ops/compute_dtype.h"
#include "ops/pooling2d.h"
#include "ops/window2d.h"

namespace fastnn::ops {

struct Conv2dConfig {
  Window2d window;
  int64_t groups;
  int64_t in;   ///< input channels, all groups
  int64_t out;  ///< output channels, all groups
  ActivationConfig activation;
  bool has_bias;
  bool pools = false;  ///< the output is that of `pool`
  Pool2dConfig pool{};

  int64_t group_in() const { return in / groups; }
  int64_t group_out() const { return out / groups; }
  double flops() const {
    return 2.0 * static_cast<double>(window.positions() * window.taps() * group_in() * out);
  }
};

inline ActivationConfig conv2d_activation(const std::string& node, const Attributes& attributes) {
  Attributes kind{{"kind", attributes.str("activation", "linear")}};
  if (attributes.has("alpha")) kind.set("alpha", attributes.real("alpha", 1.0));
  return activation_config(node, kind);
}

/// The attributes that conv2d and its gradients share.
inline Attributes conv2d_geometry(const Attributes& attributes) {
  Attributes result;
  for (const char* name : {"strides", "padding", "dilation", "groups", "compute_dtype"}) {
    if (const AttributeValue* value = attributes.find(name)) result.set(name, *value);
  }
  return result;
}

/// Checks x's and the kernel's shapes against each other and the attributes.
inline Conv2dConfig conv2d_config(const std::string& node, const TensorType& x, const Shape& kernel,
                                  const Attributes& attributes) {
  const std::string x_shape = x.str();
  if (x.dims.size() != 3 || kernel.size() != 4) {
    throw_value(
        node,
        ": conv2d needs an input (None, height, width, channels) and a kernel (rows, columns, channels / ",
        "groups, filters), got ", x_shape, " and ", shape_text(kernel),
        x.dims.size() == 2 ? ". Add a channel axis to the input, for example by reshaping it." : "");
  }
  const int64_t groups = attributes.integer("groups", 1);
  if (groups < 1) throw_value(node, ": groups must be at least 1, got ", groups);
  const int64_t in = x.dims[2];
  const int64_t out = kernel[3];
  if (in % groups != 0 || out % groups != 0) {
    throw_value(node, ": groups=", groups, " must divide the ", in, " input channels and the ", out,
                " filters; change groups, or the number of filters (input shape ", x_shape, ")");
  }
  if (kernel[2] * groups != in) {
    throw_value(node, ": input has ", in, " channels, but the kernel was built for ", kernel[2] * groups,
                " (input shape ", x_shape, ", kernel ", shape_text(kernel), ", groups ", groups,
                "). The last dimension must hold the channels; reshape the input, or rebuild the layer.");
  }
  return {window2d(node, "kernel", attributes, {x.dims[0], x.dims[1]}, {kernel[0], kernel[1]}, {1, 1}),
          groups,
          in,
          out,
          conv2d_activation(node, attributes),
          false};
}

/// The attributes of conv2d that stand for those of a max_pool2d behind it.
inline constexpr std::array<std::pair<const char*, const char*>, 4> kConv2dPool{
    {{"pool_size", "pool_size"},
     {"pool_strides", "strides"},
     {"pool_padding", "padding"},
     {"pool_dilation", "dilation"}}};

inline Conv2dConfig conv2d_forward_config(const std::string& node, const TensorType& x, const Shape& kernel,
                                          const Attributes& attributes) {
  Conv2dConfig config = conv2d_config(node, x, kernel, attributes);
  if (!attributes.has("pool_size")) return config;
  Attributes pool;
  for (const auto& [own, name] : kConv2dPool) {
    if (const AttributeValue* value = attributes.find(own)) pool.set(name, *value);
  }
  const Window2d& w = config.window;
  config.pools = true;
  config.pool = pool2d_config(node, {x.dtype, {w.out_height, w.out_width, config.out}, x.batched}, pool);
  return config;
}

/// Those attributes, for a pooling's.
inline Attributes with_pool(Attributes conv2d, const Attributes& pool) {
  conv2d.set("pool_size", pool.integers("pool_size", {2, 2}));
  for (const auto& [own, name] : kConv2dPool) {
    if (const AttributeValue* value = pool.find(name)) conv2d.set(own, *value);
  }
  return conv2d;
}

inline Conv2dConfig conv2d_grad_input_config(const std::string& node, const TensorType& dy,
                                             const TensorType& kernel, const Attributes& attributes) {
  const auto size = positive_pair(node, attributes, "input_size", {1, 1});
  const int64_t in = kernel.dims.size() == 4 ? kernel.dims[2] * attributes.integer("groups", 1) : 0;
  const Conv2dConfig config =
      conv2d_config(node, {dy.dtype, {size[0], size[1], in}, dy.batched}, kernel.dims, attributes);
  const Shape expected{config.window.out_height, config.window.out_width, config.out};
  if (dy.dims != expected) {
    throw_value(node, ": the output's gradient must have shape ", shape_text(expected, true),
                " for input_size ", shape_text({size[0], size[1]}), " and kernel ", kernel.str(), ", got ",
                dy.str());
  }
  return config;
}

inline Conv2dConfig conv2d_grad_kernel_config(const std::string& node, const TensorType& x,
                                              const TensorType& dy, const Attributes& attributes) {
  const auto size = positive_pair(node, attributes, "kernel_size", {1, 1});
  const int64_t groups = std::max<int64_t>(attributes.integer("groups", 1), 1);
  if (x.dims.size() != 3 || dy.dims.size() != 3) {
    throw_value(node,
                ": conv2d_grad_kernel needs x (None, H, W, channels) and dy (None, OH, OW, filters), got ",
                x.str(), " and ", dy.str());
  }
  Conv2dConfig config =
      conv2d_config(node, x, {size[0], size[1], x.dims[2] / groups, dy.dims[2]}, attributes);
  const Shape expected{config.window.out_height, config.window.out_width, config.out};
  if (dy.dims != expected) {
    throw_value(node, ": the output's gradient must have shape ", shape_text(expected, true),
                " for kernel_size ", shape_text({size[0], size[1]}), " and input ", x.str(), ", got ",
                dy.str());
  }
  config.has_bias = attributes.flag("bias", false);
  return config;
}

inline void expect_conv2d_operands(const std::string& node, const TensorType& a, const TensorType& b) {
  if (!is_floating(a.dtype) || a.dtype != b.dtype) {
    throw_type(node, ": conv2d needs input and kernel of one floating-point dtype, got ", dtype_name(a.dtype),
               " and ", dtype_name(b.dtype));
  }
}

inline const Op conv2d{
    .name = "conv2d",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const Conv2dConfig config = conv2d_forward_config(c.node, c.in[0], c.in[1].dims, c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          check_compute_dtype(c);
          if (config.pools && c.attributes.has("compute_dtype")) {
            throw_value(c.node, ": conv2d with pool_size has no compute_dtype; use conv2d and max_pool2d");
          }
          if (c.in[1].batched || c.in[2].batched) {
            throw_value(c.node, ": kernel and bias are shared by all samples, but got kernel ", c.in[1].str(),
                        " and bias ", c.in[2].str());
          }
          if (!derivative_from_output(config.activation.kind)) {
            throw_value(c.node, ": activation '", c.attributes.str("activation", ""),
                        "' cannot be fused into conv2d");
          }
          if (c.in[2].size() != 0 && c.in[2].dims != Shape{config.out}) {
            throw_value(c.node, ": bias must have shape ", shape_text({config.out}),
                        ", one value a filter, got ", c.in[2].str());
          }
          const Window2d& w = config.pools ? config.pool.window : config.window;
          c.out = {{c.in[0].dtype, {w.out_height, w.out_width, config.out}, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          Conv2dConfig config = conv2d_forward_config("conv2d", n.in[0], n.in[1].dims, n.attributes);
          config.has_bias = n.in[2].size() != 0;
          return make_configuration(config);
        },
    .gradient =
        [](GradientContext& g) {
          if (g.attributes.has("pool_size")) {
            throw_value(g.node, ": conv2d with pool_size has no gradient; use conv2d and max_pool2d");
          }
          const ActivationConfig activation = conv2d_activation(g.node, g.attributes);
          const TensorId dz = activation_gradient(g, activation, g.out_gradients[0], kNoTensor, g.out[0]);
          const Attributes geometry = conv2d_geometry(g.attributes);
          std::vector<TensorId> result(3, kNoTensor);
          if (g.wanted[0]) {
            const Shape& x = g.graph.type(g.in[0]).dims;
            Attributes attributes = geometry;
            attributes.set("input_size", std::vector<int64_t>{x[0], x[1]});
            result[0] = g.add("conv2d_grad_input", {dz, g.in[1]}, attributes);
          }
          if (g.wanted[1]) {
            const Shape& kernel = g.graph.type(g.in[1]).dims;
            Attributes attributes = geometry;
            attributes.set("kernel_size", std::vector<int64_t>{kernel[0], kernel[1]});
            attributes.set("bias", static_cast<bool>(g.wanted[2]));
            const std::vector<TensorId> made =
                g.graph.add("conv2d_grad_kernel", {g.in[0], dz}, attributes, g.node);
            result[1] = made[0];
            if (g.wanted[2]) result[2] = made[1];
          } else if (g.wanted[2]) {
            result[2] = g.add("bias_grad", {dz});
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{conv2d_config("conv2d", n.in[0], n.in[1].dims, n.attributes).flops()};
        },
};

inline const Op conv2d_grad_input{
    .name = "conv2d_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const Conv2dConfig config = conv2d_grad_input_config(c.node, c.in[0], c.in[1], c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          check_compute_dtype(c);
          c.out = {{c.in[0].dtype, {config.window.height, config.window.width, config.in}, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              conv2d_grad_input_config("conv2d_grad_input", n.in[0], n.in[1], n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          const Attributes geometry = conv2d_geometry(g.attributes);
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("conv2d", {g.out_gradients[0], g.in[1], kNoTensor}, geometry);
          if (g.wanted[1]) {
            const Shape& kernel = g.graph.type(g.in[1]).dims;
            Attributes attributes = geometry;
            attributes.set("kernel_size", std::vector<int64_t>{kernel[0], kernel[1]});
            result[1] = g.add("conv2d_grad_kernel", {g.out_gradients[0], g.in[0]}, attributes);
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{conv2d_grad_input_config("conv2d_grad_input", n.in[0], n.in[1], n.attributes).flops()};
        },
};

inline const Op conv2d_grad_kernel{
    .name = "conv2d_grad_kernel",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const Conv2dConfig config = conv2d_grad_kernel_config(c.node, c.in[0], c.in[1], c.attributes);
          expect_conv2d_operands(c.node, c.in[0], c.in[1]);
          check_compute_dtype(c);
          c.out = {{c.in[0].dtype,
                    {config.window.rows, config.window.columns, config.group_in(), config.out},
                    false}};
          if (config.has_bias) c.out.push_back({c.in[0].dtype, {config.out}, false});
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              conv2d_grad_kernel_config("conv2d_grad_kernel", n.in[0], n.in[1], n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          const Attributes geometry = conv2d_geometry(g.attributes);
          const TensorId x = g.in[0], dy = g.in[1], of_kernel = g.out_gradients[0];
          const TensorId of_bias = g.out_gradients.size() > 1 ? g.out_gradients[1] : kNoTensor;
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0] && of_kernel != kNoTensor) {
            const Shape dims = g.graph.type(x).dims;
            Attributes attributes = geometry;
            attributes.set("input_size", std::vector<int64_t>{dims[0], dims[1]});
            result[0] = g.add("conv2d_grad_input", {dy, of_kernel}, attributes);
          }
          if (g.wanted[1]) {
            if (of_kernel != kNoTensor) result[1] = g.add("conv2d", {x, of_kernel, kNoTensor}, geometry);
            if (of_bias != kNoTensor) {
              const Shape dims = g.graph.type(dy).dims;
              const TensorId wide = g.add("broadcast_to", {of_bias}, {{"shape", dims}});
              const TensorId every = g.add("broadcast_samples", {wide, dy});
              result[1] = result[1] == kNoTensor ? every : g.add("add", {result[1], every});
            }
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{
              conv2d_grad_kernel_config("conv2d_grad_kernel", n.in[0], n.in[1], n.attributes).flops()};
        },
};

}  // namespace fastnn::ops

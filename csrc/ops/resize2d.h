// resize2d(x; size [OH, OW], interpolation "nearest") -> x (None, H, W, C) as (None, OH, OW, C)
// Pixels are areas: the middle of output pixel i lies at (i + 1/2) * H / OH of the input. "nearest" takes the
// pixel in which that is, "bilinear" weighs the four around it; beyond the outermost middles nothing changes.
// resize2d_grad(dy; input_size [H, W], size, interpolation) -> dx
#pragma once

#include "ops/window2d.h"

namespace fastnn::ops {

/// One axis: output i is (1 - weight) * input[low] + weight * input[high].
struct ResizeSource {
  int64_t low, high;
  double weight;
};

struct Resize2dConfig {
  int64_t height, width, out_height, out_width, channels;
  bool bilinear;

  static ResizeSource source(bool bilinear, int64_t i, int64_t in, int64_t out) {
    if (!bilinear) {
      const int64_t at = (2 * i + 1) * in / (2 * out);
      return {at, at, 0.0};
    }
    const double middle =
        (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    const double at = std::clamp(middle, 0.0, static_cast<double>(in - 1));
    const auto low = static_cast<int64_t>(at);
    return {low, std::min(low + 1, in - 1), at - static_cast<double>(low)};
  }
  ResizeSource row(int64_t i) const { return source(bilinear, i, height, out_height); }
  ResizeSource column(int64_t i) const { return source(bilinear, i, width, out_width); }
};

inline Resize2dConfig resize2d_config(const std::string& node, const TensorType& x,
                                      const Attributes& attributes) {
  if (x.dims.size() != 3) {
    throw_value(node, ": resizing needs an input (None, height, width, channels), got ", x.str());
  }
  if (!is_floating(x.dtype)) throw_type(node, ": resizing needs floating point, got ", dtype_name(x.dtype));
  if (!attributes.has("size")) throw_value(node, ": resizing needs a size (rows, columns)");
  const auto size = positive_pair(node, attributes, "size", {1, 1});
  const std::string how = attributes.str("interpolation", "nearest");
  if (how != "nearest" && how != "bilinear") {
    throw_value(node, ": interpolation must be 'nearest' or 'bilinear', got '", how, "'");
  }
  return {x.dims[0], x.dims[1], size[0], size[1], x.dims[2], how == "bilinear"};
}

inline TensorType resize2d_input(const TensorType& dy, const Attributes& attributes) {
  const auto size = positive_pair("resize2d_grad", attributes, "input_size", {1, 1});
  return {dy.dtype, {size[0], size[1], dy.dims.empty() ? 0 : dy.dims.back()}, dy.batched};
}

inline const Op resize2d{
    .name = "resize2d",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const Resize2dConfig config = resize2d_config(c.node, c.in[0], c.attributes);
          c.out = {{c.in[0].dtype, {config.out_height, config.out_width, config.channels}, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(resize2d_config("resize2d", n.in[0], n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          const Shape& x = g.graph.type(g.in[0]).dims;
          Attributes attributes = g.attributes;
          attributes.set("input_size", std::vector<int64_t>{x[0], x[1]});
          return std::vector<TensorId>{g.add("resize2d_grad", {g.out_gradients[0]}, attributes)};
        },
};

inline const Op resize2d_grad{
    .name = "resize2d_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType x = resize2d_input(c.in[0], c.attributes);
          const Resize2dConfig config = resize2d_config(c.node, x, c.attributes);
          const Shape expected{config.out_height, config.out_width, config.channels};
          if (c.in[0].dims != expected) {
            throw_value(c.node, ": the output's gradient must have shape ", shape_text(expected, true),
                        ", got ", c.in[0].str());
          }
          c.out = {x};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              resize2d_config("resize2d_grad", resize2d_input(n.in[0], n.attributes), n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("resize2d", {g.out_gradients[0]}, g.attributes)};
        },
};

}  // namespace fastnn::ops

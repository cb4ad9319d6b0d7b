// max_pool2d(x) and average_pool2d(x): x (None, H, W, C) -> (None, OH, OW, C), the largest value or the mean
// of each window. Padding is never part of either. NaN in a window makes its result NaN. Attributes, with
// their defaults:
//   pool_size [2, 2], strides pool_size   rows, columns
//   padding "valid"                       or "same", as in Keras
//   global false                          one window over the whole image: pool_size, strides, padding are
//   not read; keepdims false                        the result is then (None, C), or (None, 1, 1, C) with
//   keepdims
// max_pool2d_grad(dy, x, y; those, relu false) -> dx: a window's gradient goes to its first largest value;
// with relu
//   only if that is positive (x is then relu's output, and dx the gradient with respect to relu's input).
//   Plans may have max_pool2d write a second output, uint8 of y's shape: the places of these values among
//   the cells of their windows; max_pool2d_grad then reads that in x's stead.
// average_pool2d_grad(dy; those, input_size [H, W]) -> dx
#pragma once

#include "ops/window2d.h"

namespace fastnn::ops {

struct Pool2dConfig {
  Window2d window;
  int64_t channels;
  bool relu;
  bool places = false;  ///< max pooling writes, and its gradient reads, the largest cells' places in windows
};

inline Window2d pool2d_window(const std::string& node, std::array<int64_t, 2> image,
                              const Attributes& attributes) {
  if (attributes.flag("global", false)) return window2d(node, "window", {}, image, image, {1, 1});
  const auto size = positive_pair(node, attributes, "pool_size", {2, 2});
  return window2d(node, "window", attributes, image, size, size);
}

inline Pool2dConfig pool2d_config(const std::string& node, const TensorType& x,
                                  const Attributes& attributes) {
  if (x.dims.size() != 3) {
    throw_value(node, ": pooling needs an input (None, height, width, channels), got ", x.str(),
                x.dims.size() == 2 ? ". Add a channel axis, for example by reshaping." : "");
  }
  if (!is_floating(x.dtype)) throw_type(node, ": pooling needs floating point, got ", dtype_name(x.dtype));
  return {pool2d_window(node, {x.dims[0], x.dims[1]}, attributes), x.dims[2], attributes.flag("relu", false)};
}

/// Rows and columns of the image, from the first on, that windows see.
inline std::array<int64_t, 2> pool2d_seen(const Window2d& w) {
  return {std::min(w.height, (w.out_height - 1) * w.stride_y - w.pad_top + w.span_y()),
          std::min(w.width, (w.out_width - 1) * w.stride_x - w.pad_left + w.span_x())};
}

/// The window that nearly every network uses: two by two, side by side, none of it padding.
inline bool is_quarter(const Window2d& w) {
  return w.rows == 2 && w.columns == 2 && w.stride_y == 2 && w.stride_x == 2 && w.dilation_y == 1 &&
         w.dilation_x == 1 && w.height >= 2 * w.out_height && w.width >= 2 * w.out_width;
}

inline TensorType pool2d_output(const TensorType& x, const Pool2dConfig& config,
                                const Attributes& attributes) {
  if (attributes.flag("global", false) && !attributes.flag("keepdims", false)) {
    return {x.dtype, {config.channels}, x.batched};
  }
  return {x.dtype, {config.window.out_height, config.window.out_width, config.channels}, x.batched};
}

inline void infer_pool2d(InferContext& c) {
  c.expect_inputs(1, 1);
  c.out = {pool2d_output(c.in[0], pool2d_config(c.node, c.in[0], c.attributes), c.attributes)};
}

inline Configuration configure_pool2d(const NodeInfo& n) {
  return make_configuration(pool2d_config("pooling", n.in[0], n.attributes));
}

inline Cost pool2d_cost(const Pool2dConfig& c) {
  return {static_cast<double>(c.window.positions() * c.window.taps() * c.channels)};
}

inline TensorType average_pool2d_input(const TensorType& dy, const Attributes& attributes) {
  const auto size = positive_pair("average_pool2d_grad", attributes, "input_size", {1, 1});
  return {dy.dtype, {size[0], size[1], dy.dims.empty() ? 0 : dy.dims.back()}, dy.batched};
}

inline void expect_pool2d_gradient(const std::string& node, const TensorType& dy, const TensorType& y) {
  if (!(dy == y)) {
    throw_value(node, ": the output's gradient must be ", dtype_name(y.dtype), " ", y.str(), ", got ",
                dtype_name(dy.dtype), " ", dy.str());
  }
}

inline const Op max_pool2d{
    .name = "max_pool2d",
    .infer = infer_pool2d,
    .configure = configure_pool2d,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("max_pool2d_grad", {g.out_gradients[0], g.in[0], g.out[0]}, g.attributes)};
        },
    .cost = [](const NodeInfo& n) { return pool2d_cost(pool2d_config("max_pool2d", n.in[0], n.attributes)); },
};

inline const Op max_pool2d_grad{
    .name = "max_pool2d_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType y =
              pool2d_output(c.in[1], pool2d_config(c.node, c.in[1], c.attributes), c.attributes);
          expect_pool2d_gradient(c.node, c.in[0], y);
          expect_pool2d_gradient(c.node, c.in[2], y);
          c.out = {c.in[1]};
        },
    .configure =
        [](const NodeInfo& n) { return make_configuration(pool2d_config("pooling", n.in[1], n.attributes)); },
    .cost =
        [](const NodeInfo& n) {
          return pool2d_cost(pool2d_config("max_pool2d_grad", n.in[1], n.attributes));
        },
};

inline const Op average_pool2d{
    .name = "average_pool2d",
    .infer = infer_pool2d,
    .configure = configure_pool2d,
    .gradient =
        [](GradientContext& g) {
          const Shape& x = g.graph.type(g.in[0]).dims;
          Attributes attributes = g.attributes;
          attributes.set("input_size", std::vector<int64_t>{x[0], x[1]});
          return std::vector<TensorId>{g.add("average_pool2d_grad", {g.out_gradients[0]}, attributes)};
        },
    .cost =
        [](const NodeInfo& n) { return pool2d_cost(pool2d_config("average_pool2d", n.in[0], n.attributes)); },
};

inline const Op average_pool2d_grad{
    .name = "average_pool2d_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType x = average_pool2d_input(c.in[0], c.attributes);
          expect_pool2d_gradient(c.node, c.in[0],
                                 pool2d_output(x, pool2d_config(c.node, x, c.attributes), c.attributes));
          c.out = {x};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              pool2d_config("pooling", average_pool2d_input(n.in[0], n.attributes), n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("average_pool2d", {g.out_gradients[0]}, g.attributes)};
        },
    .cost =
        [](const NodeInfo& n) {
          return pool2d_cost(pool2d_config("average_pool2d_grad", average_pool2d_input(n.in[0], n.attributes),
                                           n.attributes));
        },
};

}  // namespace fastnn::ops

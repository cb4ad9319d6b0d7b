// Geometry of a window that slides over an image: strides, dilation, and Keras' padding. Shared by
// convolution and pooling.
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "ops/op.h"

namespace fastnn::ops {

struct Window2d {
  int64_t height, width;          ///< the image
  int64_t out_height, out_width;  ///< positions of the window
  int64_t rows, columns;          ///< the window
  int64_t stride_y, stride_x;
  int64_t dilation_y, dilation_x;
  int64_t pad_top, pad_left;  ///< rows and columns of padding before the image; what follows it is implied

  int64_t positions() const { return out_height * out_width; }
  int64_t taps() const { return rows * columns; }
  /// Extent of the window, its gaps included.
  int64_t span_y() const { return (rows - 1) * dilation_y + 1; }
  int64_t span_x() const { return (columns - 1) * dilation_x + 1; }
};

/// An attribute of two positive integers, (rows, columns).
inline std::array<int64_t, 2> positive_pair(const std::string& node, const Attributes& attributes,
                                            const std::string& name, std::array<int64_t, 2> fallback) {
  const std::vector<int64_t> got = attributes.integers(name, {fallback[0], fallback[1]});
  if (got.size() != 2 || got[0] < 1 || got[1] < 1) {
    throw_value(node, ": ", name, " must be two positive integers (rows, columns), got ", shape_text(got));
  }
  return {got[0], got[1]};
}

/// How a window slides along one axis.
struct WindowAxis {
  int64_t positions;  ///< less than 1: the window is larger than the image
  int64_t before;     ///< padding before the image
};

/// "same": ceil(extent / stride) positions, the padding split evenly, the odd cell behind the image.
/// "causal": as many, all padding before the image.
inline WindowAxis window_axis(const std::string& padding, int64_t extent, int64_t window, int64_t stride,
                              int64_t dilation) {
  const int64_t span = (window - 1) * dilation + 1;
  if (padding == "valid") return {span > extent ? 0 : (extent - span) / stride + 1, 0};
  const int64_t positions = (extent + stride - 1) / stride;
  if (padding == "causal") return {positions, span - 1};
  return {positions, std::max<int64_t>((positions - 1) * stride + span - extent, 0) / 2};
}

inline std::string window_padding(const std::string& node, const Attributes& attributes) {
  std::string padding = attributes.str("padding", "valid");
  if (padding != "valid" && padding != "same" && padding != "causal") {
    throw_value(node, ": padding must be 'causal', 'valid' or 'same', got '", padding, "'");
  }
  return padding;
}

/// Reads `strides`, `padding` and `dilation`.
inline Window2d window2d(const std::string& node, const char* what, const Attributes& attributes,
                         std::array<int64_t, 2> image, std::array<int64_t, 2> window,
                         std::array<int64_t, 2> default_strides) {
  const auto strides = positive_pair(node, attributes, "strides", default_strides);
  const auto dilation = positive_pair(node, attributes, "dilation", {1, 1});
  if ((strides[0] > 1 || strides[1] > 1) && (dilation[0] > 1 || dilation[1] > 1)) {
    throw_value(node, ": strides ", shape_text({strides[0], strides[1]}), " and dilation ",
                shape_text({dilation[0], dilation[1]}),
                " cannot both be greater than 1; set one of them to 1");
  }
  const std::string padding = window_padding(node, attributes);
  std::array<int64_t, 2> out, before;
  for (size_t axis = 0; axis < 2; ++axis) {
    const WindowAxis slide = window_axis(padding, image[axis], window[axis], strides[axis], dilation[axis]);
    if (slide.positions < 1) {
      throw_value(node, ": ", what, " ", shape_text({window[0], window[1]}),
                  dilation[axis] > 1 ? text(" with dilation ", shape_text({dilation[0], dilation[1]})) : "",
                  " is larger than its input of ", image[0], " x ", image[1],
                  ". Use padding='same', a smaller ", what, ", or a larger input.");
    }
    out[axis] = slide.positions;
    before[axis] = slide.before;
  }
  return {image[0],   image[1],   out[0],      out[1],      window[0], window[1],
          strides[0], strides[1], dilation[0], dilation[1], before[0], before[1]};
}

}  // namespace fastnn::ops

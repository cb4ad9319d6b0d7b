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

/// Reads `strides`, `padding` and `dilation`. "same": ceil(extent / stride) positions, the padding split
/// evenly, the odd cell behind the image. "causal": as many, all padding before the image.
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
  const std::string padding = attributes.str("padding", "valid");
  if (padding != "valid" && padding != "same" && padding != "causal") {
    throw_value(node, ": padding must be 'causal', 'valid' or 'same', got '", padding, "'");
  }
  std::array<int64_t, 2> out, before;
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t span = (window[axis] - 1) * dilation[axis] + 1;
    if (padding == "same") {
      out[axis] = (image[axis] + strides[axis] - 1) / strides[axis];
      before[axis] = std::max<int64_t>((out[axis] - 1) * strides[axis] + span - image[axis], 0) / 2;
    } else if (padding == "causal") {
      out[axis] = (image[axis] + strides[axis] - 1) / strides[axis];
      before[axis] = span - 1;
    } else {
      if (span > image[axis]) {
        throw_value(node, ": ", what, " ", shape_text({window[0], window[1]}),
                    dilation[axis] > 1 ? text(" with dilation ", shape_text({dilation[0], dilation[1]})) : "",
                    " is larger than its input of ", image[0], " x ", image[1],
                    ". Use padding='same', a smaller ", what, ", or a larger input.");
      }
      out[axis] = (image[axis] - span) / strides[axis] + 1;
      before[axis] = 0;
    }
  }
  return {image[0],   image[1],   out[0],      out[1],      window[0], window[1],
          strides[0], strides[1], dilation[0], dilation[1], before[0], before[1]};
}

}  // namespace fastnn::ops

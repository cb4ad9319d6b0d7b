// Attributes that name axes.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

/// A valid axis of `rank` dims (negative ones count from the last), as a number from 0; throws otherwise.
inline int64_t axis_of(const std::string& node, int64_t axis, size_t rank) {
  const auto count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) {
    throw_value(node, ": axis ", axis, " is out of range for ", count, " dimensions (batch not counted)");
  }
  return axis < 0 ? axis + count : axis;
}

/// Per sample: [outer][extent][inner], with work along the middle.
struct AxisConfig {
  int64_t outer;
  int64_t extent;
  int64_t inner;
};

inline AxisConfig axis_config(const Shape& dims, int64_t axis) {
  const auto place = static_cast<size_t>(axis);
  AxisConfig config{1, dims[place], 1};
  for (size_t d = 0; d < place; ++d) config.outer *= dims[d];
  for (size_t d = place + 1; d < dims.size(); ++d) config.inner *= dims[d];
  return config;
}

}  // namespace fastnn::ops

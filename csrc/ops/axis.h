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

}  // namespace fastnn::ops

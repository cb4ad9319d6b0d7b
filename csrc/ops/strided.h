// Copies between strided views of one shape: what slices, padding and gathers by constant strides are made
// of.
#pragma once

#include <algorithm>

#include "ops/op.h"

namespace fastnn::ops {

constexpr int kMostStridedDims = 8;

/// Loop nest over the elements in C order, neighbouring dims merged. Strides and offsets count elements.
struct StridedConfig {
  int32_t rank = 0;  ///< 0: a single element
  int64_t dims[kMostStridedDims];
  int64_t from[kMostStridedDims];
  int64_t to[kMostStridedDims];
  int64_t from_offset = 0;
  int64_t to_offset = 0;
  double fill = 0;  ///< for elements of the target that are not written
};

/// Strides of contiguous dims, in elements.
inline Shape contiguous_strides(const Shape& dims) {
  Shape strides(dims.size(), 1);
  for (size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d];
  return strides;
}

inline StridedConfig strided_config(const std::string& node, const Shape& dims, const Shape& from,
                                    const Shape& to) {
  StridedConfig c;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 1) continue;
    const int32_t last = c.rank - 1;
    if (last >= 0 && c.from[last] == from[d] * dims[d] && c.to[last] == to[d] * dims[d]) {
      c.dims[last] *= dims[d];
      c.from[last] = from[d];
      c.to[last] = to[d];
      continue;
    }
    if (c.rank == kMostStridedDims) throw_value(node, ": more than ", kMostStridedDims, " dimensions");
    c.dims[c.rank] = dims[d];
    c.from[c.rank] = from[d];
    c.to[c.rank++] = to[d];
  }
  return c;
}

}  // namespace fastnn::ops

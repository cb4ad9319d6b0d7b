// The loops of reductions whose nest ops/broadcast.h describes: `a` are strides of x, `b` those of the
// result, 0 along dims that are reduced.
#pragma once

#include "cpu/broadcast.h"

namespace fastnn::cpu {

struct ReduceNest {
  int64_t kept = 0, summed = 0;
  int64_t kept_dims[ops::kMostBroadcastDims], kept_strides[ops::kMostBroadcastDims];
  int64_t sum_dims[ops::kMostBroadcastDims], sum_strides[ops::kMostBroadcastDims];
};

/// Parts the first `rank` dims into those that stay and those that are reduced; strides in units of `unit`.
inline ReduceNest split_nest(const ops::BroadcastConfig& c, int32_t rank, int64_t unit) {
  ReduceNest nest;
  for (int32_t d = 0; d < rank; ++d) {
    if (c.b[d] != 0) {
      nest.kept_dims[nest.kept] = c.dims[d];
      nest.kept_strides[nest.kept++] = c.a[d] * unit;
    } else {
      nest.sum_dims[nest.summed] = c.dims[d];
      nest.sum_strides[nest.summed++] = c.a[d] * unit;
    }
  }
  return nest;
}

/// Calls body(offset) for every combination of dims, in C order; backwards with `Reverse`.
template <bool Reverse = false, class Body>
void for_offsets(int64_t rank, const int64_t* dims, const int64_t* strides, Body body) {
  int64_t index[ops::kMostBroadcastDims] = {};
  int64_t offset = 0;
  for (int64_t d = 0; Reverse && d < rank; ++d) offset += (dims[d] - 1) * strides[d];
  while (true) {
    body(offset);
    int64_t d = rank - 1;
    for (; d >= 0; --d) {
      const int64_t step = Reverse ? -strides[d] : strides[d];
      offset += step;
      if (++index[d] < dims[d]) break;
      offset -= step * dims[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace fastnn::cpu

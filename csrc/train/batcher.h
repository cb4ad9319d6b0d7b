// The batcher: takes rows out of the caller's arrays, converts, augments and lays them out. Inside a run the
// executor does that tile by tile (see core/kernel.h, GatherCall); here are its checks, and the same for
// whole arrays.
#pragma once

#include "core/augment.h"
#include "graph/executor.h"

namespace fastnn {

/// Throws Error(value) that names the first setting out of its range.
FASTNN_API void check_augment(const AugmentConfig& config);

/// What to gather from a source.
struct GatherRequest {
  const int64_t* rows = nullptr;  ///< row numbers; null: 0, 1, ...
  int64_t count = 0;
  int64_t size = 1;          ///< elements of a row
  DType dtype = DType::f32;  ///< wanted type
  int32_t lanes = 1;         ///< wanted layout: 1, or lanes of a floating-point type
  uint64_t seed = 0;         ///< with the epoch and the row's number it keys random changes
  uint64_t epoch = 0;
};

/// Gathers all rows at once, on as many threads as are worth it; the result does not depend on their number.
/// out: ceil(count / lanes) * lanes * size elements.
FASTNN_API void gather_all(const BatchSource& source, const GatherRequest& request, std::byte* out);

}  // namespace fastnn

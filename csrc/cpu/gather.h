// The batcher's inner part: rows of the caller's data, converted, into a tile in the plan's layout.
//
// Conversions are C's, except that they are defined for every value: integers that do not fit saturate (so
// that a label of 2^32 + 3 never becomes 3), NaN becomes the smallest integer, and any byte of a bool but 0
// is true.
#pragma once

#include "core/kernel.h"

namespace fastnn::cpu {

void gather(const GatherCall& call);

/// Converts that many elements, at any address, into an array of the target type.
using ConvertFn = void (*)(const std::byte* source, int64_t count, void* out);
ConvertFn conversion(DType to, DType from);

}  // namespace fastnn::cpu

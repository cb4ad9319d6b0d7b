// Arrays of random numbers for initializers. Element i is a pure function of the seed and i, so that the
// threads that share the work do not show; float32 arrays are the rounded float64 ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/export.h"
#include "core/types.h"

namespace fastnn {

enum class Distribution : uint8_t {
  uniform,           ///< on [a, b)
  normal,            ///< mean a, standard deviation b
  truncated_normal,  ///< the same, drawn again where it is more than 2 b from a
};

/// Fills a float32 or float64 array.
FASTNN_API void random_fill(std::byte* out, DType dtype, int64_t count, Distribution distribution, double a,
                            double b, uint64_t seed);

/// Fills a float32 or float64 matrix with orthonormal columns (rows if there are fewer of them), times gain,
/// spread evenly over all such matrices: the Q of a random normal matrix's QR decomposition whose R has a
/// positive diagonal.
FASTNN_API void orthogonal_fill(std::byte* out, DType dtype, int64_t rows, int64_t columns, double gain,
                                uint64_t seed);

}  // namespace fastnn

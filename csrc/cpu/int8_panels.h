// How the outputs of a product of bytes are cut into panels of vectors.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/simd.h"

namespace fastnn::cpu {

constexpr int kInt8Lanes = vector_lanes<std::int32_t>;
constexpr int kInt8MostVectors = vector_registers == 32 ? 4 : 2;

/// Panels of nearly equal numbers of vectors, the wider ones first.
struct Int8Panels {
  std::int64_t vectors, count;
  explicit Int8Panels(std::int64_t n)
      : vectors((n + kInt8Lanes - 1) / kInt8Lanes),
        count((vectors + kInt8MostVectors - 1) / kInt8MostVectors) {}
  /// First vector of a panel.
  std::int64_t begin(std::int64_t panel) const {
    return panel * (vectors / count) + (panel < vectors % count ? panel : vectors % count);
  }
};

}  // namespace fastnn::cpu

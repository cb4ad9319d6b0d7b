// Windows over images, and the largest value of each: max_pool2d, and conv2d that pools. All channels of a
// position, and in the batch-lane layout all samples of the group, lie one after the other and are treated
// alike.
#pragma once

#include <algorithm>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/parts.h"
#include "ops/pooling2d.h"

namespace fastnn::cpu {

/// The cells of one window that lie in the image.
struct Cells {
  int64_t y, y_end, step_y;
  int64_t x, x_end, step_x;

  int64_t count() const { return ((y_end - y + step_y - 1) / step_y) * ((x_end - x + step_x - 1) / step_x); }
};

// First cell and one past the last of a window's axis.
inline void clip(int64_t start, int64_t span, int64_t step, int64_t extent, int64_t& first, int64_t& end) {
  first = start < 0 ? start + (-start + step - 1) / step * step : start;
  end = std::min(start + span, extent);
}

inline Cells cells_of(const ops::Window2d& w, int64_t oy, int64_t ox) {
  Cells cells;
  cells.step_y = w.dilation_y;
  cells.step_x = w.dilation_x;
  clip(oy * w.stride_y - w.pad_top, w.span_y(), w.dilation_y, w.height, cells.y, cells.y_end);
  clip(ox * w.stride_x - w.pad_left, w.span_x(), w.dilation_x, w.width, cells.x, cells.x_end);
  return cells;
}

// Calls body.template operator()<full>(first, width) for each vector of a run of n elements.
template <int L, class Body>
FASTNN_INLINE void for_vectors(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + L <= n; i += L) body.template operator()<true>(i, L);
  if (i < n) body.template operator()<false>(i, n - i);
}

// The larger one; NaN if either is: max gives its second operand then, so one of the two orders gives the
// NaN, and the bits of a NaN with others' are a NaN.
template <class V>
FASTNN_INLINE V larger(V a, V b) {
  return bit_cast<V>(to_bits(max(a, b)) | to_bits(max(b, a)));
}

/// Calls body(cells, position) for every window.
template <class Body>
FASTNN_INLINE void for_windows(const ops::Window2d& w, Body body) {
  for (int64_t oy = 0; oy < w.out_height; ++oy) {
    for (int64_t ox = 0; ox < w.out_width; ++ox) body(cells_of(w, oy, ox), oy * w.out_width + ox);
  }
}

using ops::is_quarter;

/// For such windows: calls body(offset of the first cell, position) for every one.
template <class Body>
FASTNN_INLINE void for_quarters(const ops::Window2d& w, int64_t n, Body body) {
  for (int64_t oy = 0; oy < w.out_height; ++oy) {
    int64_t first = 2 * oy * w.width * n;
    for (int64_t ox = 0; ox < w.out_width; ++ox, first += 2 * n) body(first, oy * w.out_width + ox);
  }
}

/// One row of windows: out[position] = the largest value of each. n: elements of a position; row_at(y): where
/// row y of the image lies.
template <class T, class RowAt>
FASTNN_INLINE void max_pool_row(const ops::Window2d& w, int64_t oy, RowAt row_at, T* out, int64_t n) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  if (is_quarter(w)) {
    const T* upper = row_at(2 * oy);
    const T* lower = row_at(2 * oy + 1);
    for (int64_t ox = 0; ox < w.out_width; ++ox, upper += 2 * n, lower += 2 * n, out += n) {
      for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
        const V a = larger(get<Full, V>(upper + i, width), get<Full, V>(upper + n + i, width));
        const V b = larger(get<Full, V>(lower + i, width), get<Full, V>(lower + n + i, width));
        put<Full>(out + i, larger(a, b), width);
      });
    }
    return;
  }
  for (int64_t ox = 0; ox < w.out_width; ++ox, out += n) {
    const Cells cells = cells_of(w, oy, ox);
    for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
      V best = broadcast<V>(-std::numeric_limits<T>::infinity());
      for (int64_t cy = cells.y; cy < cells.y_end; cy += cells.step_y) {
        const T* row = row_at(cy);
        for (int64_t cx = cells.x; cx < cells.x_end; cx += cells.step_x) {
          best = larger(best, get<Full, V>(row + cx * n + i, width));
        }
      }
      put<Full>(out + i, best, width);
    });
  }
}

template <class T>
void max_pool_image(const ops::Window2d& w, const T* x, T* y, int64_t n) {
  for (int64_t oy = 0; oy < w.out_height; ++oy) {
    max_pool_row(w, oy, [&](int64_t cy) { return x + cy * w.width * n; }, y + oy * w.out_width * n, n);
  }
}

}  // namespace fastnn::cpu

// What turns scores along the last axis into probabilities: the softmax's maximum and sum, or a plain sum.
#pragma once

#include <limits>

#include "cpu/last_axis.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

/// Largest logit of a position and the sum of exp(logit - largest). A NaN among them makes the sum NaN.
template <class T, int L>
struct Normaliser {
  using Axis = LastAxis<T, L>;
  using Block = typename Axis::Block;
  using Value = typename Axis::Value;
  Value largest;
  Value sum;

  Normaliser(const T* logits, int64_t classes) {
    constexpr T lowest = -std::numeric_limits<T>::infinity();
    Block top = broadcast<Block>(lowest);
    Axis::each(classes, [&](int64_t at, int valid) {
      top = max(top, Axis::fill_rest(Axis::get(logits + at, valid), valid, lowest));
    });
    largest = Axis::largest(top);
    LongSum<Block> total;
    Axis::each(classes, [&](int64_t at, int valid) {
      total.add(Axis::fill_rest(exp(Axis::get(logits + at, valid) - Axis::spread(largest)), valid, T(0)));
    });
    sum = Axis::sum(total.value());
  }
};

/// Sum of a position's elements.
template <class T, int L>
FASTNN_INLINE typename LastAxis<T, L>::Value axis_sum(const T* x, int64_t extent) {
  using Axis = LastAxis<T, L>;
  LongSum<typename Axis::Block> total;
  Axis::each(extent, [&](int64_t c, int valid) { total.add(Axis::get(x + c, valid)); });
  return Axis::sum(total.value());
}

}  // namespace fastnn::cpu

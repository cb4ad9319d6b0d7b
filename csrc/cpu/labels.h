// Labels as kernels of losses and metrics use them.
#pragma once

#include "core/kernel.h"
#include "cpu/simd.h"

namespace fastnn::cpu {

/// True if a class id lies in [0, classes). If not, reports it, unless the lane only repeats the last sample.
inline bool check_class(const KernelCall& call, int64_t id, int64_t classes, int64_t sample) {
  if (id >= 0 && id < classes) return true;
  if (sample < call.count) {
    call.status->report(Status::id_out_of_range, call.node, call.first + sample, static_cast<double>(id),
                        classes);
  }
  return false;
}

/// A label of one of `classes` classes, moved by `smoothing` towards the uniform distribution.
template <class V>
FASTNN_INLINE V smooth_label(V label, double smoothing, int64_t classes) {
  using T = Elem<V>;
  const T s = static_cast<T>(smoothing);
  if (s == T(0)) return label;
  return label * broadcast<V>(T(1) - s) + broadcast<V>(s / static_cast<T>(classes));
}

/// Index of the largest of `extent` elements that lie `stride` apart; the first of equals. A NaN is larger
/// than all.
template <class T>
inline int64_t argmax(const T* x, int64_t extent, int64_t stride) {
  int64_t best = 0;
  for (int64_t c = 1; c < extent; ++c) {
    const T value = x[c * stride];
    const T top = x[best * stride];
    if (value > top || (value != value && top == top)) best = c;
  }
  return best;
}

/// Class that labels name at one position and lane: ids, or `classes` targets of type T; with one, it is the
/// class.
template <class T, int L>
inline int64_t class_at(const View& labels, int64_t classes, int64_t at, int lane) {
  if (labels.dtype == DType::i32) return labels.as<int32_t>()[at * L + lane];
  const T* targets = labels.as<T>() + at * classes * L + lane;
  if (classes > 1) return argmax(targets, classes, L);
  const T id = *targets;
  return id >= T(-1e9) && id <= T(1e9) ? static_cast<int64_t>(id < T(0) ? id - T(0.5) : id + T(0.5)) : -1;
}

}  // namespace fastnn::cpu

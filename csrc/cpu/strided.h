// Runs the copies of ops/strided.h, for any dtype and layout.
#pragma once

#include <cstring>

#include "cpu/kernels.h"
#include "ops/strided.h"

namespace fastnn::cpu {

/// Copies one sample group; L elements lie beside each other for every element of the nest.
template <class T, int L>
void strided_copy(const ops::StridedConfig& c, const T* from, T* to) {
  from += c.from_offset * L;
  to += c.to_offset * L;
  const int32_t last = c.rank - 1;
  const int64_t count = c.rank > 0 ? c.dims[last] : 1;
  const int64_t step_from = c.rank > 0 ? c.from[last] * L : 0, step_to = c.rank > 0 ? c.to[last] * L : 0;
  const bool run = count == 1 || (step_from == L && step_to == L);
  int64_t index[ops::kMostStridedDims] = {};
  while (true) {
    if (run) {
      std::memcpy(to, from, static_cast<size_t>(count * L) * sizeof(T));
    } else {
      for (int64_t i = 0; i < count; ++i) {
        std::memcpy(to + i * step_to, from + i * step_from, static_cast<size_t>(L) * sizeof(T));
      }
    }
    int32_t d = last - 1;
    for (; d >= 0; --d) {
      from += c.from[d] * L;
      to += c.to[d] * L;
      if (++index[d] < c.dims[d]) break;
      from -= c.from[d] * c.dims[d] * L;
      to -= c.to[d] * c.dims[d] * L;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

/// Kernels of ops that only move elements, from `template <class T, int L> struct K { static void
/// groups(const KernelCall&, int64_t groups); }`: T is float, double or uint8_t, by the size of an element.
template <template <class, int> class K, class T, int L, bool Whole>
void move_elements(const KernelCall& call) {
  const int64_t groups = Whole ? 1 : call.groups(L);
  switch (dtype_size(call.out[0].dtype)) {
    case 1:
      return K<uint8_t, L>::groups(call, groups);
    case 4:
      return K<float, L>::groups(call, groups);
    default:
      return K<double, L>::groups(call, groups);
  }
}
template <template <class, int> class K, class T>
constexpr KernelSet moving_kernels() {
  return {.rows = move_elements<K, T, 1, false>,
          .lanes = move_elements<K, T, vector_lanes<T>, false>,
          .whole = move_elements<K, T, 1, true>};
}

}  // namespace fastnn::cpu

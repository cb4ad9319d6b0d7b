// Shared by kernel files: short names, and the usual ways to fill in a Kernel.
//
// A kernel is a template <class T, int L> over element type and lanes; Vec<T, 1> is T itself, so that the
// same source is the plain reference (L == 1, rows) and the batch-lane kernel (L == vector_lanes<T>).
#pragma once

#include <utility>

#include "core/kernel.h"
#include "cpu/simd.h"

namespace fastnn::cpu {

/// Kernel of a per-sample op from a function template `template <class T, int L> void run(const KernelCall&)`
/// wrapped in a struct with a static member `run`.
template <template <class, int> class K>
constexpr KernelSet tile_kernels_f32() {
  return {.rows = K<float, 1>::run, .lanes = K<float, vector_lanes<float>>::run};
}
template <template <class, int> class K>
constexpr KernelSet tile_kernels_f64() {
  return {.rows = K<double, 1>::run, .lanes = K<double, vector_lanes<double>>::run};
}

/// A rows kernel as the whole kernel of unbatched operands: they are one sample.
template <KernelFn Rows>
void one_sample(const KernelCall& call) {
  KernelCall one = call;
  one.first = 0;
  one.count = 1;
  Rows(one);
}

/// body(std::integral_constant<int, 0>{}), ..., body(std::integral_constant<int, N - 1>{}): a loop that is
/// unrolled whatever its body, so that arrays indexed by it can stay in registers.
template <int N, class Body>
FASTNN_INLINE void unroll(Body body) {
  [&]<int... I>(std::integer_sequence<int, I...>) {
    (body(std::integral_constant<int, I>{}), ...);
  }(std::make_integer_sequence<int, N>{});
}

/// Elements of one tile's block in layout L: groups * size * L.
template <int L>
inline int64_t tile_elements(const KernelCall& call, const View& view) {
  return call.groups(L) * view.size * L;
}

}  // namespace fastnn::cpu

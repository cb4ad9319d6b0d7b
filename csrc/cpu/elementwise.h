// Elementwise loops over contiguous elements, and the kernel sets of ops whose kernel is such a loop: the
// layout does not matter to them, so one loop serves rows, lanes and unbatched operands.
#pragma once

#include "cpu/kernels.h"

namespace fastnn::cpu {

/// out[i] = f(a[i]) for whole vectors and the rest.
template <class T, class F>
FASTNN_INLINE void map_elements(const T* a, T* out, int64_t count, F f) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  int64_t i = 0;
  for (; i + L <= count; i += L) store(out + i, f(load<V>(a + i)));
  if (i < count) store_partial<V>(out + i, f(load_partial<V>(a + i, count - i)), count - i);
}

/// out[i] = f(a[i], b[i])
template <class T, class F>
FASTNN_INLINE void map_elements(const T* a, const T* b, T* out, int64_t count, F f) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  int64_t i = 0;
  for (; i + L <= count; i += L) store(out + i, f(load<V>(a + i), load<V>(b + i)));
  if (i < count) {
    const int64_t rest = count - i;
    store_partial<V>(out + i, f(load_partial<V>(a + i, rest), load_partial<V>(b + i, rest)), rest);
  }
}

/// Kernels from `template <class T> struct K { static void run(const KernelCall&, int64_t elements); }`.
template <template <class> class K, class T>
struct ElementwiseKernels {
  static void rows(const KernelCall& call) { K<T>::run(call, tile_elements<1>(call, call.out[0])); }
  static void lanes(const KernelCall& call) {
    K<T>::run(call, tile_elements<vector_lanes<T>>(call, call.out[0]));
  }
  static void whole(const KernelCall& call) { K<T>::run(call, call.out[0].size); }
};

template <template <class> class K, class T>
constexpr KernelSet elementwise_kernels() {
  using Set = ElementwiseKernels<K, T>;
  return {.rows = Set::rows, .lanes = Set::lanes, .whole = Set::whole};
}

}  // namespace fastnn::cpu

// Products in bfloat16 by kernels for float32: the operands are copied to scratch, rounded on the way.
#pragma once

#include <algorithm>

#include "core/memory.h"
#include "cpu/kernels.h"
#include "cpu/simd_bfloat16.h"

namespace fastnn::cpu {

/// Elements of a tile's block, for an operand's view.
inline int64_t rounded_elements(const View& view, int64_t samples) {
  const int64_t lanes = view.lanes;
  return view.batched ? (samples + lanes - 1) / lanes * lanes * view.size : view.size;
}

/// A tile kernel of operands that are rounded first: the first two, the rest stays as it is.
template <KernelFn Run>
void rounded(const KernelCall& call) {
  constexpr int kMost = 8;
  using V = Vec<float, vector_lanes<float>>;
  constexpr int64_t L = vector_lanes<float>;
  const DenormalsOff scope;
  View in[kMost];
  std::copy_n(call.in, call.in_count, in);
  KernelCall inner = call;
  inner.in = in;
  for (int i = 0; i < 2; ++i) {
    const int64_t count = rounded_elements(in[i], call.count);
    const float* from = in[i].as<float>();
    float* to = reinterpret_cast<float*>(inner.scratch);
    int64_t j = 0;
    for (; j + L <= count; j += L) store(to + j, round_bfloat16(load<V>(from + j)));
    if (j < count) store_partial(to + j, round_bfloat16(load_partial<V>(from + j, count - j)), count - j);
    in[i].data = to;
    inner.scratch += align_up(count * static_cast<int64_t>(sizeof(float)));
  }
  Run(inner);
}

/// Scratch for those copies; the kernel's own comes on top.
inline int64_t rounded_scratch(const KernelQuery& query) {
  int64_t bytes = 0;
  for (int i = 0; i < 2; ++i) {
    bytes += align_up(rounded_elements(query.in[i], query.samples) * static_cast<int64_t>(sizeof(float)));
  }
  return bytes;
}

}  // namespace fastnn::cpu

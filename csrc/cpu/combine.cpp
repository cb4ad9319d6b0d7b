#include "cpu/combine.h"

#include "cpu/simd.h"

namespace fastnn::cpu {

namespace {

template <class T>
void combine_elements(const CombineCall& call) {
  T* out = static_cast<T*>(call.out);
  const auto shard = [&](int64_t s) {
    return reinterpret_cast<const T*>(call.accumulators + s * call.shard_stride);
  };
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  if (call.lanes == 1) {
    int64_t i = call.begin;
    for (; i + L <= call.end; i += L) {
      V sum = load<V>(shard(0) + i);
      for (int64_t s = 1; s < call.shards; ++s) sum += load<V>(shard(s) + i);
      store(out + i, sum);
    }
    for (; i < call.end; ++i) {
      T sum = shard(0)[i];
      for (int64_t s = 1; s < call.shards; ++s) sum += shard(s)[i];
      out[i] = sum;
    }
    return;
  }
  for (int64_t i = call.begin; i < call.end; ++i) {
    V sum = load<V>(shard(0) + i * L);
    for (int64_t s = 1; s < call.shards; ++s) sum += load<V>(shard(s) + i * L);
    out[i] = hsum(sum);
  }
}

}  // namespace

void combine(const CombineCall& call) {
  if (call.dtype == DType::f64) {
    combine_elements<double>(call);
  } else {
    combine_elements<float>(call);
  }
}

}  // namespace fastnn::cpu

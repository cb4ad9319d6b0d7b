// Sums run in blocks whose totals are added, so that rounding errors do not grow with the number of terms.
#include "ops/sum_to.h"

#include <algorithm>
#include <cstring>

#include "cpu/reduce_nest.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

using Config = ops::BroadcastConfig;
using Nest = ReduceNest;

constexpr int64_t kUnit = 256;  // elements of a result without samples that are one unit of work

// Sum of leaf(p) over the summed dims, the last `levels` of which are still open.
template <class V, class T, class Leaf>
V nested_sum(const Nest& nest, int64_t level, const T* p, Leaf leaf) {
  if (level == nest.summed) return leaf(p);
  const int64_t stride = nest.sum_strides[level];
  return block_sum<V>(nest.sum_dims[level],
                      [&](int64_t i) { return nested_sum<V>(nest, level + 1, p + i * stride, leaf); });
}

constexpr int64_t kWide = 1024;  // columns whose sums go on at once

// Sums of columns as block_sum makes them, but row after row, so that memory is read as it lies.
template <class T>
void sum_rows(const T* x, int64_t stride, int64_t rows, int64_t width, T* out) {
  using V = Vec<T, vector_lanes<T>>;
  alignas(64) T even[kWide], odd[kWide];
  const auto clear = [&] {
    std::memset(even, 0, static_cast<size_t>(width) * sizeof(T));
    std::memset(odd, 0, static_cast<size_t>(width) * sizeof(T));
  };
  const auto plus = [](V a, V b) { return a + b; };
  std::memset(out, 0, static_cast<size_t>(width) * sizeof(T));
  int64_t i = 0;
  for (; i + kSumBlock <= rows; i += kSumBlock) {
    clear();
    for (int64_t k = 0; k < kSumBlock; k += 4) {
      const T* row = x + (i + k) * stride;
      int64_t j = 0;
      for (; j + lanes<V> <= width; j += lanes<V>) {
        store(even + j, load<V>(even + j) + load<V>(row + j) + load<V>(row + 2 * stride + j));
        store(odd + j, load<V>(odd + j) + load<V>(row + stride + j) + load<V>(row + 3 * stride + j));
      }
      for (; j < width; ++j) {
        even[j] = even[j] + row[j] + row[2 * stride + j];
        odd[j] = odd[j] + row[stride + j] + row[3 * stride + j];
      }
    }
    map_elements(even, odd, even, width, plus);
    map_elements(out, even, out, width, plus);
  }
  clear();
  for (; i < rows; ++i) map_elements(even, x + i * stride, even, width, plus);
  map_elements(out, even, out, width, plus);
}

template <class Body>
void for_kept(const Nest& nest, Body body) {
  for_offsets(nest.kept, nest.kept_dims, nest.kept_strides, body);
}

template <class T, int L>
struct SumTo {
  // Elements [begin, end) of the result, without regard to lanes.
  static void sample_group(const Config& c, const T* x, T* out, int64_t begin, int64_t end) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    int64_t at = 0;
    const bool inner_kept = c.rank > 0 && c.b[c.rank - 1] != 0;
    if (inner_kept) {
      // The last dim and its lanes are one contiguous run: vectors along it.
      const Nest nest = split_nest(c, c.rank - 1, L);
      const int64_t run = c.dims[c.rank - 1] * L;
      for_kept(nest, [&](int64_t offset) {
        columns(nest, x + offset, out + at, std::max<int64_t>(0, begin - at), std::min(run, end - at));
        at += run;
      });
    } else if (L == 1 && c.rank > 0) {
      const Nest nest = split_nest(c, c.rank - 1, 1);
      const int64_t count = c.dims[c.rank - 1];
      for_kept(nest, [&](int64_t offset) {
        const int64_t here = at++;
        if (here < begin || here >= end) return;
        const V sum =
            nested_sum<V>(nest, 0, x + offset, [count](const T* p) { return run_sum<T>(p, count); });
        out[here] = hsum(sum);
      });
    } else {
      const Nest nest = split_nest(c, c.rank, L);
      for_kept(nest, [&](int64_t offset) {
        const int64_t here = at;
        at += L;
        if (here < begin || here >= end) return;
        store(out + here,
              nested_sum<Vec<T, L>>(nest, 0, x + offset, [](const T* p) { return load<Vec<T, L>>(p); }));
      });
    }
  }

  // Columns [j, end) of a contiguous run: vectors along it.
  static void columns(const Nest& nest, const T* x, T* out, int64_t j, int64_t end) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    if (nest.summed == 1 && nest.sum_dims[0] >= 8) {
      for (; end - j >= 4 * W; j += std::min(kWide, end - j))
        sum_rows(x + j, nest.sum_strides[0], nest.sum_dims[0], std::min(kWide, end - j), out + j);
    }
    for (; j + W <= end; j += W)
      store(out + j, nested_sum<V>(nest, 0, x + j, [](const T* p) { return load<V>(p); }));
    if (j < end) {
      const int64_t rest = end - j;
      const auto leaf = [rest](const T* p) { return load_partial<V>(p, rest); };
      store_partial<V>(out + j, nested_sum<V>(nest, 0, x + j, leaf), rest);
    }
  }

  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t size = call.in[0].size * L, of_out = call.out[0].size * L;
    for (int64_t g = 0; g < call.groups(L); ++g)
      sample_group(c, call.in[0].as<T>() + g * size, call.out[0].as<T>() + g * of_out, 0, of_out);
  }
  static void whole(const KernelCall& call) {
    sample_group(call.configuration<Config>(), call.in[0].as<T>(), call.out[0].as<T>(),
                 call.unit_begin * kUnit, std::min(call.unit_end * kUnit, call.out[0].size));
  }
};

// The nest of broadcast_to: `a` are strides of the result, `b` those of x.
template <class T, int L>
struct BroadcastTo {
  static void groups(const KernelCall& call, int64_t groups) {
    const auto& c = call.configuration<Config>();
    const View& in = call.in[0];
    const View& out = call.out[0];
    const int64_t count = c.rank > 0 ? c.dims[c.rank - 1] : 1;
    const bool repeated = c.rank > 0 && c.b[c.rank - 1] == 0;
    for (int64_t g = 0; g < groups; ++g) {
      const T* x = in.as<T>() + g * in.size * L;
      T* target = out.as<T>() + g * out.size * L;
      for_rows(c, L, L, [&](int64_t, int64_t offset) {
        if (repeated) {
          const Vec<T, L> value = load<Vec<T, L>>(x + offset);
          for (int64_t e = 0; e < count; ++e) store(target + e * L, value);
        } else {
          std::memcpy(target, x + offset, static_cast<size_t>(count * L) * sizeof(T));
        }
        target += count * L;
      });
    }
  }

  static void run(const KernelCall& call) { groups(call, call.groups(L)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
};

template <template <class, int> class K, class T>
constexpr KernelSet shape_kernels() {
  return {.rows = K<T, 1>::run, .lanes = K<T, vector_lanes<T>>::run, .whole = K<T, 1>::whole};
}

}  // namespace

extern const Kernel sum_to_kernel;
const Kernel sum_to_kernel{
    .f32 = shape_kernels<SumTo, float>(),
    .f64 = shape_kernels<SumTo, double>(),
    .units = [](const KernelQuery& query) { return (query.out[0].size + kUnit - 1) / kUnit; }};

extern const Kernel broadcast_to_kernel;
const Kernel broadcast_to_kernel{.f32 = shape_kernels<BroadcastTo, float>(),
                                 .f64 = shape_kernels<BroadcastTo, double>()};

}  // namespace fastnn::cpu

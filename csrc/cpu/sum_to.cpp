// Sums run in blocks whose totals are added, so that rounding errors do not grow with the number of terms.
#include "ops/sum_to.h"

#include <cstring>

#include "cpu/reduce_nest.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

using Config = ops::BroadcastConfig;
using Nest = ReduceNest;

// Sum of leaf(p) over the summed dims, the last `levels` of which are still open.
template <class V, class T, class Leaf>
V nested_sum(const Nest& nest, int64_t level, const T* p, Leaf leaf) {
  if (level == nest.summed) return leaf(p);
  const int64_t stride = nest.sum_strides[level];
  return block_sum<V>(nest.sum_dims[level],
                      [&](int64_t i) { return nested_sum<V>(nest, level + 1, p + i * stride, leaf); });
}

template <class Body>
void for_kept(const Nest& nest, Body body) {
  for_offsets(nest.kept, nest.kept_dims, nest.kept_strides, body);
}

template <class T, int L>
struct SumTo {
  static void groups(const KernelCall& call, int64_t groups) {
    const auto& c = call.configuration<Config>();
    const View& in = call.in[0];
    const View& out = call.out[0];
    for (int64_t g = 0; g < groups; ++g)
      sample_group(c, in.as<T>() + g * in.size * L, out.as<T>() + g * out.size * L);
  }

  static void sample_group(const Config& c, const T* x, T* out) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    const bool inner_kept = c.rank > 0 && c.b[c.rank - 1] != 0;
    if (inner_kept) {
      // The last dim and its lanes are one contiguous run: vectors along it.
      const Nest nest = split_nest(c, c.rank - 1, L);
      const int64_t run = c.dims[c.rank - 1] * L;
      for_kept(nest, [&](int64_t offset) {
        int64_t j = 0;
        for (; j + W <= run; j += W) {
          store(out + j, nested_sum<V>(nest, 0, x + offset + j, [](const T* p) { return load<V>(p); }));
        }
        if (j < run) {
          const int64_t rest = run - j;
          const auto leaf = [rest](const T* p) { return load_partial<V>(p, rest); };
          store_partial<V>(out + j, nested_sum<V>(nest, 0, x + offset + j, leaf), rest);
        }
        out += run;
      });
    } else if (L == 1 && c.rank > 0) {
      const Nest nest = split_nest(c, c.rank - 1, 1);
      const int64_t count = c.dims[c.rank - 1];
      for_kept(nest, [&](int64_t offset) {
        const V sum =
            nested_sum<V>(nest, 0, x + offset, [count](const T* p) { return run_sum<T>(p, count); });
        *out++ = hsum(sum);
      });
    } else {
      const Nest nest = split_nest(c, c.rank, L);
      for_kept(nest, [&](int64_t offset) {
        store(out, nested_sum<Vec<T, L>>(nest, 0, x + offset, [](const T* p) { return load<Vec<T, L>>(p); }));
        out += L;
      });
    }
  }

  static void run(const KernelCall& call) { groups(call, call.groups(L)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
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
const Kernel sum_to_kernel{.f32 = shape_kernels<SumTo, float>(), .f64 = shape_kernels<SumTo, double>()};

extern const Kernel broadcast_to_kernel;
const Kernel broadcast_to_kernel{.f32 = shape_kernels<BroadcastTo, float>(),
                                 .f64 = shape_kernels<BroadcastTo, double>()};

}  // namespace fastnn::cpu

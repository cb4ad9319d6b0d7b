#include "ops/reduce.h"

#include <algorithm>
#include <limits>

#include "cpu/reduce_nest.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

using Kind = ops::ReduceKind;

// NaN among the elements gives NaN.
struct Largest {
  static constexpr bool kAnyOrder = true;
  template <class T>
  static constexpr T start = -std::numeric_limits<T>::infinity();
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return select(isnan(b), b, select(isnan(a), a, max(a, b)));
  }
};
struct Smallest {
  static constexpr bool kAnyOrder = true;
  template <class T>
  static constexpr T start = std::numeric_limits<T>::infinity();
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return select(isnan(b), b, select(isnan(a), a, min(a, b)));
  }
};
struct Product {
  static constexpr bool kAnyOrder = false;
  template <class T>
  static constexpr T start = 1;
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return a * b;
  }
};

template <class F, class V>
Elem<V> across_lanes(V v) {
  if constexpr (lanes<V> == 1) {
    return v;
  } else {
    return across_lanes<F>(F::apply(low_half(v), high_half(v)));
  }
}

// What lies at p and along the reduced dims, folded: get(p) reads a vector.
template <class F, class V, class Get>
V fold(const ReduceNest& nest, const Elem<V>* p, Get get) {
  V result = broadcast<V>(F::template start<Elem<V>>);
  for_offsets(nest.summed, nest.sum_dims, nest.sum_strides,
              [&](int64_t offset) { result = F::apply(result, get(p + offset)); });
  return result;
}

// One row along the last dim, which is reduced.
template <class F, class V>
V fold_run(const Elem<V>* p, int64_t count) {
  constexpr int W = lanes<V>;
  V result = broadcast<V>(F::template start<Elem<V>>);
  int64_t i = 0;
  if constexpr (F::kAnyOrder) {  // four at once, for each waits for the one before it
    V part[4] = {result, result, result, result};
    for (; i + 4 * W <= count; i += 4 * W) {
      for (int k = 0; k < 4; ++k) part[k] = F::apply(part[k], load<V>(p + i + k * W));
    }
    result = F::apply(F::apply(part[0], part[1]), F::apply(part[2], part[3]));
  }
  for (; i + W <= count; i += W) result = F::apply(result, load<V>(p + i));
  if (i < count) {
    const V rest = first_lanes(load_partial<V>(p + i, count - i), count - i, F::template start<Elem<V>>);
    result = F::apply(result, rest);
  }
  return result;
}

template <class F, class T, int L>
void reduce_group(const ops::BroadcastConfig& c, const T* x, T* out) {
  constexpr int W = vector_lanes<T>;
  using V = Vec<T, W>;
  const bool inner_kept = c.rank > 0 && c.b[c.rank - 1] != 0;
  if (inner_kept) {
    // The last dim and its lanes are one contiguous run: vectors along it.
    const ReduceNest nest = split_nest(c, c.rank - 1, L);
    const int64_t run = c.dims[c.rank - 1] * L;
    for_offsets(nest.kept, nest.kept_dims, nest.kept_strides, [&](int64_t offset) {
      int64_t j = 0;
      if (nest.summed == 1 && run >= 4 * W) {  // row after row, as memory lies
        const auto fold_two = [](V a, V b) { return F::apply(a, b); };
        for (int64_t width; j < run; j += width) {
          width = std::min<int64_t>(1024, run - j);
          std::fill(out + j, out + j + width, F::template start<T>);
          for (int64_t i = 0; i < nest.sum_dims[0]; ++i)
            map_elements(out + j, x + offset + j + i * nest.sum_strides[0], out + j, width, fold_two);
        }
      }
      for (; j + W <= run; j += W) {
        store(out + j, fold<F, V>(nest, x + offset + j, [](const T* p) { return load<V>(p); }));
      }
      if (j < run) {
        const int64_t rest = run - j;
        const auto get = [rest](const T* p) { return load_partial<V>(p, rest); };
        store_partial<V>(out + j, fold<F, V>(nest, x + offset + j, get), rest);
      }
      out += run;
    });
  } else if (L == 1 && c.rank > 0) {
    const ReduceNest nest = split_nest(c, c.rank - 1, 1);
    const int64_t count = c.dims[c.rank - 1];
    for_offsets(nest.kept, nest.kept_dims, nest.kept_strides, [&](int64_t offset) {
      const auto get = [count](const T* p) { return fold_run<F, V>(p, count); };
      *out++ = across_lanes<F>(fold<F, V>(nest, x + offset, get));
    });
  } else {
    const ReduceNest nest = split_nest(c, c.rank, L);
    for_offsets(nest.kept, nest.kept_dims, nest.kept_strides, [&](int64_t offset) {
      using U = Vec<T, L>;
      store(out, fold<F, U>(nest, x + offset, [](const T* p) { return load<U>(p); }));
      out += L;
    });
  }
}

template <class T, int L>
struct Reduce {
  static void groups(const KernelCall& call, int64_t groups) {
    const auto& c = call.configuration<ops::ReduceConfig>();
    const View& in = call.in[0];
    const View& out = call.out[0];
    for (int64_t g = 0; g < groups; ++g) {
      const T* x = in.as<T>() + g * in.size * L;
      T* y = out.as<T>() + g * out.size * L;
      if (c.kind == Kind::max) reduce_group<Largest, T, L>(c.nest, x, y);
      if (c.kind == Kind::min) reduce_group<Smallest, T, L>(c.nest, x, y);
      if (c.kind == Kind::prod) reduce_group<Product, T, L>(c.nest, x, y);
    }
  }
  static void run(const KernelCall& call) { groups(call, call.groups(L)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
};

// Products of what comes before each element, times those of what comes behind it: zeros do no harm.
template <class T, int L>
struct ProdOthers {
  static void groups(const KernelCall& call, int64_t groups) {
    using V = Vec<T, L>;
    const ReduceNest nest = split_nest(call.configuration<ops::ReduceConfig>().nest,
                                       call.configuration<ops::ReduceConfig>().nest.rank, L);
    const int64_t size = call.in[0].size * L;
    for (int64_t g = 0; g < groups; ++g) {
      const T* x = call.in[0].as<T>() + g * size;
      T* y = call.out[0].as<T>() + g * size;
      for_offsets(nest.kept, nest.kept_dims, nest.kept_strides, [&](int64_t first) {
        V before = broadcast<V>(1), behind = broadcast<V>(1);
        for_offsets(nest.summed, nest.sum_dims, nest.sum_strides, [&](int64_t offset) {
          store(y + first + offset, before);
          before = before * load<V>(x + first + offset);
        });
        for_offsets<true>(nest.summed, nest.sum_dims, nest.sum_strides, [&](int64_t offset) {
          T* target = y + first + offset;
          store(target, load<V>(target) * behind);
          behind = behind * load<V>(x + first + offset);
        });
      });
    }
  }
  static void run(const KernelCall& call) { groups(call, call.groups(L)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
};

// Of the product of others, the derivative along dy: products of dual numbers (x, dy) before and behind.
template <class T, int L>
struct ProdOthersGrad {
  static void groups(const KernelCall& call, int64_t groups) {
    using V = Vec<T, L>;
    const ReduceNest nest = split_nest(call.configuration<ops::ReduceConfig>().nest,
                                       call.configuration<ops::ReduceConfig>().nest.rank, L);
    const int64_t size = call.in[0].size * L;
    for (int64_t g = 0; g < groups; ++g) {
      const T* x = call.in[0].as<T>() + g * size;
      const T* dy = call.in[1].as<T>() + g * size;
      T* dx = call.out[0].as<T>() + g * size;
      T* products = call.out[1].as<T>() + g * size;
      for_offsets(nest.kept, nest.kept_dims, nest.kept_strides, [&](int64_t first) {
        V value = broadcast<V>(1), slope = broadcast<V>(0);
        for_offsets(nest.summed, nest.sum_dims, nest.sum_strides, [&](int64_t offset) {
          const int64_t at = first + offset;
          store(products + at, value);
          store(dx + at, slope);
          slope = slope * load<V>(x + at) + value * load<V>(dy + at);
          value = value * load<V>(x + at);
        });
        value = broadcast<V>(1);
        slope = broadcast<V>(0);
        for_offsets<true>(nest.summed, nest.sum_dims, nest.sum_strides, [&](int64_t offset) {
          const int64_t at = first + offset;
          store(dx + at, load<V>(dx + at) * value + load<V>(products + at) * slope);
          slope = slope * load<V>(x + at) + value * load<V>(dy + at);
          value = value * load<V>(x + at);
        });
      });
    }
  }
  static void run(const KernelCall& call) { groups(call, call.groups(L)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
};

template <template <class, int> class K, class T>
constexpr KernelSet reduce_kernels() {
  return {.rows = K<T, 1>::run, .lanes = K<T, vector_lanes<T>>::run, .whole = K<T, 1>::whole};
}

}  // namespace

extern const Kernel reduce_kernel;
const Kernel reduce_kernel{.f32 = reduce_kernels<Reduce, float>(), .f64 = reduce_kernels<Reduce, double>()};

extern const Kernel prod_others_kernel;
const Kernel prod_others_kernel{.f32 = reduce_kernels<ProdOthers, float>(),
                                .f64 = reduce_kernels<ProdOthers, double>()};

extern const Kernel prod_others_grad_kernel;
const Kernel prod_others_grad_kernel{.f32 = reduce_kernels<ProdOthersGrad, float>(),
                                     .f64 = reduce_kernels<ProdOthersGrad, double>()};

}  // namespace fastnn::cpu

// Kernels of elementwise ops whose two operands are broadcast (ops/broadcast.h), from a functor F with a
// static member template `V apply(V a, V b)`.
#pragma once

#include "cpu/elementwise.h"
#include "ops/broadcast.h"

namespace fastnn::cpu {

/// Calls body(offset of a, offset of b) for every row of the nest: all dims but the last, in C order.
template <class Body>
FASTNN_INLINE void for_rows(const ops::BroadcastConfig& c, int64_t unit_a, int64_t unit_b, Body body) {
  int64_t index[ops::kMostBroadcastDims] = {};
  int64_t a = 0, b = 0;
  while (true) {
    body(a, b);
    int32_t d = c.rank - 2;
    for (; d >= 0; --d) {
      a += c.a[d] * unit_a;
      b += c.b[d] * unit_b;
      if (++index[d] < c.dims[d]) break;
      a -= c.a[d] * unit_a * c.dims[d];
      b -= c.b[d] * unit_b * c.dims[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

template <class F, class T, int L>
struct BroadcastTile {
  using V = Vec<T, L>;

  // One row in lanes: batched operands are vectors, unbatched ones scalars.
  template <bool BatchedA, bool BatchedB>
  static void lane_row(const T* a, int64_t step_a, const T* b, int64_t step_b, T* out, int64_t count) {
    for (int64_t e = 0; e < count; ++e) {
      const V va = BatchedA ? load<V>(a + e * step_a * L) : broadcast<V>(a[e * step_a]);
      const V vb = BatchedB ? load<V>(b + e * step_b * L) : broadcast<V>(b[e * step_b]);
      store(out + e * L, F::template apply<V>(va, vb));
    }
  }

  // One row of rows: vectors along it.
  static void plain_row(const T* a, int64_t step_a, const T* b, int64_t step_b, T* out, int64_t count) {
    using W = Vec<T, vector_lanes<T>>;
    if (step_a != 0 && step_b != 0) {
      map_elements(a, b, out, count, [](W x, W y) { return F::template apply<W>(x, y); });
    } else if (step_a != 0) {
      const W y = broadcast<W>(*b);
      map_elements(a, out, count, [y](W x) { return F::template apply<W>(x, y); });
    } else {
      const W x = broadcast<W>(*a);
      map_elements(b, out, count, [x](W y) { return F::template apply<W>(x, y); });
    }
  }

  static void sample_group(const ops::BroadcastConfig& c, const T* a, bool batched_a, const T* b,
                           bool batched_b, T* out) {
    const int64_t count = c.rank > 0 ? c.dims[c.rank - 1] : 1;
    const int64_t step_a = c.rank > 0 ? c.a[c.rank - 1] : 0;
    const int64_t step_b = c.rank > 0 ? c.b[c.rank - 1] : 0;
    for_rows(c, batched_a ? L : 1, batched_b ? L : 1, [&](int64_t at_a, int64_t at_b) {
      if constexpr (L == 1) {
        plain_row(a + at_a, step_a, b + at_b, step_b, out, count);
      } else if (batched_a && batched_b) {
        lane_row<true, true>(a + at_a, step_a, b + at_b, step_b, out, count);
      } else if (batched_a) {
        lane_row<true, false>(a + at_a, step_a, b + at_b, step_b, out, count);
      } else {
        lane_row<false, true>(a + at_a, step_a, b + at_b, step_b, out, count);
      }
      out += count * L;
    });
  }

  static void groups(const KernelCall& call, int64_t groups) {
    const auto& c = call.configuration<ops::BroadcastConfig>();
    const View& a = call.in[0];
    const View& b = call.in[1];
    const View& out = call.out[0];
    if (c.flat) {
      using W = Vec<T, vector_lanes<T>>;
      map_elements(a.as<T>(), b.as<T>(), out.as<T>(), groups * out.size * L,
                   [](W x, W y) { return F::template apply<W>(x, y); });
      return;
    }
    for (int64_t g = 0; g < groups; ++g) {
      sample_group(c, a.as<T>() + (a.batched ? g * a.size * L : 0), a.batched,
                   b.as<T>() + (b.batched ? g * b.size * L : 0), b.batched, out.as<T>() + g * out.size * L);
    }
  }

  static void run(const KernelCall& call) { groups(call, call.groups(L)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
};

/// The kernels of float T for one dtype, those of Other (of the same size) for any other.
template <class F, class T, class Other, int L, bool Whole>
void broadcast_either(const KernelCall& call) {
  constexpr DType kOwn = sizeof(T) == 8 ? DType::f64 : DType::f32;
  const int64_t groups = Whole ? 1 : call.groups(L);
  if (call.out[0].dtype == kOwn) {
    BroadcastTile<F, T, L>::groups(call, groups);
  } else {
    BroadcastTile<F, Other, L>::groups(call, groups);
  }
}

template <class F, class T, class Other>
constexpr KernelSet broadcast_kernels() {
  return {.rows = broadcast_either<F, T, Other, 1, false>,
          .lanes = broadcast_either<F, T, Other, vector_lanes<T>, false>,
          .whole = broadcast_either<F, T, Other, 1, true>};
}

template <class F, class T>
constexpr KernelSet broadcast_kernels() {
  return {.rows = BroadcastTile<F, T, 1>::run,
          .lanes = BroadcastTile<F, T, vector_lanes<T>>::run,
          .whole = BroadcastTile<F, T, 1>::whole};
}

}  // namespace fastnn::cpu

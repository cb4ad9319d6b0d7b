// Masks are bytes, 0 or 1, one for each element of the floats beside them in either layout.
#include "ops/where.h"

#include <type_traits>

#include "cpu/kernels.h"
#include "cpu/masks.h"

namespace fastnn::cpu {

namespace {

using Config = ops::ChoiceConfig;

// One operand along a row, the run of the nest's last dim (and its lanes): contiguous, the same everywhere,
// or neither.
template <class T>
struct Run {
  const T* data;
  int64_t step;  // in elements, from one of the dim to the next
  bool spread;   // one number for all lanes
  bool fixed;    // the same everywhere
  bool plain;    // contiguous, or the same everywhere

  template <class V>
  FASTNN_INLINE auto get(int64_t i) const {
    if constexpr (std::is_same_v<T, uint8_t>) {
      return fixed ? same_mask<V>(*data != 0) : load_mask<V>(data + i);
    } else {
      return fixed ? broadcast<V>(*data) : load<V>(data + i);
    }
  }
  FASTNN_INLINE T at(int64_t i) const { return data[fixed ? 0 : i]; }
  FASTNN_INLINE T at(int64_t element, int lane) const { return data[element * step + (spread ? 0 : lane)]; }
};

template <class T, int L>
Run<T> run_of(const View& view, int64_t group, int64_t offset, int64_t stride) {
  const int64_t unit = view.batched ? L : 1;
  Run<T> run;
  run.data = view.as<T>() + (view.batched ? group * view.size * L : 0) + offset * unit;
  run.step = stride * unit;
  run.spread = !view.batched;
  run.fixed = stride == 0 && (L == 1 || !view.batched);
  run.plain = run.fixed || (stride == 1 && (L == 1 || view.batched));
  return run;
}

// Calls body(offsets of the operands) for every row.
template <class Body>
void for_rows(const Config& c, Body body) {
  int64_t index[ops::kMostBroadcastDims] = {};
  int64_t offset[3] = {0, 0, 0};
  while (true) {
    body(offset);
    int32_t d = c.rank - 2;
    for (; d >= 0; --d) {
      for (int i = 0; i < 3; ++i) offset[i] += c.strides[i][d];
      if (++index[d] < c.dims[d]) break;
      for (int i = 0; i < 3; ++i) offset[i] -= c.strides[i][d] * c.dims[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

// f(a, b) is a mask of vectors and a bool of numbers.
template <class T, int L, class F>
void compare_with(const KernelCall& call, int64_t groups, F f) {
  const auto& c = call.configuration<Config>();
  using V = Vec<T, vector_lanes<T>>;
  const int32_t last = c.rank - 1;
  const int64_t count = c.flat ? groups * call.out[0].size : c.dims[last];
  auto* y = call.out[0].as<uint8_t>();
  const auto row = [&](Run<T> a, Run<T> b) {
    if (a.plain && b.plain) {
      int64_t i = 0;
      for (; i + lanes<V> <= count * L; i += lanes<V>)
        store_mask<V>(y + i, f(a.template get<V>(i), b.template get<V>(i)));
      for (; i < count * L; ++i) y[i] = f(a.at(i), b.at(i));
    } else {
      for (int64_t e = 0; e < count; ++e) {
        for (int lane = 0; lane < L; ++lane) y[e * L + lane] = f(a.at(e, lane), b.at(e, lane));
      }
    }
    y += count * L;
  };
  if (c.flat) {
    return row({call.in[0].as<T>(), L, false, false, true}, {call.in[1].as<T>(), L, false, false, true});
  }
  for (int64_t g = 0; g < groups; ++g) {
    for_rows(c, [&](const int64_t* at) {
      row(run_of<T, L>(call.in[0], g, at[0], c.strides[0][last]),
          run_of<T, L>(call.in[1], g, at[1], c.strides[1][last]));
    });
  }
}

template <class T, int L>
void compare_as(const KernelCall& call, int64_t groups) {
  using Kind = ops::CompareKind;
  switch (static_cast<Kind>(call.configuration<Config>().kind)) {
    case Kind::equal:
      return compare_with<T, L>(call, groups, [](auto a, auto b) { return equal(a, b); });
    case Kind::not_equal:
      return compare_with<T, L>(call, groups, [](auto a, auto b) { return not_equal(a, b); });
    case Kind::less:
      return compare_with<T, L>(call, groups, [](auto a, auto b) { return less(a, b); });
    case Kind::less_equal:
      return compare_with<T, L>(call, groups, [](auto a, auto b) { return less_equal(a, b); });
    case Kind::greater:
      return compare_with<T, L>(call, groups, [](auto a, auto b) { return greater(a, b); });
    default:
      return compare_with<T, L>(call, groups, [](auto a, auto b) { return greater_equal(a, b); });
  }
}

template <class T, int L>
struct Compare {
  static void groups(const KernelCall& call, int64_t groups) {
    if (call.in[0].dtype == DType::i32) return compare_as<int32_t, L>(call, groups);
    compare_as<T, L>(call, groups);
  }
};

template <int L, class F>
void logical_with(const KernelCall& call, int64_t groups, F f) {
  const auto& c = call.configuration<Config>();
  auto* y = call.out[0].as<uint8_t>();
  if (c.flat) {
    const auto *a = call.in[0].as<uint8_t>(), *b = call.in[1].as<uint8_t>();
    for (int64_t i = 0; i < groups * call.out[0].size * L; ++i) y[i] = f(a[i], b[i]);
    return;
  }
  const int32_t last = c.rank - 1;
  for (int64_t g = 0; g < groups; ++g) {
    for_rows(c, [&](const int64_t* at) {
      const auto a = run_of<uint8_t, L>(call.in[0], g, at[0], c.strides[0][last]);
      const auto b = run_of<uint8_t, L>(call.in[1], g, at[1], c.strides[1][last]);
      for (int64_t e = 0; e < c.dims[last]; ++e) {
        for (int lane = 0; lane < L; ++lane) *y++ = f(a.at(e, lane), b.at(e, lane));
      }
    });
  }
}

template <class T, int L>
struct Logical {
  static void groups(const KernelCall& call, int64_t groups) {
    using Kind = ops::LogicalKind;
    const auto kind = static_cast<Kind>(call.configuration<Config>().kind);
    if (kind == Kind::none) {
      const auto* a = call.in[0].as<uint8_t>();
      auto* y = call.out[0].as<uint8_t>();
      for (int64_t i = 0; i < groups * call.out[0].size * L; ++i) y[i] = a[i] == 0;
    } else if (kind == Kind::both) {
      logical_with<L>(call, groups, [](uint8_t a, uint8_t b) { return static_cast<uint8_t>(a & b); });
    } else if (kind == Kind::either) {
      logical_with<L>(call, groups, [](uint8_t a, uint8_t b) { return static_cast<uint8_t>(a | b); });
    } else {
      logical_with<L>(call, groups, [](uint8_t a, uint8_t b) { return static_cast<uint8_t>(a ^ b); });
    }
  }
};

template <class T, int L>
void where_as(const KernelCall& call, int64_t groups) {
  const auto& c = call.configuration<Config>();
  using V = Vec<T, vector_lanes<T>>;
  const int32_t last = c.rank - 1;
  const int64_t count = c.flat ? groups * call.out[0].size : c.dims[last];
  T* y = call.out[0].as<T>();
  const auto row = [&](Run<uint8_t> mask, Run<T> a, Run<T> b) {
    int64_t i = 0;
    if (mask.plain && a.plain && b.plain) {
      if constexpr (!std::is_same_v<T, uint8_t>) {
        for (; i + lanes<V> <= count * L; i += lanes<V>) {
          store(y + i, select(mask.template get<V>(i), a.template get<V>(i), b.template get<V>(i)));
        }
      }
      for (; i < count * L; ++i) y[i] = mask.at(i) != 0 ? a.at(i) : b.at(i);
    } else {
      for (int64_t e = 0; e < count; ++e) {
        for (int lane = 0; lane < L; ++lane)
          y[e * L + lane] = mask.at(e, lane) != 0 ? a.at(e, lane) : b.at(e, lane);
      }
    }
    y += count * L;
  };
  if (c.flat) {
    return row({call.in[0].as<uint8_t>(), L, false, false, true}, {call.in[1].as<T>(), L, false, false, true},
               {call.in[2].as<T>(), L, false, false, true});
  }
  for (int64_t g = 0; g < groups; ++g) {
    for_rows(c, [&](const int64_t* at) {
      row(run_of<uint8_t, L>(call.in[0], g, at[0], c.strides[0][last]),
          run_of<T, L>(call.in[1], g, at[1], c.strides[1][last]),
          run_of<T, L>(call.in[2], g, at[2], c.strides[2][last]));
    });
  }
}

template <class T, int L>
struct Where {
  static void groups(const KernelCall& call, int64_t groups) {
    switch (call.out[0].dtype) {
      case DType::boolean:
        return where_as<uint8_t, L>(call, groups);
      case DType::i32:
        return where_as<int32_t, L>(call, groups);
      default:
        return where_as<T, L>(call, groups);
    }
  }
};

template <template <class, int> class K, class T, int L, bool Whole>
void run(const KernelCall& call) {
  K<T, L>::groups(call, Whole ? 1 : call.groups(L));
}
template <template <class, int> class K, class T>
constexpr KernelSet choice_kernels() {
  return {
      .rows = run<K, T, 1, false>, .lanes = run<K, T, vector_lanes<T>, false>, .whole = run<K, T, 1, true>};
}

}  // namespace

#define FASTNN_CHOICE(name, K)       \
  extern const Kernel name##_kernel; \
  const Kernel name##_kernel{.f32 = choice_kernels<K, float>(), .f64 = choice_kernels<K, double>()};
FASTNN_CHOICE(compare, Compare)
FASTNN_CHOICE(logical, Logical)
FASTNN_CHOICE(where, Where)
#undef FASTNN_CHOICE

}  // namespace fastnn::cpu

// Masks are bytes, 0 or 1, one for each element of the floats beside them in either layout.
#include "ops/where.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::ChoiceConfig;

// Operand i of one element: in lanes a vector if batched, else one number for all lanes.
template <class T, int L>
struct Operand {
  const T* data = nullptr;
  int64_t unit = 0;  // elements that a stride of one stands for
  bool spread = false;

  FASTNN_INLINE T at(int64_t offset, int lane) const { return data[offset * unit + (spread ? 0 : lane)]; }
};

template <class T, int L>
Operand<T, L> operand(const View& view, int64_t group) {
  Operand<T, L> made;
  made.unit = view.batched ? L : 1;
  made.spread = !view.batched;
  made.data = view.as<T>() + (view.batched ? group * view.size * L : 0);
  return made;
}

// out[e][lane] = f(element, lane) where the element is given by one offset for each operand.
template <int N, int L, class Out, class F>
void for_elements(const Config& c, Out* out, F f) {
  int64_t index[ops::kMostBroadcastDims] = {};
  int64_t offset[3] = {0, 0, 0};
  const int32_t last = c.rank - 1;
  while (true) {
    for (int64_t e = 0; e < c.dims[last]; ++e, out += L) {
      int64_t at[3];
      for (int i = 0; i < N; ++i) at[i] = offset[i] + e * c.strides[i][last];
      for (int lane = 0; lane < L; ++lane) out[lane] = f(at, lane);
    }
    int32_t d = last - 1;
    for (; d >= 0; --d) {
      for (int i = 0; i < N; ++i) offset[i] += c.strides[i][d];
      if (++index[d] < c.dims[d]) break;
      for (int i = 0; i < N; ++i) offset[i] -= c.strides[i][d] * c.dims[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

template <class T, int L, class F>
void compare_with(const KernelCall& call, int64_t groups, F f) {
  const auto& c = call.configuration<Config>();
  const View& out = call.out[0];
  auto* y = out.as<uint8_t>();
  if (c.flat) {
    const T* a = call.in[0].as<T>();
    const T* b = call.in[1].as<T>();
    for (int64_t i = 0; i < groups * out.size * L; ++i) y[i] = f(a[i], b[i]);
    return;
  }
  for (int64_t g = 0; g < groups; ++g) {
    const auto a = operand<T, L>(call.in[0], g), b = operand<T, L>(call.in[1], g);
    for_elements<2, L>(c, y + g * out.size * L, [&](const int64_t* at, int lane) {
      return static_cast<uint8_t>(f(a.at(at[0], lane), b.at(at[1], lane)));
    });
  }
}

template <class T, int L>
void compare_as(const KernelCall& call, int64_t groups) {
  using Kind = ops::CompareKind;
  switch (static_cast<Kind>(call.configuration<Config>().kind)) {
    case Kind::equal:
      return compare_with<T, L>(call, groups, [](T a, T b) { return a == b; });
    case Kind::not_equal:
      return compare_with<T, L>(call, groups, [](T a, T b) { return a != b; });
    case Kind::less:
      return compare_with<T, L>(call, groups, [](T a, T b) { return a < b; });
    case Kind::less_equal:
      return compare_with<T, L>(call, groups, [](T a, T b) { return a <= b; });
    case Kind::greater:
      return compare_with<T, L>(call, groups, [](T a, T b) { return a > b; });
    default:
      return compare_with<T, L>(call, groups, [](T a, T b) { return a >= b; });
  }
}

template <class T, int L>
struct Compare {
  static void groups(const KernelCall& call, int64_t groups) {
    if (call.in[0].dtype == DType::i32) return compare_as<int32_t, L>(call, groups);
    compare_as<T, L>(call, groups);
  }
};

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
      compare_with<uint8_t, L>(call, groups, [](uint8_t a, uint8_t b) { return (a & b) != 0; });
    } else if (kind == Kind::either) {
      compare_with<uint8_t, L>(call, groups, [](uint8_t a, uint8_t b) { return (a | b) != 0; });
    } else {
      compare_with<uint8_t, L>(call, groups, [](uint8_t a, uint8_t b) { return a != b; });
    }
  }
};

template <class T, int L>
void where_as(const KernelCall& call, int64_t groups) {
  const auto& c = call.configuration<Config>();
  const View& out = call.out[0];
  T* y = out.as<T>();
  if (c.flat) {
    const auto* mask = call.in[0].as<uint8_t>();
    const T* a = call.in[1].as<T>();
    const T* b = call.in[2].as<T>();
    for (int64_t i = 0; i < groups * out.size * L; ++i) y[i] = mask[i] != 0 ? a[i] : b[i];
    return;
  }
  for (int64_t g = 0; g < groups; ++g) {
    const auto mask = operand<uint8_t, L>(call.in[0], g);
    const auto a = operand<T, L>(call.in[1], g), b = operand<T, L>(call.in[2], g);
    for_elements<3, L>(c, y + g * out.size * L, [&](const int64_t* at, int lane) {
      return mask.at(at[0], lane) != 0 ? a.at(at[1], lane) : b.at(at[2], lane);
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

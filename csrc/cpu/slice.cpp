#include "ops/slice.h"

#include <algorithm>

#include "cpu/strided.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct Slice {
  static void groups(const KernelCall& call, int64_t groups) {
    const auto& c = call.configuration<ops::StridedConfig>();
    const View& x = call.in[0];
    const View& y = call.out[0];
    for (int64_t g = 0; g < groups; ++g)
      strided_copy<T, L>(c, x.as<T>() + g * x.size * L, y.as<T>() + g * y.size * L);
  }
};

// T only has the size of an element: what fills the rest is written in its own type.
template <class Own, class T>
void fill_run(T* to, int64_t count, double value) {
  auto* own = reinterpret_cast<Own*>(to);
  std::fill(own, own + count, static_cast<Own>(value));
}

template <class T>
void fill_by_dtype(DType dtype, T* to, int64_t count, double value) {
  if constexpr (sizeof(T) == 1) {
    fill_run<uint8_t>(to, count, value);
  } else if constexpr (sizeof(T) == 4) {
    dtype == DType::i32 ? fill_run<int32_t>(to, count, value) : fill_run<float>(to, count, value);
  } else {
    dtype == DType::i64 ? fill_run<int64_t>(to, count, value) : fill_run<double>(to, count, value);
  }
}

template <class T, int L>
struct Place {
  static void groups(const KernelCall& call, int64_t groups) {
    const auto& c = call.configuration<ops::StridedConfig>();
    const View& x = call.in[0];
    const View& y = call.out[0];
    if (x.size != y.size) fill_by_dtype(y.dtype, y.as<T>(), groups * y.size * L, c.fill);
    for (int64_t g = 0; g < groups; ++g)
      strided_copy<T, L>(c, x.as<T>() + g * x.size * L, y.as<T>() + g * y.size * L);
  }
};

}  // namespace

extern const Kernel slice_kernel;
const Kernel slice_kernel{.f32 = moving_kernels<Slice, float>(), .f64 = moving_kernels<Slice, double>()};

extern const Kernel place_kernel;
const Kernel place_kernel{.f32 = moving_kernels<Place, float>(), .f64 = moving_kernels<Place, double>()};

}  // namespace fastnn::cpu

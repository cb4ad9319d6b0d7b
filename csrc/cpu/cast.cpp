#include "ops/cast.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "cpu/elementwise.h"

namespace fastnn::cpu {

namespace {

template <class From, class To>
FASTNN_INLINE To converted(From v) {
  if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, int32_t>) {
    constexpr double kMost = std::numeric_limits<int32_t>::max();
    const auto d = static_cast<double>(v);
    if (!(d == d)) return 0;
    return static_cast<int32_t>(d > kMost ? kMost : (d < -kMost - 1 ? -kMost - 1 : d));
  } else {
    return static_cast<To>(v);
  }
}

template <class From>
void cast_from(const From* x, const View& out, int64_t count) {
  const auto to = [&]<class To>(To* y) {
    for (int64_t i = 0; i < count; ++i) y[i] = converted<From, To>(x[i]);
  };
  switch (out.dtype) {
    case DType::f32:
      return to(out.as<float>());
    case DType::f64:
      return to(out.as<double>());
    case DType::i32:
      return to(out.as<int32_t>());
    default: {
      uint8_t* y = out.as<uint8_t>();
      for (int64_t i = 0; i < count; ++i) y[i] = x[i] != From(0);
    }
  }
}

template <class T>
struct Cast {
  static void run(const KernelCall& call, int64_t count) {
    const View& x = call.in[0];
    switch (x.dtype) {
      case DType::f32:
        return cast_from(x.as<float>(), call.out[0], count);
      case DType::f64:
        return cast_from(x.as<double>(), call.out[0], count);
      case DType::i32:
        return cast_from(x.as<int32_t>(), call.out[0], count);
      default:
        return cast_from(x.as<uint8_t>(), call.out[0], count);
    }
  }
};

}  // namespace

extern const Kernel cast_kernel;
const Kernel cast_kernel{.f32 = elementwise_kernels<Cast, float>(),
                         .f64 = elementwise_kernels<Cast, double>()};

}  // namespace fastnn::cpu

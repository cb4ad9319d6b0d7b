// All channels of a pixel, and in the batch-lane layout all samples of the group, lie one after the other and
// are treated alike: one kernel over runs of elements serves both layouts.
#include "ops/resize2d.h"

#include <cstring>

#include "cpu/elementwise.h"

namespace fastnn::cpu {

namespace {

using Config = ops::Resize2dConfig;
using ops::ResizeSource;

// Calls body(output pixel, row, column) for every output pixel, in order.
template <class Body>
FASTNN_INLINE void for_pixels(const Config& c, Body body) {
  for (int64_t oy = 0; oy < c.out_height; ++oy) {
    const ResizeSource row = c.row(oy);
    for (int64_t ox = 0; ox < c.out_width; ++ox) body(oy * c.out_width + ox, row, c.column(ox));
  }
}

template <class T>
void resize(const Config& c, const T* x, T* y, int64_t n) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  for_pixels(c, [&](int64_t pixel, const ResizeSource& row, const ResizeSource& column) {
    T* out = y + pixel * n;
    const T* upper = x + row.low * c.width * n;
    if (!c.bilinear) {
      std::memcpy(out, upper + column.low * n, static_cast<size_t>(n) * sizeof(T));
      return;
    }
    const T* lower = x + row.high * c.width * n;
    const V down = broadcast<V>(static_cast<T>(row.weight));
    const V right = broadcast<V>(static_cast<T>(column.weight));
    const auto between = [](V a, V b, V weight) { return fma(weight, b - a, a); };
    const auto blend = [&](auto get, int64_t i) {
      const V above = between(get(upper + column.low * n + i), get(upper + column.high * n + i), right);
      const V below = between(get(lower + column.low * n + i), get(lower + column.high * n + i), right);
      return between(above, below, down);
    };
    int64_t i = 0;
    for (; i + L <= n; i += L) store(out + i, blend([](const T* p) { return load<V>(p); }, i));
    if (i < n) {
      const int64_t rest = n - i;
      store_partial<V>(out + i, blend([rest](const T* p) { return load_partial<V>(p, rest); }, i), rest);
    }
  });
}

template <class T>
void resize_gradient(const Config& c, const T* dy, T* dx, int64_t n) {
  using V = Vec<T, vector_lanes<T>>;
  std::fill_n(dx, c.height * c.width * n, T(0));
  for_pixels(c, [&](int64_t pixel, const ResizeSource& row, const ResizeSource& column) {
    const T* gradient = dy + pixel * n;
    const auto give = [&](int64_t y, int64_t x, double share) {
      if (share == 0) return;
      const V weight = broadcast<V>(static_cast<T>(share));
      T* target = dx + (y * c.width + x) * n;
      map_elements(gradient, target, target, n, [weight](V g, V sum) { return fma(weight, g, sum); });
    };
    give(row.low, column.low, (1 - row.weight) * (1 - column.weight));
    give(row.low, column.high, (1 - row.weight) * column.weight);
    give(row.high, column.low, row.weight * (1 - column.weight));
    give(row.high, column.high, row.weight * column.weight);
  });
}

template <class T, int E>
struct Resize2d {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    for (int64_t g = 0; g < call.groups(E); ++g) {
      resize(c, call.in[0].as<T>() + g * call.in[0].size * E, call.out[0].as<T>() + g * call.out[0].size * E,
             c.channels * E);
    }
  }
};

template <class T, int E>
struct Resize2dGrad {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    for (int64_t g = 0; g < call.groups(E); ++g) {
      resize_gradient(c, call.in[0].as<T>() + g * call.in[0].size * E,
                      call.out[0].as<T>() + g * call.out[0].size * E, c.channels * E);
    }
  }
};

}  // namespace

extern const Kernel resize2d_kernel;
const Kernel resize2d_kernel{.f32 = tile_kernels_f32<Resize2d>(), .f64 = tile_kernels_f64<Resize2d>()};

extern const Kernel resize2d_grad_kernel;
const Kernel resize2d_grad_kernel{.f32 = tile_kernels_f32<Resize2dGrad>(),
                                  .f64 = tile_kernels_f64<Resize2dGrad>()};

}  // namespace fastnn::cpu

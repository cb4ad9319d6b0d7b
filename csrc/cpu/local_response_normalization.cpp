// A position's channels are one run, channels * L long, in both layouts; vectors go along it, and the window
// takes steps of L. What the window sums lies in scratch between margins of zeros.
#include "ops/local_response_normalization.h"

#include "cpu/kernels.h"
#include "cpu/last_axis.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace {

using Config = ops::LocalResponseNormalizationConfig;

int64_t margin(const Config& c) { return std::max(c.before, c.after); }

// Elements of scratch for one run: its margins, and a last vector that is not full.
template <class T>
int64_t run_elements(const Config& c, int lanes) {
  return (c.channels + 2 * margin(c)) * lanes + vector_lanes<T>;
}

template <int Runs>
int64_t run_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return Runs * (query.out[0].dtype == DType::f64
                     ? run_elements<double>(c, query.lanes) * static_cast<int64_t>(sizeof(double))
                     : run_elements<float>(c, query.lanes) * static_cast<int64_t>(sizeof(float)));
}

template <class T, int L>
struct Window {
  using Axis = LastAxis<T, L>;
  using V = typename Axis::Block;

  const Config& c;
  T factor = static_cast<T>(c.factor);
  T k = static_cast<T>(c.k);

  // The run number `index` of the scratch, behind its margin.
  T* run(std::byte* scratch, int index) const {
    T* first = reinterpret_cast<T*>(scratch) + index * run_elements<T>(c, L);
    std::fill_n(first, run_elements<T>(c, L), T(0));
    return first + margin(c) * L;
  }
  FASTNN_INLINE V sum(const T* at, int64_t before, int64_t after) const {
    V total = load<V>(at - before * L);
    for (int64_t j = 1 - before; j <= after; ++j) total += load<V>(at + j * L);
    return total;
  }
  FASTNN_INLINE V scale(const T* squares) const {
    return fma(sum(squares, c.before, c.after), broadcast<V>(factor), broadcast<V>(k));
  }
  // scale^-beta
  FASTNN_INLINE V power(V scale) const {
    if (c.beta == 0.75) {
      const V root = sqrt(scale);
      return broadcast<V>(1) / (root * sqrt(root));
    }
    return pow(scale, broadcast<V>(static_cast<T>(-c.beta)));
  }
  FASTNN_INLINE void square(const T* x, T* squares) const {
    Axis::each(c.channels, [&](int64_t i, int valid) {
      const V v = Axis::get(x + i, valid);
      Axis::put(squares + i, v * v, valid);
    });
  }
};

template <class T, int L>
struct LocalResponseNormalization {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    const auto& c = call.configuration<Config>();
    const Window<T, L> window{c};
    T* squares = window.run(call.scratch, 0);
    for (int64_t p = 0; p < call.groups(L) * c.positions; ++p) {
      const T* x = call.in[0].as<T>() + p * c.channels * L;
      T* y = call.out[0].as<T>() + p * c.channels * L;
      window.square(x, squares);
      Axis::each(c.channels, [&](int64_t i, int valid) {
        Axis::put(y + i, Axis::get(x + i, valid) * window.power(window.scale(squares + i)), valid);
      });
    }
  }
};

// dx_i = dy_i scale_i^-beta - 2 beta factor x_i (sum of dy_j x_j scale_j^(-beta - 1) over all windows j that
// see i)
template <class T, int L>
struct LocalResponseNormalizationGrad {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using V = typename Axis::Block;
    const auto& c = call.configuration<Config>();
    const Window<T, L> window{c};
    T* squares = window.run(call.scratch, 0);
    T* shares = window.run(call.scratch, 1);
    const V slope = broadcast<V>(static_cast<T>(-2 * c.beta * c.factor));
    for (int64_t p = 0; p < call.groups(L) * c.positions; ++p) {
      const T* dy = call.in[0].as<T>() + p * c.channels * L;
      const T* x = call.in[1].as<T>() + p * c.channels * L;
      T* dx = call.out[0].as<T>() + p * c.channels * L;
      window.square(x, squares);
      Axis::each(c.channels, [&](int64_t i, int valid) {
        const V scale = window.scale(squares + i);
        const V direct = Axis::get(dy + i, valid) * window.power(scale);
        Axis::put(shares + i, direct * Axis::get(x + i, valid) / scale, valid);
        Axis::put(dx + i, direct, valid);
      });
      Axis::each(c.channels, [&](int64_t i, int valid) {
        const V others = slope * Axis::get(x + i, valid) * window.sum(shares + i, c.after, c.before);
        Axis::put(dx + i, Axis::get(dx + i, valid) + others, valid);
      });
    }
  }
};

}  // namespace

extern const Kernel local_response_normalization_kernel;
const Kernel local_response_normalization_kernel{.f32 = tile_kernels_f32<LocalResponseNormalization>(),
                                                 .f64 = tile_kernels_f64<LocalResponseNormalization>(),
                                                 .scratch = run_scratch<1>};

extern const Kernel local_response_normalization_grad_kernel;
const Kernel local_response_normalization_grad_kernel{
    .f32 = tile_kernels_f32<LocalResponseNormalizationGrad>(),
    .f64 = tile_kernels_f64<LocalResponseNormalizationGrad>(),
    .scratch = run_scratch<2>};

}  // namespace fastnn::cpu

#include "ops/penalty.h"

#include "cpu/elementwise.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

using Config = ops::PenaltyConfig;

template <class V>
FASTNN_INLINE V term(V x, Elem<V> l1, Elem<V> l2) {
  return broadcast<V>(l1) * abs(x) + broadcast<V>(l2) * x * x;
}

// l1 sign(x) + 2 l2 x; 0 at 0, NaN at NaN.
template <class V>
FASTNN_INLINE V term_derivative(V x, Elem<V> l1, Elem<V> l2) {
  const V sign = select(equal(x, zero<V>()), zero<V>(), copysign(broadcast<V>(1), x));
  return broadcast<V>(l1) * sign + broadcast<V>(2 * l2) * x;
}

template <class T>
void penalty_whole(const KernelCall& call) {
  constexpr int L = vector_lanes<double>;
  using V = Vec<double, L>;
  const auto& c = call.configuration<Config>();
  const View& w = call.in[0];
  const T* p = w.as<T>();
  const int64_t rest = w.size % L, whole = w.size - rest;
  V sum = block_sum<V>(whole / L, [&](int64_t i) { return term(load_convert<V>(p + i * L), c.l1, c.l2); });
  sum += term(load_convert_partial<V>(p + whole, rest), c.l1, c.l2);
  *call.out[0].as<double>() = hsum(sum);
}

constexpr int64_t kUnit = 8192;  // elements

int64_t penalty_grad_units(const KernelQuery& query) { return (query.out[0].size + kUnit - 1) / kUnit; }

template <class T>
void penalty_grad_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const double g = *call.in[0].as<double>();
  const auto l1 = static_cast<T>(g * c.l1), l2 = static_cast<T>(g * c.l2);
  const int64_t size = call.out[0].size;
  const int64_t first = call.unit_begin * kUnit;
  const int64_t last = call.unit_end * kUnit < size ? call.unit_end * kUnit : size;
  map_elements(call.in[1].as<T>() + first, call.out[0].as<T>() + first, last - first,
               [=](auto x) { return term_derivative(x, l1, l2); });
}

template <class T, int L>
struct ActivityPenalty {
  static void run(const KernelCall& call) {
    using V = Vec<T, L>;
    const auto& c = call.configuration<Config>();
    const auto l1 = static_cast<T>(c.l1), l2 = static_cast<T>(c.l2);
    const int64_t size = call.in[0].size;
    for (int64_t g = 0; g < call.groups(L); ++g) {
      const T* x = call.in[0].as<T>() + g * size * L;
      T* out = call.out[0].as<T>() + g * L;
      if constexpr (L == 1) {
        *out = hsum(run_sum<T>(x, size, [=](auto v) { return term(v, l1, l2); }));
      } else {
        store(out, block_sum<V>(size, [=](int64_t i) { return term(load<V>(x + i * L), l1, l2); }));
      }
    }
  }
};

template <class T, int L>
struct ActivityPenaltyGrad {
  static void run(const KernelCall& call) {
    using V = Vec<T, L>;
    const auto& c = call.configuration<Config>();
    const auto l1 = static_cast<T>(c.l1), l2 = static_cast<T>(c.l2);
    const int64_t size = call.in[1].size;
    for (int64_t group = 0; group < call.groups(L); ++group) {
      const T* x = call.in[1].as<T>() + group * size * L;
      T* out = call.out[0].as<T>() + group * size * L;
      const V g = load<V>(call.in[0].as<T>() + group * L);
      if constexpr (L == 1) {
        map_elements(x, out, size,
                     [=]<class W>(W v) { return broadcast<W>(g) * term_derivative(v, l1, l2); });
      } else {
        for (int64_t i = 0; i < size; ++i)
          store(out + i * L, g * term_derivative(load<V>(x + i * L), l1, l2));
      }
    }
  }
};

}  // namespace

extern const Kernel penalty_kernel;
const Kernel penalty_kernel{.f32 = {.whole = penalty_whole<float>}, .f64 = {.whole = penalty_whole<double>}};

extern const Kernel penalty_grad_kernel;
const Kernel penalty_grad_kernel{.f32 = {.whole = penalty_grad_whole<float>},
                                 .f64 = {.whole = penalty_grad_whole<double>},
                                 .units = penalty_grad_units};

extern const Kernel activity_penalty_kernel;
const Kernel activity_penalty_kernel{.f32 = tile_kernels_f32<ActivityPenalty>(),
                                     .f64 = tile_kernels_f64<ActivityPenalty>()};

extern const Kernel activity_penalty_grad_kernel;
const Kernel activity_penalty_grad_kernel{.f32 = tile_kernels_f32<ActivityPenaltyGrad>(),
                                          .f64 = tile_kernels_f64<ActivityPenaltyGrad>()};

}  // namespace fastnn::cpu

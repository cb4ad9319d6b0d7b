// Lanes: a vector is one element of L samples. Rows: vectors run along the normalised elements.
#include "ops/layer_norm.h"

#include "cpu/kernels.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

using Config = ops::LayerNormConfig;

// One normalised group of `size` elements. Lanes: element e is the vector at e * L. Rows: vector e covers the
// elements from e * W on; the last one is read with zeros behind and its sums are cut.
template <class T, int L>
struct Group {
  static constexpr int W = vector_lanes<T>;
  using V = Vec<T, L == 1 ? W : L>;
  static constexpr int64_t step = L == 1 ? W : L;
  using Statistic = Vec<T, L>;

  int64_t size;
  int64_t whole = L == 1 ? size / W : size;  // full vectors
  int64_t rest = L == 1 ? size % W : 0;      // elements of the one after them

  V get(const T* p, int64_t e) const {
    return e < whole ? load<V>(p + e * step) : load_partial<V>(p + e * step, rest);
  }
  // Parameters of the elements in vector e.
  V parameter(const T* p, int64_t e) const {
    if constexpr (L == 1) {
      return get(p, e);
    } else {
      return broadcast<V>(p[e]);
    }
  }

  // Sum of f(e) over all elements.
  template <class F>
  Statistic sum(F f) const {
    V total = block_sum<V>(whole, f);
    if constexpr (L == 1) {
      if (rest != 0) total += first_lanes(f(whole), rest);
      return hsum(total);
    } else {
      return total;
    }
  }

  template <class F>
  void each(T* out, F f) const {
    for (int64_t e = 0; e < whole; ++e) store(out + e * step, f(e));
    if (rest != 0) store_partial<V>(out + whole * step, f(whole), rest);
  }

  static V spread(Statistic s) {
    if constexpr (L == 1) {
      return broadcast<V>(s);
    } else {
      return s;
    }
  }
};

template <class T, int L>
struct LayerNorm {
  static void run(const KernelCall& call) {
    using G = Group<T, L>;
    using S = typename G::Statistic;
    using V = typename G::V;
    const auto& c = call.configuration<Config>();
    const G group{c.size};
    const T* gamma = call.in[1].as<T>();
    const T* beta = call.in[2].as<T>();
    const S scale = broadcast<S>(T(1) / static_cast<T>(c.size));
    const S epsilon = broadcast<S>(static_cast<T>(c.epsilon));
    for (int64_t i = 0; i < call.groups(L) * c.positions; ++i) {
      const T* x = call.in[0].as<T>() + i * c.size * L;
      const S mean =
          c.centred ? group.sum([&](int64_t e) { return group.get(x, e); }) * scale : broadcast<S>(0);
      const V centre = G::spread(mean);
      const S variance = group.sum([&](int64_t e) {
        const V d = group.get(x, e) - centre;
        return d * d;
      }) * scale;
      const S deviation = broadcast<S>(1) / sqrt(variance + epsilon);
      const V factor = G::spread(deviation);
      group.each(call.out[0].as<T>() + i * c.size * L, [&](int64_t e) {
        V y = (group.get(x, e) - centre) * factor;
        if (gamma != nullptr) y *= group.parameter(gamma, e);
        if (beta != nullptr) y += group.parameter(beta, e);
        return y;
      });
      store(call.out[1].as<T>() + i * L, mean);
      store(call.out[2].as<T>() + i * L, deviation);
    }
  }
};

template <class T, int L>
struct LayerNormGradInput {
  static void run(const KernelCall& call) {
    using G = Group<T, L>;
    using S = typename G::Statistic;
    using V = typename G::V;
    const auto& c = call.configuration<Config>();
    const G group{c.size};
    const T* gamma = call.in[2].as<T>();
    const S scale = broadcast<S>(T(1) / static_cast<T>(c.size));
    for (int64_t i = 0; i < call.groups(L) * c.positions; ++i) {
      const T* dy = call.in[0].as<T>() + i * c.size * L;
      const T* x = call.in[1].as<T>() + i * c.size * L;
      const S deviation = load<S>(call.in[4].as<T>() + i * L);
      const V centre = G::spread(load<S>(call.in[3].as<T>() + i * L));
      const V factor = G::spread(deviation);
      const auto slope = [&](int64_t e) {
        const V g = group.get(dy, e);
        return gamma != nullptr ? g * group.parameter(gamma, e) : g;
      };
      const auto normal = [&](int64_t e) { return (group.get(x, e) - centre) * factor; };
      const V mean_slope = c.centred ? G::spread(group.sum(slope) * scale) : zero<V>();
      const V mean_product = G::spread(group.sum([&](int64_t e) { return slope(e) * normal(e); }) * scale);
      group.each(call.out[0].as<T>() + i * c.size * L,
                 [&](int64_t e) { return factor * (slope(e) - mean_slope - normal(e) * mean_product); });
    }
  }
};

// Lanes have accumulators of their own, summed when the shards are.
template <class T, int L>
struct LayerNormGradParameters {
  static void run(const KernelCall& call) {
    using G = Group<T, L>;
    using S = typename G::Statistic;
    using V = typename G::V;
    const auto& c = call.configuration<Config>();
    const G group{c.size};
    const T* dy = call.in[0].as<T>();
    const T* x = call.in[1].as<T>();
    const T* mean = call.in[2].as<T>();
    const T* deviation = call.in[3].as<T>();
    T* dgamma = call.out[0].as<T>();
    T* dbeta = call.out[1].as<T>();
    const int64_t rows = call.groups(L) * c.positions;
    const auto product = [&](int64_t i, int64_t e) {
      const V centre = G::spread(load<S>(mean + i * L)), factor = G::spread(load<S>(deviation + i * L));
      return group.get(dy + i * c.size * L, e) * (group.get(x + i * c.size * L, e) - centre) * factor;
    };
    group.each(dgamma, [&](int64_t e) {
      return group.get(dgamma, e) + block_sum<V>(rows, [&](int64_t i) { return product(i, e); });
    });
    group.each(dbeta, [&](int64_t e) {
      return group.get(dbeta, e) +
             block_sum<V>(rows, [&](int64_t i) { return group.get(dy + i * c.size * L, e); });
    });
  }
};

}  // namespace

extern const Kernel layer_norm_kernel;
const Kernel layer_norm_kernel{.f32 = tile_kernels_f32<LayerNorm>(), .f64 = tile_kernels_f64<LayerNorm>()};

extern const Kernel layer_norm_grad_input_kernel;
const Kernel layer_norm_grad_input_kernel{.f32 = tile_kernels_f32<LayerNormGradInput>(),
                                          .f64 = tile_kernels_f64<LayerNormGradInput>()};

extern const Kernel layer_norm_grad_parameters_kernel;
const Kernel layer_norm_grad_parameters_kernel{.f32 = tile_kernels_f32<LayerNormGradParameters>(),
                                               .f64 = tile_kernels_f64<LayerNormGradParameters>(),
                                               .lane_accumulators = true};

}  // namespace fastnn::cpu

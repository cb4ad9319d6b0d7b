// A position is a run of channels * L elements in either layout, which vectors cross whatever the layout is.
// What belongs to a group is spread over such a run; what was summed along a run is gathered into groups.
#include "ops/group_norm.h"

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

using Config = ops::GroupNormConfig;

template <class T, int L>
struct Run {
  static constexpr int W = vector_lanes<T>;
  using V = Vec<T, W>;

  const Config& c;
  int64_t size = c.channels * L;            // of a run
  int64_t sample = c.positions * size;      // of a group of L samples
  int64_t members = c.channels / c.groups;  // channels of a group

  // f(element, number of them) for each vector of a run.
  template <class F>
  void each(F f) const {
    for (int64_t i = 0; i < size; i += W) f(i, std::min<int64_t>(W, size - i));
  }
  static V get(const T* p, int64_t count) { return count == W ? load<V>(p) : load_partial<V>(p, count); }
  static void put(T* p, V v, int64_t count) {
    if (count == W) {
      store(p, v);
    } else {
      store_partial(p, v, count);
    }
  }

  // run[i] = values of element i's group.
  void spread(const T* groups, T* run) const {
    for (int64_t i = 0; i < size; ++i) run[i] = groups[i / (members * L) * L + i % L];
  }
  // run[i] = values of element i's channel; 1 element a channel.
  void spread_channels(const T* channels, T absent, T* run) const {
    for (int64_t i = 0; i < size; ++i) run[i] = channels != nullptr ? channels[i / L] : absent;
  }
  // groups[g] = factor * sum over the run's elements of the group.
  void gather(const T* run, T factor, T* groups) const {
    for (int64_t g = 0; g < c.groups; ++g) {
      for (int64_t l = 0; l < L; ++l) {
        const T* first = run + g * members * L + l;
        groups[g * L + l] = factor * block_sum<T>(members, [&](int64_t m) { return first[m * L]; });
      }
    }
  }
};

template <class T, int L>
struct GroupNorm {
  static void run(const KernelCall& call) {
    using R = Run<T, L>;
    using V = typename R::V;
    const auto& c = call.configuration<Config>();
    const R r{c};
    T* centre = reinterpret_cast<T*>(call.scratch);
    T* factor = centre + r.size;
    T* gamma = factor + r.size;
    T* beta = gamma + r.size;
    r.spread_channels(call.in[1].as<T>(), T(1), gamma);
    r.spread_channels(call.in[2].as<T>(), T(0), beta);
    const T share = T(1) / static_cast<T>(c.positions * r.members);
    for (int64_t s = 0; s < call.groups(L); ++s) {
      const T* x = call.in[0].as<T>() + s * r.sample;
      T* y = call.out[0].as<T>() + s * r.sample;
      T* mean = call.out[1].as<T>() + s * c.groups * L;
      T* deviation = call.out[2].as<T>() + s * c.groups * L;
      r.each([&](int64_t i, int64_t n) {
        R::put(factor + i,
               block_sum<V>(c.positions, [&](int64_t p) { return R::get(x + p * r.size + i, n); }), n);
      });
      r.gather(factor, share, mean);
      r.spread(mean, centre);
      r.each([&](int64_t i, int64_t n) {
        const V middle = R::get(centre + i, n);
        R::put(factor + i,
               block_sum<V>(c.positions,
                            [&](int64_t p) {
                              const V d = R::get(x + p * r.size + i, n) - middle;
                              return d * d;
                            }),
               n);
      });
      r.gather(factor, share, deviation);
      for (int64_t g = 0; g < c.groups * L; ++g) {
        deviation[g] = T(1) / std::sqrt(deviation[g] + static_cast<T>(c.epsilon));
      }
      r.spread(deviation, factor);
      r.each([&](int64_t i, int64_t n) {
        const V middle = R::get(centre + i, n), shift = R::get(beta + i, n);
        const V scale = R::get(factor + i, n) * R::get(gamma + i, n);
        for (int64_t p = 0; p < c.positions; ++p) {
          R::put(y + p * r.size + i, fma(R::get(x + p * r.size + i, n) - middle, scale, shift), n);
        }
      });
    }
  }
};

template <class T, int L>
struct GroupNormGradInput {
  static void run(const KernelCall& call) {
    using R = Run<T, L>;
    using V = typename R::V;
    const auto& c = call.configuration<Config>();
    const R r{c};
    T* centre = reinterpret_cast<T*>(call.scratch);
    T* factor = centre + r.size;
    T* gamma = factor + r.size;
    T* slopes = gamma + r.size;
    T* products = slopes + r.size;
    T* groups = products + r.size;
    r.spread_channels(call.in[2].as<T>(), T(1), gamma);
    const T share = T(1) / static_cast<T>(c.positions * r.members);
    for (int64_t s = 0; s < call.groups(L); ++s) {
      const T* dy = call.in[0].as<T>() + s * r.sample;
      const T* x = call.in[1].as<T>() + s * r.sample;
      T* dx = call.out[0].as<T>() + s * r.sample;
      r.spread(call.in[3].as<T>() + s * c.groups * L, centre);
      r.spread(call.in[4].as<T>() + s * c.groups * L, factor);
      const auto normal = [&](int64_t p, int64_t i, int64_t n) {
        return (R::get(x + p * r.size + i, n) - R::get(centre + i, n)) * R::get(factor + i, n);
      };
      r.each([&](int64_t i, int64_t n) {
        const V g = R::get(gamma + i, n);
        R::put(slopes + i,
               g * block_sum<V>(c.positions, [&](int64_t p) { return R::get(dy + p * r.size + i, n); }), n);
        R::put(products + i,
               g * block_sum<V>(c.positions,
                                [&](int64_t p) { return R::get(dy + p * r.size + i, n) * normal(p, i, n); }),
               n);
      });
      r.gather(slopes, share, groups);
      r.spread(groups, slopes);
      r.gather(products, share, groups);
      r.spread(groups, products);
      r.each([&](int64_t i, int64_t n) {
        const V g = R::get(gamma + i, n), f = R::get(factor + i, n);
        const V slope = R::get(slopes + i, n), product = R::get(products + i, n);
        for (int64_t p = 0; p < c.positions; ++p) {
          R::put(dx + p * r.size + i,
                 f * (R::get(dy + p * r.size + i, n) * g - slope - normal(p, i, n) * product), n);
        }
      });
    }
  }
};

// Lanes have accumulators of their own, summed when the shards are.
template <class T, int L>
struct GroupNormGradParameters {
  static void run(const KernelCall& call) {
    using R = Run<T, L>;
    using V = typename R::V;
    const auto& c = call.configuration<Config>();
    const R r{c};
    T* centre = reinterpret_cast<T*>(call.scratch);
    T* factor = centre + r.size;
    T* dgamma = call.out[0].as<T>();
    T* dbeta = call.out[1].as<T>();
    for (int64_t s = 0; s < call.groups(L); ++s) {
      const T* dy = call.in[0].as<T>() + s * r.sample;
      const T* x = call.in[1].as<T>() + s * r.sample;
      r.spread(call.in[2].as<T>() + s * c.groups * L, centre);
      r.spread(call.in[3].as<T>() + s * c.groups * L, factor);
      r.each([&](int64_t i, int64_t n) {
        const V middle = R::get(centre + i, n), f = R::get(factor + i, n);
        const V product = block_sum<V>(c.positions, [&](int64_t p) {
          return R::get(dy + p * r.size + i, n) * (R::get(x + p * r.size + i, n) - middle);
        });
        const V sum = block_sum<V>(c.positions, [&](int64_t p) { return R::get(dy + p * r.size + i, n); });
        R::put(dgamma + i, fma(product, f, R::get(dgamma + i, n)), n);
        R::put(dbeta + i, R::get(dbeta + i, n) + sum, n);
      });
    }
  }
};

// Six runs at most: see above.
int64_t group_norm_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return 6 * c.channels * query.lanes * dtype_size(query.out[0].dtype);
}

}  // namespace

extern const Kernel group_norm_kernel;
const Kernel group_norm_kernel{.f32 = tile_kernels_f32<GroupNorm>(),
                               .f64 = tile_kernels_f64<GroupNorm>(),
                               .scratch = group_norm_scratch};

extern const Kernel group_norm_grad_input_kernel;
const Kernel group_norm_grad_input_kernel{.f32 = tile_kernels_f32<GroupNormGradInput>(),
                                          .f64 = tile_kernels_f64<GroupNormGradInput>(),
                                          .scratch = group_norm_scratch};

extern const Kernel group_norm_grad_parameters_kernel;
const Kernel group_norm_grad_parameters_kernel{.f32 = tile_kernels_f32<GroupNormGradParameters>(),
                                               .f64 = tile_kernels_f64<GroupNormGradParameters>(),
                                               .scratch = group_norm_scratch,
                                               .lane_accumulators = true};

}  // namespace fastnn::cpu

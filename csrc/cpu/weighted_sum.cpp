#include "ops/weighted_sum.h"

#include <algorithm>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::WeightedSumConfig;

// Sums of one group of L samples, lane by lane.
template <int L>
struct Sums {
  double total[L] = {};
  double weights[L] = {};
  double count[L] = {};
};

// Sum of n numbers, in P interleaved parts.
template <class T, int P>
double plain_sum(const T* x, int64_t n) {
  double parts[P] = {};
  int64_t i = 0;
  for (; i + P <= n; i += P) {
    for (int k = 0; k < P; ++k) parts[k] += static_cast<double>(x[i + k]);
  }
  for (; i < n; ++i) parts[i % P] += static_cast<double>(x[i]);
  for (int width = P / 2; width > 0; width /= 2) {
    for (int k = 0; k < width; ++k) parts[k] += parts[k + width];
  }
  return parts[0];
}

// Sum of a tile without weights and masks.
template <class T, int L>
double tile_sum(const T* x, int64_t positions, int64_t count) {
  constexpr int P = L < 8 ? 8 : L;
  const int64_t full = count / L;  // groups without lanes of padding
  double total = plain_sum<T, P>(x, full * L * positions);
  const int64_t rest = count - full * L;
  for (int64_t p = 0; rest > 0 && p < positions; ++p) {
    total += plain_sum<T, P>(x + (full * positions + p) * L, rest);
  }
  return total;
}

template <class T, int L>
Sums<L> group_sums(const KernelCall& call, const Config& config, int64_t group) {
  const int64_t positions = config.positions;
  const T* x = call.in[0].as<T>() + group * positions * L;
  Sums<L> out;
  const int64_t weights = config.per_weight == 0 ? 0 : positions / config.per_weight;
  const T* weight = weights == 0 ? nullptr : call.in[1].as<T>() + group * weights * L;
  const T* mask = config.has_mask ? call.in[2].as<T>() + group * positions * L : nullptr;
  for (int64_t p = 0; p < positions; ++p) {
    const T* w = weight == nullptr ? nullptr : weight + p / config.per_weight * L;
    const T* m = mask == nullptr ? nullptr : mask + p * L;
    for (int lane = 0; lane < L; ++lane) {
      const double kept = m == nullptr ? 1.0 : static_cast<double>(m[lane]);
      const double factor = w == nullptr ? kept : kept * static_cast<double>(w[lane]);
      out.total[lane] += factor * static_cast<double>(x[p * L + lane]);
      out.weights[lane] += factor;
      out.count[lane] += kept;
    }
  }
  return out;
}

template <class T, int L>
struct WeightedSum {
  static void run(const KernelCall& call) {
    const auto& config = call.configuration<Config>();
    double total = 0, weights = 0, count = 0;
    const bool plain = config.per_weight == 0 && !config.has_mask;
    if (plain) {
      total = tile_sum<T, L>(call.in[0].as<T>(), config.positions, call.count);
      weights = count = static_cast<double>(call.count) * static_cast<double>(config.positions);
    }
    for (int64_t group = 0; !plain && group < call.groups(L); ++group) {
      const Sums<L> sums = group_sums<T, L>(call, config, group);
      for (int lane = 0; lane < L && group * L + lane < call.count; ++lane) {
        total += sums.total[lane];
        weights += sums.weights[lane];
        count += sums.count[lane];
      }
    }
    if (config.mean) total /= static_cast<double>(call.batch) * static_cast<double>(config.positions);
    *call.out[0].as<double>() += total;
    *call.out[1].as<double>() += weights;
    *call.out[2].as<double>() += count;
  }
};

template <class T, int L>
struct WeightedSumGrad {
  static void run(const KernelCall& call) {
    const auto& config = call.configuration<Config>();
    const int64_t positions = config.positions;
    const int64_t weights = config.per_weight == 0 ? 0 : positions / config.per_weight;
    double scale = *call.in[0].as<double>();
    if (config.mean) scale /= static_cast<double>(call.batch) * static_cast<double>(positions);
    const T g = static_cast<T>(scale);
    for (int64_t group = 0; group < call.groups(L); ++group) {
      T* out = call.out[0].as<T>() + group * positions * L;
      const T* weight = weights == 0 ? nullptr : call.in[2].as<T>() + group * weights * L;
      const T* mask = config.has_mask ? call.in[3].as<T>() + group * positions * L : nullptr;
      const int64_t valid = call.count - group * L;
      if (weight == nullptr && mask == nullptr && valid >= L) {
        std::fill_n(out, positions * L, g);
        continue;
      }
      for (int64_t p = 0; p < positions; ++p) {
        for (int lane = 0; lane < L; ++lane) {
          T value = lane < valid ? g : T(0);
          if (weight != nullptr) value *= weight[p / config.per_weight * L + lane];
          if (mask != nullptr) value *= mask[p * L + lane];
          out[p * L + lane] = value;
        }
      }
    }
  }
};

}  // namespace

extern const Kernel weighted_sum_kernel;
const Kernel weighted_sum_kernel{.f32 = tile_kernels_f32<WeightedSum>(),
                                 .f64 = tile_kernels_f64<WeightedSum>()};

extern const Kernel weighted_sum_grad_kernel;
const Kernel weighted_sum_grad_kernel{.f32 = tile_kernels_f32<WeightedSumGrad>(),
                                      .f64 = tile_kernels_f64<WeightedSumGrad>()};

}  // namespace fastnn::cpu

// A position's channels and lanes are one contiguous run [channels][L]; coefficients are spread over such a
// run once a tile (in scratch), and vectors go along it in both layouts.
#include "ops/batch_norm.h"

#include "cpu/kernels.h"
#include "cpu/sums.h"

namespace fastnn::cpu {

namespace {

using Config = ops::BatchNormConfig;

// Element i of an unbatched float32 or float64 operand; `fallback` if it is absent.
double element(const View& view, int64_t i, double fallback = 0) {
  if (view.data == nullptr) return fallback;
  return view.dtype == DType::f64 ? view.as<double>()[i] : static_cast<double>(view.as<float>()[i]);
}

// run[c * L + lane] = value(c)
template <class T, int L, class Value>
void spread(T* run, int64_t channels, Value value) {
  for (int64_t c = 0; c < channels; ++c) store(run + c * L, broadcast<Vec<T, L>>(static_cast<T>(value(c))));
}

double inverse_deviation(const View& variance, int64_t c, double epsilon) {
  return 1 / std::sqrt(element(variance, c) + epsilon);
}

int64_t channels_of(const KernelQuery& query) { return static_cast<const Config*>(query.config)->channels; }

template <int Runs>
int64_t run_scratch(const KernelQuery& query) {
  return Runs * channels_of(query) * query.lanes * static_cast<int64_t>(sizeof(double)) + Runs * 64;
}

// ---- Moments, in float64 ----

template <class T, int L>
struct BatchMoments {
  static constexpr int D = vector_lanes<double>;
  using V = Vec<double, D>;

  // Adds the first two powers of (x - shift) over `rows` runs; of each group of L lanes the first `valid`
  // count.
  static void add_rows(const T* x, int64_t rows, int64_t run, const double* shift, double* sums,
                       double* squares, int64_t valid) {
    for (int64_t j = 0; j < run; j += D) {
      const int64_t width = run - j < D ? run - j : D;
      const int64_t use = L == 1 ? width : valid - j % L;
      if (use <= 0) continue;
      const V offset = load_partial<V>(shift + j, width);
      V sum = load_partial<V>(sums + j, width), square = load_partial<V>(squares + j, width);
      if (use >= D) {
        for (int64_t r = 0; r < rows; ++r) {
          const V d = load_convert<V>(x + r * run + j) - offset;
          sum += d;
          square = fma(d, d, square);
        }
      } else {
        for (int64_t r = 0; r < rows; ++r) {
          const V d = first_lanes(load_convert_partial<V>(x + r * run + j, width) - offset, use);
          sum += d;
          square = fma(d, d, square);
        }
      }
      store_partial(sums + j, sum, width);
      store_partial(squares + j, square, width);
    }
  }

  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t run = c.channels * L;
    auto* shift = reinterpret_cast<double*>(call.scratch);
    double* sums = shift + run;
    double* squares = sums + run;
    spread<double, L>(shift, c.channels, [&](int64_t i) { return element(call.in[1], i); });
    for (int64_t i = 0; i < 2 * run; ++i) sums[i] = 0;
    const T* x = call.in[0].as<T>();
    const int64_t whole = call.count / L;
    add_rows(x, whole * c.positions, run, shift, sums, squares, L);
    if (call.count % L != 0) {
      add_rows(x + whole * c.positions * run, c.positions, run, shift, sums, squares, call.count % L);
    }
    const double scale = 1 / (static_cast<double>(call.batch) * static_cast<double>(c.positions));
    for (int64_t i = 0; i < c.channels; ++i) {
      call.out[0].as<double>()[i] += hsum(load<Vec<double, L>>(sums + i * L)) * scale;
      call.out[1].as<double>()[i] += hsum(load<Vec<double, L>>(squares + i * L)) * scale;
    }
  }
};

void batch_statistics_whole(const KernelCall& call) {
  const double* m1 = call.in[0].as<double>();
  const double* m2 = call.in[1].as<double>();
  for (int64_t i = 0; i < call.out[0].size; ++i) {
    const double variance = m2[i] - m1[i] * m1[i];
    call.out[0].as<double>()[i] = m1[i] + element(call.in[2], i);
    // Rounding may leave a negative trifle; NaN must stay NaN.
    call.out[1].as<double>()[i] = variance < 0 ? 0 : variance;
  }
}

// ---- Normalisation ----

// Calls body(first element, elements) for each run of the tile.
template <class T, int L, class Body>
FASTNN_INLINE void for_runs(const KernelCall& call, const Config& c, Body body) {
  const int64_t run = c.channels * L;
  for (int64_t r = 0; r < call.groups(L) * c.positions; ++r) body(r * run, run);
}

template <class T, int L>
struct Normalize {
  static void run(const KernelCall& call) {
    using V = Vec<T, vector_lanes<T>>;
    const auto& c = call.configuration<Config>();
    auto* slope = reinterpret_cast<T*>(call.scratch);
    T* offset = slope + c.channels * L;
    const auto slope_of = [&](int64_t i) {
      return element(call.in[3], i, 1) * inverse_deviation(call.in[2], i, c.epsilon);
    };
    spread<T, L>(slope, c.channels, slope_of);
    spread<T, L>(offset, c.channels,
                 [&](int64_t i) { return element(call.in[4], i) - element(call.in[1], i) * slope_of(i); });
    const T* x = call.in[0].as<T>();
    T* y = call.out[0].as<T>();
    for_runs<T, L>(call, c, [&](int64_t first, int64_t run) {
      constexpr int W = vector_lanes<T>;
      int64_t j = 0;
      for (; j + W <= run; j += W) {
        store(y + first + j, fma(load<V>(x + first + j), load<V>(slope + j), load<V>(offset + j)));
      }
      if (j < run) {
        const int64_t rest = run - j;
        store_partial<V>(y + first + j,
                         fma(load_partial<V>(x + first + j, rest), load_partial<V>(slope + j, rest),
                             load_partial<V>(offset + j, rest)),
                         rest);
      }
    });
  }
};

// Accumulators are a run: lanes have their own, summed when the shards are.
template <class T, int L>
struct NormalizeGradSums {
  static void run(const KernelCall& call) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    const auto& c = call.configuration<Config>();
    const int64_t run = c.channels * L;
    auto* mean = reinterpret_cast<T*>(call.scratch);
    T* deviation = mean + run;
    spread<T, L>(mean, c.channels, [&](int64_t i) { return element(call.in[2], i); });
    spread<T, L>(deviation, c.channels,
                 [&](int64_t i) { return inverse_deviation(call.in[3], i, c.epsilon); });
    const T* dy = call.in[0].as<T>();
    const T* x = call.in[1].as<T>();
    T* sum_out = call.out[0].as<T>();
    T* product_out = call.out[1].as<T>();
    const int64_t rows = call.groups(L) * c.positions;
    for (int64_t j = 0; j < run; j += W) {
      const int64_t width = run - j < W ? run - j : W;
      const V centre = load_partial<V>(mean + j, width);
      V sum, product;
      if (width == W) {
        sum = block_sum<V>(rows, [&](int64_t r) { return load<V>(dy + r * run + j); });
        product = block_sum<V>(
            rows, [&](int64_t r) { return load<V>(dy + r * run + j) * (load<V>(x + r * run + j) - centre); });
      } else {
        sum = block_sum<V>(rows, [&](int64_t r) { return load_partial<V>(dy + r * run + j, width); });
        product = block_sum<V>(rows, [&](int64_t r) {
          return load_partial<V>(dy + r * run + j, width) *
                 (load_partial<V>(x + r * run + j, width) - centre);
        });
      }
      product *= load_partial<V>(deviation + j, width);
      store_partial(sum_out + j, load_partial<V>(sum_out + j, width) + sum, width);
      store_partial(product_out + j, load_partial<V>(product_out + j, width) + product, width);
    }
  }
};

// dx = slope * dy - (constant + factor * (x - mean)); the second part is there if the statistics are x's own,
// and is left out in lanes that hold no sample.
template <class T, int L>
struct NormalizeGradInput {
  static void run(const KernelCall& call) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    const auto& c = call.configuration<Config>();
    const int64_t size = c.channels * L;
    auto* slope = reinterpret_cast<T*>(call.scratch);
    T* constant = slope + size;
    T* factor = constant + size;
    T* mean = factor + size;
    const double count = static_cast<double>(call.batch) * static_cast<double>(c.positions);
    const auto deviation = [&](int64_t i) { return inverse_deviation(call.in[3], i, c.epsilon); };
    const auto slope_of = [&](int64_t i) { return element(call.in[4], i, 1) * deviation(i); };
    spread<T, L>(slope, c.channels, slope_of);
    const T* dy = call.in[0].as<T>();
    const T* x = call.in[1].as<T>();
    T* dx = call.out[0].as<T>();
    if (!c.batch_statistics) {
      for_runs<T, L>(call, c, [&](int64_t first, int64_t run) {
        for (int64_t j = 0; j < run; j += W) {
          const int64_t width = run - j < W ? run - j : W;
          store_partial<V>(dx + first + j,
                           load_partial<V>(dy + first + j, width) * load_partial<V>(slope + j, width), width);
        }
      });
      return;
    }
    spread<T, L>(constant, c.channels,
                 [&](int64_t i) { return slope_of(i) * element(call.in[5], i) / count; });
    spread<T, L>(factor, c.channels,
                 [&](int64_t i) { return slope_of(i) * deviation(i) * element(call.in[6], i) / count; });
    spread<T, L>(mean, c.channels, [&](int64_t i) { return element(call.in[2], i); });
    for_runs<T, L>(call, c, [&](int64_t first, int64_t run) {
      const int64_t valid = call.count - first / (run * c.positions) * L;
      for (int64_t j = 0; j < run; j += W) {
        const int64_t width = run - j < W ? run - j : W;
        const V centred = load_partial<V>(x + first + j, width) - load_partial<V>(mean + j, width);
        V through = fma(load_partial<V>(factor + j, width), centred, load_partial<V>(constant + j, width));
        if (L > 1 && valid < L) through = first_lanes(through, valid);
        store_partial<V>(dx + first + j,
                         load_partial<V>(dy + first + j, width) * load_partial<V>(slope + j, width) - through,
                         width);
      }
    });
  }
};

template <class T>
void moving_average_whole(const KernelCall& call) {
  const double momentum = call.configuration<ops::MovingAverageConfig>().momentum;
  for (int64_t i = 0; i < call.out[0].size; ++i) {
    call.out[0].as<T>()[i] =
        static_cast<T>(momentum * element(call.in[0], i) + (1 - momentum) * element(call.in[1], i));
  }
}

void moving_average_any(const KernelCall& call) {
  call.out[0].dtype == DType::f64 ? moving_average_whole<double>(call) : moving_average_whole<float>(call);
}

}  // namespace

extern const Kernel batch_moments_kernel;
const Kernel batch_moments_kernel{.f32 = tile_kernels_f32<BatchMoments>(),
                                  .f64 = tile_kernels_f64<BatchMoments>(),
                                  .scratch = run_scratch<3>};

extern const Kernel batch_statistics_kernel;
const Kernel batch_statistics_kernel{.f32 = {.whole = batch_statistics_whole},
                                     .f64 = {.whole = batch_statistics_whole}};

extern const Kernel normalize_kernel;
const Kernel normalize_kernel{
    .f32 = tile_kernels_f32<Normalize>(), .f64 = tile_kernels_f64<Normalize>(), .scratch = run_scratch<2>};

extern const Kernel normalize_grad_sums_kernel;
const Kernel normalize_grad_sums_kernel{.f32 = tile_kernels_f32<NormalizeGradSums>(),
                                        .f64 = tile_kernels_f64<NormalizeGradSums>(),
                                        .scratch = run_scratch<2>,
                                        .lane_accumulators = true};

extern const Kernel normalize_grad_input_kernel;
const Kernel normalize_grad_input_kernel{.f32 = tile_kernels_f32<NormalizeGradInput>(),
                                         .f64 = tile_kernels_f64<NormalizeGradInput>(),
                                         .scratch = run_scratch<4>};

extern const Kernel moving_average_kernel;
const Kernel moving_average_kernel{.f32 = {.whole = moving_average_any},
                                   .f64 = {.whole = moving_average_any}};

}  // namespace fastnn::cpu

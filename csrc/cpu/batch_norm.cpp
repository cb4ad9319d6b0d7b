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

constexpr int D = vector_lanes<double>;
using Doubles = Vec<double, D>;

// Elements [i, i + n) of such an operand, n <= D.
FASTNN_INLINE Doubles elements(const View& view, int64_t i, int64_t n, double fallback = 0) {
  if (view.data == nullptr) return broadcast<Doubles>(fallback);
  return view.dtype == DType::f64 ? load_partial<Doubles>(view.as<double>() + i, n)
                                  : load_convert_partial<Doubles>(view.as<float>() + i, n);
}

// run[c * L + lane] = value of channel c, where value(c, n) gives those of channels [c, c + n).
template <class T, int L, class Value>
void spread(T* run, int64_t channels, Value value) {
  for (int64_t c = 0; c < channels; c += D) {
    const int64_t n = channels - c < D ? channels - c : D;
    const auto values = convert<Vec<T, D>>(value(c, n));
    if constexpr (L == 1) {
      store_partial(run + c, values, n);
    } else {
      for (int64_t k = 0; k < n; ++k) store(run + (c + k) * L, broadcast<Vec<T, L>>(values[k]));
    }
  }
}

FASTNN_INLINE Doubles inverse_deviation(const View& variance, int64_t c, int64_t n, double epsilon) {
  return broadcast<Doubles>(1) / sqrt(elements(variance, c, n, 1) + broadcast<Doubles>(epsilon));
}

int64_t channels_of(const KernelQuery& query) { return static_cast<const Config*>(query.config)->channels; }

template <int Runs>
int64_t run_scratch(const KernelQuery& query) {
  return Runs * channels_of(query) * query.lanes * static_cast<int64_t>(sizeof(double)) + Runs * 64;
}

// ---- Moments, in float64 ----

template <class T, int L>
struct BatchMoments {
  // Adds the first two powers of (x - shift) over `rows` runs, for N vectors of every run from x on.
  template <int N>
  static void add_columns(const T* x, int64_t rows, int64_t run, const double* shift, double* sums,
                          double* squares) {
    Doubles offset[N], sum[N], square[N];
    for (int k = 0; k < N; ++k) {
      offset[k] = load<Doubles>(shift + k * D);
      sum[k] = load<Doubles>(sums + k * D);
      square[k] = load<Doubles>(squares + k * D);
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int k = 0; k < N; ++k) {
        const Doubles d = load_convert<Doubles>(x + r * run + k * D) - offset[k];
        sum[k] += d;
        square[k] = fma(d, d, square[k]);
      }
    }
    for (int k = 0; k < N; ++k) {
      store(sums + k * D, sum[k]);
      store(squares + k * D, square[k]);
    }
  }

  // The same for the first `use` of `width` <= D elements.
  static void add_part(const T* x, int64_t rows, int64_t run, const double* shift, double* sums,
                       double* squares, int64_t width, int64_t use) {
    const Doubles offset = load_partial<Doubles>(shift, width);
    Doubles sum = load_partial<Doubles>(sums, width), square = load_partial<Doubles>(squares, width);
    for (int64_t r = 0; r < rows; ++r) {
      const Doubles d = first_lanes(load_convert_partial<Doubles>(x + r * run, width) - offset, use);
      sum += d;
      square = fma(d, d, square);
    }
    store_partial(sums, sum, width);
    store_partial(squares, square, width);
  }

  // All of a run; of each group of L lanes the first `valid` count.
  static void add_rows(const T* x, int64_t rows, int64_t run, const double* shift, double* sums,
                       double* squares, int64_t valid) {
    int64_t j = 0;
    if (valid == L) {
      for (; j + 4 * D <= run; j += 4 * D) add_columns<4>(x + j, rows, run, shift + j, sums + j, squares + j);
      for (; j + D <= run; j += D) add_columns<1>(x + j, rows, run, shift + j, sums + j, squares + j);
    }
    for (; j < run; j += D) {
      const int64_t width = run - j < D ? run - j : D;
      const int64_t use = L == 1 ? width : valid - j % L;
      if (use > 0) add_part(x + j, rows, run, shift + j, sums + j, squares + j, width, use);
    }
  }

  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t run = c.channels * L;
    auto* shift = reinterpret_cast<double*>(call.scratch);
    double* sums = shift + run;
    double* squares = sums + run;
    spread<double, L>(shift, c.channels, [&](int64_t i, int64_t n) { return elements(call.in[1], i, n); });
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
    const auto slope_of = [&](int64_t i, int64_t n) {
      return elements(call.in[3], i, n, 1) * inverse_deviation(call.in[2], i, n, c.epsilon);
    };
    spread<T, L>(slope, c.channels, slope_of);
    spread<T, L>(offset, c.channels, [&](int64_t i, int64_t n) {
      return elements(call.in[4], i, n) - elements(call.in[1], i, n) * slope_of(i, n);
    });
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
    spread<T, L>(mean, c.channels, [&](int64_t i, int64_t n) { return elements(call.in[2], i, n); });
    spread<T, L>(deviation, c.channels,
                 [&](int64_t i, int64_t n) { return inverse_deviation(call.in[3], i, n, c.epsilon); });
    const T* dy = call.in[0].as<T>();
    const T* x = call.in[1].as<T>();
    T* sum_out = call.out[0].as<T>();
    T* product_out = call.out[1].as<T>();
    const int64_t rows = call.groups(L) * c.positions;
    for (int64_t j = 0; j < run; j += W) {
      const int64_t width = run - j < W ? run - j : W;
      const V centre = load_partial<V>(mean + j, width);
      V sum = zero<V>(), product = zero<V>();
      // In blocks, so that rounding errors do not grow with the number of rows.
      for (int64_t first = 0; first < rows; first += kSumBlock) {
        const int64_t last = rows - first < kSumBlock ? rows : first + kSumBlock;
        V block_sum = zero<V>(), block_product = zero<V>();
        for (int64_t r = first; r < last; ++r) {
          const V g = width == W ? load<V>(dy + r * run + j) : load_partial<V>(dy + r * run + j, width);
          const V value = width == W ? load<V>(x + r * run + j) : load_partial<V>(x + r * run + j, width);
          block_sum += g;
          block_product = fma(g, value - centre, block_product);
        }
        sum += block_sum;
        product += block_product;
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
    const auto deviation = [&](int64_t i, int64_t n) {
      return inverse_deviation(call.in[3], i, n, c.epsilon);
    };
    const auto slope_of = [&](int64_t i, int64_t n) {
      return elements(call.in[4], i, n, 1) * deviation(i, n);
    };
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
    const Doubles share = broadcast<Doubles>(1 / count);
    spread<T, L>(constant, c.channels,
                 [&](int64_t i, int64_t n) { return slope_of(i, n) * elements(call.in[5], i, n) * share; });
    spread<T, L>(factor, c.channels, [&](int64_t i, int64_t n) {
      return slope_of(i, n) * deviation(i, n) * elements(call.in[6], i, n) * share;
    });
    spread<T, L>(mean, c.channels, [&](int64_t i, int64_t n) { return elements(call.in[2], i, n); });
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

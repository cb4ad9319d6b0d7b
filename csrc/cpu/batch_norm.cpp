// A position's channels and lanes are one contiguous run [channels][L]; coefficients are spread over such a
// run once a tile (in scratch), and vectors go along it in both layouts.
#include "ops/batch_norm.h"

#include <limits>

#include "cpu/kernels.h"
#include "cpu/parts.h"
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

constexpr int kColumns = vector_registers == 32 ? 4 : 2;

// Calls body.template operator()<N, Full>(first element, elements) for the vectors of a run, N at a time.
template <int W, class Body>
FASTNN_INLINE void for_columns(int64_t run, Body body) {
  int64_t j = 0;
  for (; j + kColumns * W <= run; j += kColumns * W) body.template operator()<kColumns, true>(j, W);
  for (; j + W <= run; j += W) body.template operator()<1, true>(j, W);
  if (j < run) body.template operator()<1, false>(j, run - j);
}

// Calls body(first run, one past the last) for blocks of runs that stay in the first-level cache while their
// columns pass.
template <class T, class Body>
FASTNN_INLINE void for_blocks(int64_t runs, int64_t run, Body body) {
  constexpr int64_t kElements = 8 * 1024 / static_cast<int64_t>(sizeof(T));
  const int64_t block = run > kElements ? 1 : kElements / run;
  for (int64_t first = 0; first < runs; first += block) {
    body(first, runs - first < block ? runs : first + block);
  }
}

// What makes y = slope * x + offset of a channel.
template <class T, int L>
void spread_line(const Config& c, const View& mean, const View& variance, const View& gamma, const View& beta,
                 T* slope, T* offset) {
  const auto slope_of = [&](int64_t i, int64_t n) {
    return elements(gamma, i, n, 1) * inverse_deviation(variance, i, n, c.epsilon);
  };
  spread<T, L>(slope, c.channels, slope_of);
  if (offset == nullptr) return;
  spread<T, L>(offset, c.channels, [&](int64_t i, int64_t n) {
    return elements(beta, i, n) - elements(mean, i, n) * slope_of(i, n);
  });
}

template <class T, int L>
struct Normalize {
  static void run(const KernelCall& call) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    const auto& c = call.configuration<Config>();
    const int64_t run = c.channels * L;
    auto* slope = reinterpret_cast<T*>(call.scratch);
    T* offset = slope + run;
    spread_line<T, L>(c, call.in[1], call.in[2], call.in[3], call.in[4], slope, offset);
    const T* x = call.in[0].as<T>();
    T* y = call.out[0].as<T>();
    const V floor = broadcast<V>(c.relu ? T(0) : -std::numeric_limits<T>::infinity());
    for_blocks<T>(call.groups(L) * c.positions, run, [&](int64_t first, int64_t last) {
      for_columns<W>(run, [&]<int N, bool Full>(int64_t j, int64_t width) {
        V a[N], b[N];
        for (int k = 0; k < N; ++k) {
          a[k] = get<Full, V>(slope + j + k * W, width);
          b[k] = get<Full, V>(offset + j + k * W, width);
        }
        for (int64_t at = first * run + j; at < last * run; at += run) {
          for (int k = 0; k < N; ++k) {
            const V value = fma(get<Full, V>(x + at + k * W, width), a[k], b[k]);
            put<Full>(y + at + k * W, max(floor, value), width);  // keeps NaN
          }
        }
      });
    });
  }
};

// dy, or 0 where the rectifier that follows was at 0: the same arithmetic as above says where.
template <bool Relu, class V>
FASTNN_INLINE V through_relu(V dy, V x, V slope, V offset) {
  if constexpr (Relu) {
    return select(greater(fma(x, slope, offset), zero<V>()), dy, zero<V>());
  } else {
    return dy;
  }
}

// Accumulators are a run: lanes have their own, summed when the shards are.
template <class T, int L>
struct NormalizeGradSums {
  static void run(const KernelCall& call) {
    call.configuration<Config>().relu ? compute<true>(call) : compute<false>(call);
  }

  template <bool Relu>
  static void compute(const KernelCall& call) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    const auto& c = call.configuration<Config>();
    const int64_t run = c.channels * L;
    auto* mean = reinterpret_cast<T*>(call.scratch);
    T* deviation = mean + run;
    T* slope = deviation + run;
    T* offset = slope + run;
    spread<T, L>(mean, c.channels, [&](int64_t i, int64_t n) { return elements(call.in[2], i, n); });
    spread<T, L>(deviation, c.channels,
                 [&](int64_t i, int64_t n) { return inverse_deviation(call.in[3], i, n, c.epsilon); });
    if (Relu) spread_line<T, L>(c, call.in[2], call.in[3], call.in[4], call.in[5], slope, offset);
    const T* dy = call.in[0].as<T>();
    const T* x = call.in[1].as<T>();
    T* sum_out = call.out[0].as<T>();
    T* product_out = call.out[1].as<T>();
    const int64_t runs = call.groups(L) * c.positions;
    // In blocks, so that rounding errors do not grow with the number of runs.
    for (int64_t first = 0; first < runs; first += kSumBlock) {
      const int64_t last = runs - first < kSumBlock ? runs : first + kSumBlock;
      for_columns<W>(run, [&]<int N, bool Full>(int64_t j, int64_t width) {
        V centre[N], a[N], b[N], sum[N] = {}, product[N] = {};
        for (int k = 0; k < N; ++k) {
          centre[k] = get<Full, V>(mean + j + k * W, width);
          if (Relu) a[k] = get<Full, V>(slope + j + k * W, width);
          if (Relu) b[k] = get<Full, V>(offset + j + k * W, width);
        }
        for (int64_t at = first * run + j; at < last * run; at += run) {
          for (int k = 0; k < N; ++k) {
            const V value = get<Full, V>(x + at + k * W, width);
            const V g = through_relu<Relu>(get<Full, V>(dy + at + k * W, width), value, a[k], b[k]);
            sum[k] += g;
            product[k] = fma(g, value - centre[k], product[k]);
          }
        }
        for (int k = 0; k < N; ++k) {
          T* sums = sum_out + j + k * W;
          T* products = product_out + j + k * W;
          put<Full>(sums, get<Full, V>(sums, width) + sum[k], width);
          const V scale = get<Full, V>(deviation + j + k * W, width);
          put<Full>(products, fma(product[k], scale, get<Full, V>(products, width)), width);
        }
      });
    }
  }
};

// dx = slope * dy - (constant + factor * (x - mean)); the second part is there if the statistics are x's own,
// and is left out in lanes that hold no sample.
template <class T, int L>
struct NormalizeGradInput {
  static constexpr int W = vector_lanes<T>;
  using V = Vec<T, W>;

  struct Coefficients {
    T *slope, *offset, *constant, *factor, *mean;
  };

  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t run = c.channels * L;
    Coefficients k{};
    k.slope = reinterpret_cast<T*>(call.scratch);
    k.offset = k.slope + run;
    k.constant = k.offset + run;
    k.factor = k.constant + run;
    k.mean = k.factor + run;
    spread_line<T, L>(c, call.in[2], call.in[3], call.in[4], call.in[5], k.slope,
                      c.relu ? k.offset : nullptr);
    if (c.batch_statistics) {
      const double count = static_cast<double>(call.batch) * static_cast<double>(c.positions);
      const Doubles share = broadcast<Doubles>(1 / count);
      const auto deviation = [&](int64_t i, int64_t n) {
        return inverse_deviation(call.in[3], i, n, c.epsilon);
      };
      const auto slope_of = [&](int64_t i, int64_t n) {
        return elements(call.in[4], i, n, 1) * deviation(i, n);
      };
      spread<T, L>(k.constant, c.channels,
                   [&](int64_t i, int64_t n) { return slope_of(i, n) * elements(call.in[6], i, n) * share; });
      spread<T, L>(k.factor, c.channels, [&](int64_t i, int64_t n) {
        return slope_of(i, n) * deviation(i, n) * elements(call.in[7], i, n) * share;
      });
      spread<T, L>(k.mean, c.channels, [&](int64_t i, int64_t n) { return elements(call.in[2], i, n); });
    }
    c.relu ? compute<true>(call, c, k) : compute<false>(call, c, k);
  }

  template <bool Relu>
  static void compute(const KernelCall& call, const Config& c, const Coefficients& k) {
    const int64_t run = c.channels * L;
    const int64_t runs = call.groups(L) * c.positions;
    const int64_t full = call.count / L * c.positions;  // runs all of whose lanes hold samples
    if (!c.batch_statistics) {
      pass<Relu, false>(call, run, k, 0, runs, L);
    } else {
      pass<Relu, true>(call, run, k, 0, full, L);
      pass<Relu, true>(call, run, k, full, runs, call.count % L);
    }
  }

  template <bool Relu, bool Through>
  static void pass(const KernelCall& call, int64_t run, const Coefficients& coefficients, int64_t begin,
                   int64_t end, int64_t valid) {
    const T* dy = call.in[0].as<T>() + begin * run;
    const T* x = call.in[1].as<T>() + begin * run;
    T* dx = call.out[0].as<T>() + begin * run;
    for_blocks<T>(end - begin, run, [&](int64_t first, int64_t last) {
      for_columns<W>(run, [&]<int N, bool Full>(int64_t j, int64_t width) {
        V slope[N], offset[N], constant[N], factor[N], mean[N];
        for (int k = 0; k < N; ++k) {
          const int64_t at = j + k * W;
          slope[k] = get<Full, V>(coefficients.slope + at, width);
          if (Relu) offset[k] = get<Full, V>(coefficients.offset + at, width);
          if (Through) constant[k] = get<Full, V>(coefficients.constant + at, width);
          if (Through) factor[k] = get<Full, V>(coefficients.factor + at, width);
          if (Through) mean[k] = get<Full, V>(coefficients.mean + at, width);
        }
        for (int64_t at = first * run + j; at < last * run; at += run) {
          for (int k = 0; k < N; ++k) {
            const V value = get<Full, V>(x + at + k * W, width);
            const V g = through_relu<Relu>(get<Full, V>(dy + at + k * W, width), value, slope[k], offset[k]);
            V result = g * slope[k];
            if constexpr (Through) {
              V through = fma(factor[k], value - mean[k], constant[k]);
              if (L > 1 && valid < L) through = first_lanes(through, valid);
              result -= through;
            }
            put<Full>(dx + at + k * W, result, width);
          }
        }
      });
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
                                        .scratch = run_scratch<4>,
                                        .lane_accumulators = true};

extern const Kernel normalize_grad_input_kernel;
const Kernel normalize_grad_input_kernel{.f32 = tile_kernels_f32<NormalizeGradInput>(),
                                         .f64 = tile_kernels_f64<NormalizeGradInput>(),
                                         .scratch = run_scratch<5>};

extern const Kernel moving_average_kernel;
const Kernel moving_average_kernel{.f32 = {.whole = moving_average_any},
                                   .f64 = {.whole = moving_average_any}};

}  // namespace fastnn::cpu

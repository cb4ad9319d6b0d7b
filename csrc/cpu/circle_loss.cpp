// circle_loss over a whole batch: blocks of rows of all cosines are made by matrix products, sums of
// exponentials in float64 with the largest exponent taken out.
#include "ops/circle_loss.h"

#include <algorithm>
#include <cmath>

#include "cpu/gemm.h"
#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::CircleLossConfig;

constexpr int64_t kBlock = 32;  // rows of cosines at a time

// A sum of exponentials, kept as its logarithm; minus infinity while it is empty. A NaN stays in it.
struct LogSum {
  double largest = -INFINITY;
  double sum = 0;

  void add(double exponent) {
    if (exponent > largest) {
      sum = sum * std::exp(largest - exponent) + 1;
      largest = exponent;
    } else if (exponent != -INFINITY) {
      sum += std::exp(exponent - largest);
    }
  }
  double logarithm() const { return largest + std::log(sum); }
};

template <class T>
struct Vectors {
  const Config& c;
  int64_t count;
  const T* x;
  const int32_t* labels;
  T* across;   // x transposed
  T* cosines;  // [kBlock][count]

  Vectors(const KernelCall& call, int input)
      : c(call.configuration<Config>()),
        count(call.count),
        x(call.in[input].as<T>()),
        labels(call.in[input + 1].as<int32_t>()),
        across(reinterpret_cast<T*>(call.scratch)),
        cosines(across + count * c.features) {
    transpose_matrix(x, count, c.features, c.features, across, count);
  }

  // Rows of cosines from `first` on.
  int64_t block(int64_t first) {
    Gemm<T> g;
    g.m = std::min(kBlock, count - first);
    g.n = g.b_row = g.c_row = count;
    g.inner = g.a_row = c.features;
    g.a = x + first * c.features;
    g.b = across;
    g.c = cosines;
    gemm(g);
    return g.m;
  }

  bool counts(int64_t i, int64_t j) const { return i != j || !c.remove_diagonal; }

  double exponent(double s, bool alike) const {
    return alike ? -c.gamma * std::max(1 + c.margin - s, 0.0) * (s - 1 + c.margin)
                 : c.gamma * std::max(s + c.margin, 0.0) * (s - c.margin);
  }

  double slope(double s, bool alike) const {
    if (alike) return 1 + c.margin - s > 0 ? -2 * c.gamma * (1 - s) : 0.0;
    return s + c.margin > 0 ? 2 * c.gamma * s : 0.0;
  }

  // The logarithms of both sums of a row: of those alike and of the others.
  std::pair<double, double> sums(const T* row, int64_t i) const {
    LogSum alike, other;
    for (int64_t j = 0; j < count; ++j) {
      if (!counts(i, j)) continue;
      const bool same = labels[j] == labels[i];
      (same ? alike : other).add(exponent(static_cast<double>(row[j]), same));
    }
    return {alike.logarithm(), other.logarithm()};
  }
};

template <class T>
void circle_loss_whole(const KernelCall& call) {
  Vectors<T> vectors(call, 0);
  T* loss = call.out[0].as<T>();
  for (int64_t first = 0; first < vectors.count; first += kBlock) {
    const int64_t rows = vectors.block(first);
    for (int64_t r = 0; r < rows; ++r) {
      const auto [alike, other] = vectors.sums(vectors.cosines + r * vectors.count, first + r);
      const double z = alike + other;
      loss[first + r] = static_cast<T>(std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))));
    }
  }
}

// With G(i, j) the gradient with respect to cosine (i, j), that with respect to x is (G + G') x.
template <class T>
void circle_loss_grad_whole(const KernelCall& call) {
  Vectors<T> vectors(call, 1);
  const Config& c = vectors.c;
  const T* dloss = call.in[0].as<T>();
  T* dx = call.out[0].as<T>();
  std::fill_n(dx, vectors.count * c.features, T(0));
  for (int64_t first = 0; first < vectors.count; first += kBlock) {
    const int64_t rows = vectors.block(first);
    for (int64_t r = 0; r < rows; ++r) {
      T* row = vectors.cosines + r * vectors.count;
      const int64_t i = first + r;
      const auto [alike, other] = vectors.sums(row, i);
      const double z = alike + other;
      const bool none = z == -INFINITY;
      const double scale = none ? 0.0 : static_cast<double>(dloss[i]) / (1 + std::exp(-z));
      for (int64_t j = 0; j < vectors.count; ++j) {
        const double s = static_cast<double>(row[j]);
        const bool same = vectors.labels[j] == vectors.labels[i];
        double g = 0;
        if (vectors.counts(i, j) && !none) {
          g = scale * vectors.slope(s, same) * std::exp(vectors.exponent(s, same) - (same ? alike : other));
        }
        row[j] = static_cast<T>(g);
      }
    }
    Gemm<T> g;
    g.m = rows;
    g.n = g.b_row = g.c_row = c.features;
    g.inner = g.a_row = vectors.count;
    g.a = vectors.cosines;
    g.b = vectors.x;
    g.c = dx + first * c.features;
    g.accumulate = true;
    gemm(g);
    g.m = vectors.count;
    g.inner = rows;
    g.a_row = 1;
    g.a_col = vectors.count;
    g.b = vectors.x + first * c.features;
    g.c = dx;
    gemm(g);
  }
}

int64_t circle_loss_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return query.samples * (c.features + kBlock) * dtype_size(query.out[0].dtype);
}

}  // namespace

extern const Kernel circle_loss_kernel;
const Kernel circle_loss_kernel{.f32 = {.whole = circle_loss_whole<float>},
                                .f64 = {.whole = circle_loss_whole<double>},
                                .whole_scratch = circle_loss_scratch,
                                .whole_rows_inputs = 0b11};

extern const Kernel circle_loss_grad_kernel;
const Kernel circle_loss_grad_kernel{.f32 = {.whole = circle_loss_grad_whole<float>},
                                     .f64 = {.whole = circle_loss_grad_whole<double>},
                                     .whole_scratch = circle_loss_scratch,
                                     .whole_rows_inputs = 0b111};

}  // namespace fastnn::cpu

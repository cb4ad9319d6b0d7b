// nt_xent over a whole batch: views are divided by their lengths, and blocks of rows of all cosines are made
// by matrix products. A length below kShortest counts as that, so that a view of zeros has cosines of 0.
#include "ops/nt_xent.h"

#include <algorithm>
#include <cmath>

#include "cpu/gemm.h"
#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::NtXentConfig;

constexpr int64_t kBlock = 32;  // rows of cosines at a time
constexpr double kShortest = 1e-12;

template <class T>
struct Views {
  const Config& c;
  int64_t count;  // of views in the batch
  T* unit;        // [count][features]: divided by their lengths
  T* across;      // the same, transposed
  T* lengths;     // [count]
  T* cosines;     // [kBlock][count], then probabilities

  Views(const KernelCall& call, int input) : c(call.configuration<Config>()), count(call.count * c.views) {
    unit = reinterpret_cast<T*>(call.scratch);
    across = unit + count * c.features;
    lengths = across + count * c.features;
    cosines = lengths + count;
    const T* x = call.in[input].as<T>();
    for (int64_t i = 0; i < count; ++i, x += c.features) {
      double square = 0;
      for (int64_t f = 0; f < c.features; ++f)
        square += static_cast<double>(x[f]) * static_cast<double>(x[f]);
      lengths[i] = static_cast<T>(std::max(std::sqrt(square), kShortest));
      for (int64_t f = 0; f < c.features; ++f) unit[i * c.features + f] = x[f] / lengths[i];
    }
    transpose_matrix(unit, count, c.features, c.features, across, count);
  }

  // Rows of cosines from `first` on.
  int64_t block(int64_t first) {
    Gemm<T> g;
    g.m = std::min(kBlock, count - first);
    g.n = g.b_row = g.c_row = count;
    g.inner = g.a_row = c.features;
    g.a = unit + first * c.features;
    g.b = across;
    g.c = cosines;
    gemm(g);
    return g.m;
  }

  // Turns a row of cosines into probabilities of the other views; returns the view's loss.
  double finish(T* row, int64_t view) const {
    const int64_t sample = view / c.views * c.views;
    double largest = -INFINITY, positive = 0;
    for (int64_t j = 0; j < count; ++j) {
      if (j == view) continue;
      largest = std::max(largest, static_cast<double>(row[j]) / c.temperature);
      if (j >= sample && j < sample + c.views) positive += static_cast<double>(row[j]) / c.temperature;
    }
    double sum = 0;
    for (int64_t j = 0; j < count; ++j) {
      const double p = j == view ? 0.0 : std::exp(static_cast<double>(row[j]) / c.temperature - largest);
      row[j] = static_cast<T>(p);
      sum += p;
    }
    for (int64_t j = 0; j < count; ++j) row[j] = static_cast<T>(static_cast<double>(row[j]) / sum);
    return largest + std::log(sum) - positive / static_cast<double>(c.views - 1);
  }
};

template <class T>
void nt_xent_whole(const KernelCall& call) {
  Views<T> views(call, 0);
  const int64_t of_sample = views.c.views;
  T* loss = call.out[0].as<T>();
  double total = 0;
  for (int64_t first = 0; first < views.count; first += kBlock) {
    const int64_t rows = views.block(first);
    for (int64_t r = 0; r < rows; ++r) {
      total += views.finish(views.cosines + r * views.count, first + r);
      if ((first + r + 1) % of_sample == 0) {
        loss[(first + r) / of_sample] = static_cast<T>(total / static_cast<double>(of_sample));
        total = 0;
      }
    }
  }
}

// With G(i, j) the gradient with respect to cosine (i, j), the unit vectors' gradients are (G + G') unit.
template <class T>
void nt_xent_grad_whole(const KernelCall& call) {
  Views<T> views(call, 1);
  const Config& c = views.c;
  const T* dloss = call.in[0].as<T>();
  T* dx = call.out[0].as<T>();
  std::fill_n(dx, views.count * c.features, T(0));
  for (int64_t first = 0; first < views.count; first += kBlock) {
    const int64_t rows = views.block(first);
    for (int64_t r = 0; r < rows; ++r) {
      T* row = views.cosines + r * views.count;
      const int64_t view = first + r, sample = view / c.views * c.views;
      views.finish(row, view);
      for (int64_t j = sample; j < sample + c.views; ++j) {
        if (j != view) row[j] -= static_cast<T>(1.0 / static_cast<double>(c.views - 1));
      }
      const T scale = static_cast<T>(static_cast<double>(dloss[view / c.views]) /
                                     (c.temperature * static_cast<double>(c.views)));
      for (int64_t j = 0; j < views.count; ++j) row[j] *= scale;
    }
    Gemm<T> g;
    g.m = rows;
    g.n = g.b_row = g.c_row = c.features;
    g.inner = g.a_row = views.count;
    g.a = views.cosines;
    g.b = views.unit;
    g.c = dx + first * c.features;
    g.accumulate = true;
    gemm(g);
    g.m = views.count;
    g.inner = rows;
    g.a_row = 1;
    g.a_col = views.count;
    g.b = views.unit + first * c.features;
    g.c = dx;
    gemm(g);
  }
  for (int64_t i = 0; i < views.count; ++i) {  // from the unit vector's to the view's own
    const T* unit = views.unit + i * c.features;
    T* d = dx + i * c.features;
    double along = 0;
    for (int64_t f = 0; f < c.features; ++f)
      along += static_cast<double>(d[f]) * static_cast<double>(unit[f]);
    for (int64_t f = 0; f < c.features; ++f)
      d[f] = (d[f] - static_cast<T>(along) * unit[f]) / views.lengths[i];
  }
}

int64_t nt_xent_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  const int64_t count = query.samples * c.views;
  return (2 * count * c.features + count + kBlock * count) * dtype_size(query.out[0].dtype);
}

}  // namespace

extern const Kernel nt_xent_kernel;
const Kernel nt_xent_kernel{.f32 = {.whole = nt_xent_whole<float>},
                            .f64 = {.whole = nt_xent_whole<double>},
                            .whole_scratch = nt_xent_scratch,
                            .whole_rows_inputs = 0b1};

extern const Kernel nt_xent_grad_kernel;
const Kernel nt_xent_grad_kernel{.f32 = {.whole = nt_xent_grad_whole<float>},
                                 .f64 = {.whole = nt_xent_grad_whole<double>},
                                 .whole_scratch = nt_xent_scratch,
                                 .whole_rows_inputs = 0b11};

}  // namespace fastnn::cpu

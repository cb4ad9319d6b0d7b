// dense and its gradients. Lanes: every weight is broadcast against vectors of samples, so any width runs at
// full vector rate and weights need no packing. Rows: see gemm.h.
#include "ops/dense.h"

#include <algorithm>
#include <limits>

#include "cpu/activation.h"
#include "cpu/dense_lanes.h"
#include "cpu/gemm.h"
#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::DenseConfig;

template <class T, int L>
struct Dense {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const T* bias = c.has_bias ? call.in[2].as<T>() : nullptr;
    const T* x = call.in[0].as<T>();
    const T* kernel = call.in[1].as<T>();
    T* out = call.out[0].as<T>();
    const int64_t rows = call.groups(L) * c.positions;
    if constexpr (L == 1) {
      lane_product<T, L>(x, c.in, kernel, c.out, 1, c.out, bias, out, rows);
      apply_activation(c.activation, out, rows * c.out);
    } else {
      const bool relu = c.activation.kind == ops::ActivationKind::relu;
      const T floor = relu ? T(0) : -std::numeric_limits<T>::infinity();
      lane_tiles<T, L>(x, c.in, kernel, c.out, bias, floor, out, rows, [&](T* done, int64_t count) {
        if (!relu) apply_activation(c.activation, done, count);
      });
    }
  }
};

// Rows of samples that are worth a transposed copy of the kernel.
constexpr int64_t kRowsForCopy = 8;

template <class T, int L>
struct DenseGradInput {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const T* dy = call.in[0].as<T>();
    const T* kernel = call.in[1].as<T>();
    T* dx = call.out[0].as<T>();
    const int64_t rows = call.groups(L) * c.positions;
    if constexpr (L > 1) {
      if (rows >= kRowsForCopy) {
        T* copy = reinterpret_cast<T*>(call.scratch);
        transpose_matrix(kernel, c.in, c.out, c.out, copy, c.in);
        const T* none = nullptr;
        lane_tiles<T, L>(dy, c.out, copy, c.in, none, -std::numeric_limits<T>::infinity(), dx, rows,
                         [](T*, int64_t) {});
        return;
      }
    }
    lane_product<T, L>(dy, c.out, kernel, 1, c.out, c.in, nullptr, dx, rows);
  }
};

// Adds the tile's share: accumulators [in][out]. What lies in lanes of padding has no gradient.
template <class T, int L>
struct DenseGradKernelPartial {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    lane_outer_product<T, L>(call.in[0].as<T>(), c.in, call.in[1].as<T>(), c.out,
                             call.groups(L) * c.positions, call.out[0].as<T>());
  }
};

// ---- Rows

// The products' shapes and strides, for scratch and for the run alike.
template <class T>
Gemm<T> forward_product(const Config& c, int64_t samples) {
  Gemm<T> g;
  g.m = samples * c.positions;
  g.n = g.b_row = g.c_row = c.out;
  g.inner = g.a_row = c.in;
  return g;
}
template <class T>
Gemm<T> input_gradient_product(const Config& c, int64_t samples) {
  Gemm<T> g;
  g.m = samples * c.positions;
  g.n = g.b_row = g.c_row = c.in;
  g.inner = g.a_row = c.out;
  return g;
}
template <class T>
Gemm<T> kernel_gradient_product(const Config& c, int64_t rows, int64_t samples) {
  Gemm<T> g;
  g.m = rows;
  g.n = g.b_row = g.c_row = c.out;
  g.inner = samples * c.positions;
  g.a_row = 1;
  g.a_col = c.in;
  return g;
}

template <class T>
void dense_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  Gemm<T> g = forward_product<T>(c, call.count);
  g.a = call.in[0].as<T>();
  g.b = call.in[1].as<T>();
  g.c = call.out[0].as<T>();
  g.bias = c.has_bias ? call.in[2].as<T>() : nullptr;
  gemm(g, call.scratch);
  apply_activation(c.activation, g.c, g.m * g.n);
}

// dx = dy . kernel^T, with the kernel transposed once a step, so that vectors run along the inputs.
template <class T>
void dense_grad_input_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  if (call.in[1].rank != 1) {  // no parameter, so not packed
    DenseGradInput<T, 1>::run(call);
    return;
  }
  Gemm<T> g = input_gradient_product<T>(c, call.count);
  g.a = call.in[0].as<T>();
  g.b = call.in[1].as<T>();
  g.c = call.out[0].as<T>();
  gemm(g, call.scratch);
}

constexpr int64_t kPackRows = 64;

template <class T>
void pack_transposed(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t in = c.in, out = c.out;
  const int64_t first = call.unit_begin * kPackRows;
  const int64_t last = call.unit_end * kPackRows < in ? call.unit_end * kPackRows : in;
  transpose_matrix(call.in[0].as<T>() + first * out, last - first, out, out, call.out[0].as<T>() + first, in);
}

int64_t pack_elements(const KernelQuery& query) { return query.in[0].size; }
int64_t pack_units(const KernelQuery& query) {
  return (static_cast<const Config*>(query.config)->in + kPackRows - 1) / kPackRows;
}

template <class T>
void dense_grad_kernel_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  Gemm<T> g = kernel_gradient_product<T>(c, c.in, call.count);
  g.a = call.in[0].as<T>();
  g.b = call.in[1].as<T>();
  g.c = call.out[0].as<T>();
  g.accumulate = true;
  gemm(g, call.scratch);
}

/// Scratch of a row kernel, from the product that it computes.
template <class Product>
int64_t product_scratch(const KernelQuery& query, Product product) {
  const auto& c = *static_cast<const Config*>(query.config);
  if (query.lanes > 1) return 0;
  return query.out[0].dtype == DType::f64 ? gemm_scratch(product.template operator()<double>(c))
                                          : gemm_scratch(product.template operator()<float>(c));
}
int64_t dense_scratch(const KernelQuery& query) {
  return product_scratch(query,
                         [&]<class T>(const Config& c) { return forward_product<T>(c, query.samples); });
}
int64_t dense_grad_input_scratch(const KernelQuery& query) {
  if (query.lanes > 1) {
    const auto& c = *static_cast<const Config*>(query.config);
    const int64_t rows = (query.samples + query.lanes - 1) / query.lanes * c.positions;
    return rows < kRowsForCopy ? 0 : c.in * c.out * dtype_size(query.out[0].dtype);
  }
  return product_scratch(
      query, [&]<class T>(const Config& c) { return input_gradient_product<T>(c, query.samples); });
}
int64_t dense_grad_kernel_scratch(const KernelQuery& query) {
  return product_scratch(
      query, [&]<class T>(const Config& c) { return kernel_gradient_product<T>(c, c.in, query.samples); });
}

// ---- Whole: all threads at one product, in blocks of its rows and columns ---------------------------------

struct ProductBlocks {
  int64_t rows, columns;  // of a block
  int64_t across;         // blocks beside each other

  // Blocks large enough to use each packed panel often, and enough of them for many threads.
  ProductBlocks(int64_t m, int64_t n) : rows(std::min<int64_t>(m, 512)), columns(256) {
    constexpr int64_t kEnough = 16;
    const auto count = [&] { return ((m + rows - 1) / rows) * ((n + columns - 1) / columns); };
    while (columns > 64 && count() < kEnough) columns /= 2;
    while (rows > 32 && count() < kEnough) rows = (rows + 1) / 2;
    across = (n + columns - 1) / columns;
  }
  int64_t count(int64_t m) const { return (m + rows - 1) / rows * across; }
  // The part of a product that is unit `u`; m and n are 0 where there is nothing to do.
  template <class T>
  Gemm<T> part(Gemm<T> g, int64_t u) const {
    const int64_t row = u / across * rows, column = u % across * columns;
    g.a += row * g.a_row;
    g.b += column * g.b_col;
    g.c += row * g.c_row + column;
    if (g.bias != nullptr) g.bias += column;
    g.m = std::max<int64_t>(0, std::min(rows, g.m - row));
    g.n = std::min(columns, g.n - column);
    return g;
  }
};

template <class T>
ProductBlocks blocks_of(const Gemm<T>& g) {
  return {g.m, g.n};
}

template <class T>
struct FinishRows {
  static void apply(const void* context, T* c, int64_t c_row, int64_t rows, int64_t columns) {
    const auto& activation = *static_cast<const ops::ActivationConfig*>(context);
    for (int64_t r = 0; r < rows; ++r) apply_activation(activation, c + r * c_row, columns);
  }
};

template <class T>
void dense_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const ProductBlocks blocks = blocks_of(forward_product<T>(c, call.capacity));
  Gemm<T> g = forward_product<T>(c, call.count);
  g.a = call.in[0].as<T>();
  g.b = call.in[1].as<T>();
  g.c = call.out[0].as<T>();
  g.bias = c.has_bias ? call.in[2].as<T>() : nullptr;
  GemmFinish<T> finish;
  if (c.activation.kind != ops::ActivationKind::linear) finish = {FinishRows<T>::apply, &c.activation};
  for (int64_t u = call.unit_begin; u < call.unit_end; ++u) gemm(blocks.part(g, u), call.scratch, finish);
}

// The kernel is transposed where the product packs it.
template <class T>
Gemm<T> whole_input_gradient(const Config& c, int64_t samples) {
  Gemm<T> g = input_gradient_product<T>(c, samples);
  g.b_row = 1;
  g.b_col = c.out;
  return g;
}

template <class T>
void dense_grad_input_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const ProductBlocks blocks = blocks_of(whole_input_gradient<T>(c, call.capacity));
  Gemm<T> g = whole_input_gradient<T>(c, call.count);
  g.a = call.in[0].as<T>();
  g.b = call.in[1].as<T>();
  g.c = call.out[0].as<T>();
  for (int64_t u = call.unit_begin; u < call.unit_end; ++u) gemm(blocks.part(g, u), call.scratch);
}

template <class Product>
int64_t product_units(const KernelQuery& query, Product product) {
  const Gemm<float> g = product(*static_cast<const Config*>(query.config));
  return blocks_of(g).count(g.m);
}
int64_t dense_units(const KernelQuery& query) {
  return product_units(query, [&](const Config& c) { return forward_product<float>(c, query.samples); });
}
int64_t dense_grad_input_units(const KernelQuery& query) {
  return product_units(query,
                       [&](const Config& c) { return input_gradient_product<float>(c, query.samples); });
}
int64_t dense_whole_scratch(const KernelQuery& query) {
  return product_scratch(query, [&]<class T>(const Config& c) {
    const Gemm<T> g = forward_product<T>(c, query.samples);
    return blocks_of(g).part(g, 0);
  });
}
int64_t dense_grad_input_whole_scratch(const KernelQuery& query) {
  return product_scratch(query, [&]<class T>(const Config& c) {
    const Gemm<T> g = whole_input_gradient<T>(c, query.samples);
    return blocks_of(g).part(g, 0);
  });
}

// ---- Whole: the kernel's gradient over the full batch -----------------------------------------------------

constexpr int64_t kUnitRows = 24;  // of the kernel's gradient

int64_t grad_kernel_units(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return (c.in + kUnitRows - 1) / kUnitRows;
}
OutputPart grad_kernel_part(const KernelQuery& query, int64_t unit) {
  const auto& c = *static_cast<const Config*>(query.config);
  const int64_t row = unit * kUnitRows;
  return {row * c.out, 1, (c.in - row < kUnitRows ? c.in - row : kUnitRows) * c.out, 0};
}
int64_t grad_kernel_whole_scratch(const KernelQuery& query) {
  return product_scratch(query, [&]<class T>(const Config& c) {
    return kernel_gradient_product<T>(c, kUnitRows, query.samples);
  });
}

// x in any layout, dy in rows; samples are summed in order.
template <class T>
void dense_grad_kernel_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const View& x = call.in[0];
  const int64_t lanes = x.lanes;
  const int64_t last = call.unit_end * kUnitRows < c.in ? call.unit_end * kUnitRows : c.in;
  for (int64_t first = call.unit_begin * kUnitRows; first < last; first += kUnitRows) {
    const int64_t rows = last - first < kUnitRows ? last - first : kUnitRows;
    Gemm<T> g = kernel_gradient_product<T>(c, rows, call.count);
    g.c = call.out[0].as<T>() + first * c.out;
    if (lanes == 1) {
      g.a = x.as<T>() + first;
      g.b = call.in[1].as<T>();
      gemm(g, call.scratch);
      continue;
    }
    g.a_col = 1;
    g.a_row = lanes;
    g.a_outer = x.size * lanes;
    g.b_row = c.positions * c.out;
    g.b_outer = lanes * g.b_row;
    for (int64_t p = 0; p < c.positions; ++p) {
      g.accumulate = p > 0;
      g.a = x.as<T>() + (p * c.in + first) * lanes;
      g.b = call.in[1].as<T>() + p * c.out;
      g.outer = call.count / lanes;
      g.inner = lanes;
      gemm(g);
      if (const int64_t rest = call.count % lanes; rest > 0) {
        g.a += g.outer * g.a_outer;
        g.b += g.outer * g.b_outer;
        g.outer = 1;
        g.inner = rest;
        g.accumulate = true;
        gemm(g);
      }
    }
  }
}

}  // namespace

extern const Kernel dense_kernel;
const Kernel dense_kernel{.f32 = {.rows = dense_rows<float>,
                                  .lanes = Dense<float, vector_lanes<float>>::run,
                                  .whole = dense_whole<float>},
                          .f64 = {.rows = dense_rows<double>,
                                  .lanes = Dense<double, vector_lanes<double>>::run,
                                  .whole = dense_whole<double>},
                          .scratch = dense_scratch,
                          .whole_scratch = dense_whole_scratch,
                          .units = dense_units,
                          .team = true,
                          .whole_rows_inputs = 0b1};

extern const Kernel dense_grad_input_kernel;
const Kernel dense_grad_input_kernel{.f32 = {.rows = dense_grad_input_rows<float>,
                                             .lanes = DenseGradInput<float, vector_lanes<float>>::run,
                                             .whole = dense_grad_input_whole<float>},
                                     .f64 = {.rows = dense_grad_input_rows<double>,
                                             .lanes = DenseGradInput<double, vector_lanes<double>>::run,
                                             .whole = dense_grad_input_whole<double>},
                                     .scratch = dense_grad_input_scratch,
                                     .whole_scratch = dense_grad_input_whole_scratch,
                                     .units = dense_grad_input_units,
                                     .team = true,
                                     .whole_rows_inputs = 0b1,
                                     .pack_input = 1,
                                     .pack_elements = pack_elements,
                                     .pack_f32 = pack_transposed<float>,
                                     .pack_f64 = pack_transposed<double>,
                                     .pack_units = pack_units};

extern const Kernel dense_grad_kernel_kernel;
const Kernel dense_grad_kernel_kernel{
    .f32 = {.rows = dense_grad_kernel_rows<float>,
            .lanes = DenseGradKernelPartial<float, vector_lanes<float>>::run,
            .whole = dense_grad_kernel_whole<float>},
    .f64 = {.rows = dense_grad_kernel_rows<double>,
            .lanes = DenseGradKernelPartial<double, vector_lanes<double>>::run,
            .whole = dense_grad_kernel_whole<double>},
    .scratch = dense_grad_kernel_scratch,
    .whole_scratch = grad_kernel_whole_scratch,
    .units = grad_kernel_units,
    .unit_part = grad_kernel_part,
    .whole_rows_inputs = 0b10};

}  // namespace fastnn::cpu

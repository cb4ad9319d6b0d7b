// conv2d and its input gradient, both as correlations (conv2d_correlate.h). The kernel's gradient is in
// conv2d_grad_kernel.cpp.
#include "ops/conv2d.h"

#include "cpu/activate_row.h"
#include "cpu/conv2d_correlate.h"
#include "cpu/conv2d_phase.h"
#include "cpu/kernels.h"
#include "cpu/max_pool.h"

namespace fastnn::cpu {

namespace {

using Config = ops::Conv2dConfig;

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// ---- Forward --------------------------------------------------------------------------------------------

Correlation forward_shape(const Config& c) {
  const ops::Window2d& w = c.window;
  return {.in_height = w.height,
          .in_width = w.width,
          .in_channels = c.in,
          .out_height = w.out_height,
          .out_width = w.out_width,
          .groups = c.groups,
          .run = c.group_in(),
          .columns = c.group_out(),
          .taps_y = w.rows,
          .taps_x = w.columns,
          .stride_y = w.stride_y,
          .stride_x = w.stride_x,
          .step_y = w.dilation_y,
          .step_x = w.dilation_x,
          .origin_y = -w.pad_top,
          .origin_x = -w.pad_left,
          .w_group = c.group_out(),
          .w_row = w.columns * c.group_in() * c.out,
          .w_tap = c.group_in() * c.out,
          .w_channel = c.out,
          .out_row = w.out_width * c.out,
          .out_position = c.out};
}

// Rows load whole vectors of weights: where a group's channels do not fill them, kernel and bias are copied
// with zeros behind each group's channels. Returns false when no copy is needed.
template <class T, int E>
bool pad_weights(const Config& c, Correlation& shape, const T*& kernel, const T*& bias, Scratch& scratch) {
  constexpr int64_t L = vector_lanes<T>;
  if (E > 1 || c.group_out() % L == 0) return false;
  const int64_t columns = round_up(c.group_out(), L);
  const int64_t depth = c.window.taps() * c.group_in();
  T* weights = scratch.take<T>(c.groups * depth * columns);
  T* start = c.has_bias ? scratch.take<T>(c.groups * columns) : nullptr;
  if (weights != nullptr) {
    for (int64_t g = 0; g < c.groups; ++g) {
      const auto copy = [&](const T* from, T* to) {
        std::copy(from, from + c.group_out(), to);
        std::fill(to + c.group_out(), to + columns, T(0));
      };
      for (int64_t k = 0; k < depth; ++k) {
        copy(kernel + k * c.out + g * c.group_out(), weights + (g * depth + k) * columns);
      }
      if (c.has_bias) copy(bias + g * c.group_out(), start + g * columns);
    }
  }
  kernel = weights;
  bias = start;
  shape.w_channel = columns;
  shape.w_tap = c.group_in() * columns;
  shape.w_row = c.window.columns * shape.w_tap;
  shape.w_group = depth * columns;
  return true;
}

template <class T, int E>
struct Conv2d {
  static void run(const KernelCall& call) { compute(call.configuration<Config>(), &call, call.scratch); }
  static int64_t scratch(const Config& c) { return compute(c, nullptr, nullptr); }

 private:
  static int64_t compute(const Config& c, const KernelCall* call, std::byte* memory) {
    Scratch scratch(memory);
    Correlation shape = forward_shape(c);
    const T* kernel = call != nullptr ? call->in[1].as<T>() : nullptr;
    const T* bias = call != nullptr && c.has_bias ? call->in[2].as<T>() : nullptr;
    pad_weights<T, E>(c, shape, kernel, bias, scratch);
    const ops::Window2d& pool = c.pool.window;
    if (c.pools) {
      const auto [height, width] = ops::pool2d_seen(pool);
      shape.out_height = height;
      shape.out_width = width;
    } else {
      shape.flatten();
    }
    // The rows that a window sees stay in the first-level cache; where channels come in several passes, all.
    const int64_t ring = !c.pools ? 0 : E > 1 ? std::min(pool.span_y(), pool.height) : pool.height;
    T* rows = scratch.take<T>(ring * pool.width * c.out * E);
    const bool relu = c.activation.kind == ActivationKind::relu;
    const T floor = relu ? T(0) : -std::numeric_limits<T>::infinity();
    Correlator<T, E> correlator(shape, kernel, bias, floor, scratch);
    if (call == nullptr) return scratch.used();
    const T* x = call->in[0].as<T>();
    T* y = call->out[0].as<T>();
    const int64_t in_size = call->in[0].size * E, out_size = call->out[0].size * E;
    const auto activate = [&](T* row, int64_t count) {
      if (!relu && c.activation.kind != ActivationKind::linear) activate_row(c.activation, row, count);
    };
    if (!c.pools) {
      correlator.run(x, in_size, y, out_size, call->groups(E), activate);
      return 0;
    }
    const auto row_at = [&](int64_t oy) { return rows + oy % ring * pool.width * c.out * E; };
    for (int64_t image = 0; image < call->groups(E); ++image) {
      int64_t next = 0;  // row of windows
      T* out = y + image * out_size;
      correlator.run(
          x + image * in_size, in_size, 1, [&](int64_t, int64_t oy) { return row_at(oy); },
          [&](int64_t oy, T* row, int64_t count) {
            activate(row, count);
            while (next < pool.out_height &&
                   std::min(next * pool.stride_y - pool.pad_top + pool.span_y(), pool.height) <= oy + 1) {
              max_pool_row(pool, next, row_at, out + next * pool.out_width * c.out * E, c.out * E);
              ++next;
            }
          });
    }
    return 0;
  }
};

// ---- Input gradient -------------------------------------------------------------------------------------
//
// dx at (iy, ix) gathers dy from the taps that reach it: those with iy + pad - ky * dilation divisible by the
// stride. For one phase (iy mod stride, ix mod stride) these are every stride-th tap, and dx is the
// correlation of dy with them in reverse order. The kernel is packed with its taps reversed and its channels
// exchanged: (kh, kw, out, in).

// columns: channels of dx that a packed row holds for each group, padding included.
Correlation input_shape(const Config& c, const PhaseAxis& y, const PhaseAxis& x, int64_t columns) {
  const ops::Window2d& w = c.window;
  return {.in_height = w.out_height,
          .in_width = w.out_width,
          .in_channels = c.out,
          .out_height = y.count,
          .out_width = x.count,
          .groups = c.groups,
          .run = c.group_out(),
          .columns = c.group_in(),
          .taps_y = y.taps,
          .taps_x = x.taps,
          .stride_y = 1,
          .stride_x = 1,
          .step_y = w.dilation_y,
          .step_x = w.dilation_x,
          .origin_y = y.origin,
          .origin_x = x.origin,
          .w_group = c.group_out() * columns,
          .w_row = w.stride_y * w.columns * c.out * columns,
          .w_tap = w.stride_x * c.out * columns,
          .w_channel = columns,
          .out_row = w.stride_y * w.width * c.in,
          .out_position = w.stride_x * c.in};
}

// kernel (kh, kw, in, out) -> (kh, kw, out, columns) with the taps in reverse, channels past `in` 0.
template <class T>
void pack_reversed(const T* kernel, int64_t taps, int64_t in, int64_t out, int64_t columns, T* packed) {
  for (int64_t t = 0; t < taps; ++t) {
    const T* from = kernel + (taps - 1 - t) * in * out;
    T* to = packed + t * out * columns;
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i) to[o * columns + i] = from[i * out + o];
      for (int64_t i = in; i < columns; ++i) to[o * columns + i] = T(0);
    }
  }
}

template <class T, int E>
struct Conv2dGradInput {
  static void run(const KernelCall& call) {
    compute(call.configuration<Config>(), &call, call.scratch, call.in[1].rank == 1);
  }
  static int64_t scratch(const Config& c, bool packed) { return compute(c, nullptr, nullptr, packed); }

 private:
  static int64_t compute(const Config& c, const KernelCall* call, std::byte* memory, bool packed) {
    const ops::Window2d& w = c.window;
    const int64_t columns = E > 1 ? c.group_in() : round_up(c.group_in(), vector_lanes<T>);
    Scratch scratch(memory);
    const T* kernel = call != nullptr ? call->in[1].as<T>() : nullptr;
    if (!packed) {
      T* own = scratch.take<T>(w.taps() * c.out * columns);
      if (call != nullptr) pack_reversed(kernel, w.taps(), c.group_in(), c.out, columns, own);
      kernel = own;
    }
    int64_t most = 0;
    // Strides larger than the kernel leave out cells, whose gradient is 0.
    if (call != nullptr && (w.stride_y > w.rows || w.stride_x > w.columns)) {
      std::fill_n(call->out[0].as<T>(), call->groups(E) * call->out[0].size * E, T(0));
    }
    for (int64_t py = 0; py < std::min(w.stride_y, w.height); ++py) {
      const PhaseAxis y = phase_axis(py, w.height, w.pad_top, w.rows, w.stride_y, w.dilation_y);
      for (int64_t px = 0; px < std::min(w.stride_x, w.width); ++px) {
        const PhaseAxis x = phase_axis(px, w.width, w.pad_left, w.columns, w.stride_x, w.dilation_x);
        if (y.taps == 0 || x.taps == 0) continue;
        Correlation shape = input_shape(c, y, x, columns);
        shape.flatten();
        Scratch rest = scratch;
        const int64_t offset = (y.offset * w.columns + x.offset) * c.out * columns;
        Correlator<T, E> correlator(shape, kernel == nullptr ? nullptr : kernel + offset, nullptr,
                                    -std::numeric_limits<T>::infinity(), rest);
        most = std::max(most, rest.used());
        if (call == nullptr) continue;
        const T* dy = call->in[0].as<T>();
        T* dx = call->out[0].as<T>() + (y.first * w.width + x.first) * c.in * E;
        correlator.run(dy, call->in[0].size * E, dx, call->out[0].size * E, call->groups(E),
                       [](T*, int64_t) {});
      }
    }
    return most;
  }
};

// The planner's packed form for rows; in[0] is the kernel.
int64_t packed_elements(const KernelQuery& query) {
  const View& kernel = query.in[0];
  const int64_t L = kernel.dtype == DType::f64 ? vector_lanes<double> : vector_lanes<float>;
  return kernel.dims[0] * kernel.dims[1] * kernel.dims[3] * round_up(kernel.dims[2], L);
}

template <class T>
void pack_kernel(const KernelCall& call) {
  const int64_t* dims = call.in[0].dims;
  pack_reversed(call.in[0].as<T>(), dims[0] * dims[1], dims[2], dims[3], round_up(dims[2], vector_lanes<T>),
                call.out[0].as<T>());
}

template <template <class, int> class K, class... Args>
int64_t scratch_of(const KernelQuery& query, Args... args) {
  const auto& c = *static_cast<const Config*>(query.config);
  if (query.in[0].dtype == DType::f64) {
    return query.lanes == 1 ? K<double, 1>::scratch(c, args...)
                            : K<double, vector_lanes<double>>::scratch(c, args...);
  }
  return query.lanes == 1 ? K<float, 1>::scratch(c, args...)
                          : K<float, vector_lanes<float>>::scratch(c, args...);
}

}  // namespace

extern const Kernel conv2d_kernel;
const Kernel conv2d_kernel{.f32 = tile_kernels_f32<Conv2d>(),
                           .f64 = tile_kernels_f64<Conv2d>(),
                           .scratch = [](const KernelQuery& query) { return scratch_of<Conv2d>(query); }};

extern const Kernel conv2d_grad_input_kernel;
const Kernel conv2d_grad_input_kernel{
    .f32 = tile_kernels_f32<Conv2dGradInput>(),
    .f64 = tile_kernels_f64<Conv2dGradInput>(),
    .scratch =
        [](const KernelQuery& query) { return scratch_of<Conv2dGradInput>(query, query.in[1].rank == 1); },
    .pack_input = 1,
    .pack_elements = packed_elements,
    .pack_f32 = pack_kernel<float>,
    .pack_f64 = pack_kernel<double>};

}  // namespace fastnn::cpu

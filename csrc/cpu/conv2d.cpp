// conv2d and its input gradient, both as correlations (conv2d_correlate.h, conv2d_winograd.h). The kernel's
// gradient is in conv2d_grad_kernel.cpp.
#include "ops/conv2d.h"

#include "cpu/activate_row.h"
#include "cpu/conv2d_correlate.h"
#include "cpu/conv2d_phase.h"
#include "cpu/conv2d_shape.h"
#include "cpu/conv2d_winograd_operands.h"
#include "cpu/kernels.h"
#include "cpu/max_pool.h"

namespace fastnn::cpu {

namespace {

using Config = ops::Conv2dConfig;

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

template <class T>
constexpr T kNoFloor = -std::numeric_limits<T>::infinity();

template <class T, int E>
constexpr bool rows_f32 = std::is_same_v<T, float> && E == 1;

// ---- Winograd's form ------------------------------------------------------------------------------------

// Images that are convolved before they are pooled: enough to share a pass over the weights.
int64_t pooled_images(const Config& c, int64_t images) {
  constexpr int64_t kPositions = 256;
  return std::min(images, (kPositions + c.window.positions() - 1) / c.window.positions());
}

// The planner's packed form of the forward pass.
int64_t packed_forward_elements(const KernelQuery& query) {
  const Correlation shape = forward_shape(*static_cast<const Config*>(query.config));
  const bool serves = query.in[0].dtype == DType::f32 && winograd_serves(shape);
  return serves ? winograd_weight_elements(shape) : 0;
}
int64_t packed_forward_units(const KernelQuery& query) {
  return winograd_weight_units(forward_shape(*static_cast<const Config*>(query.config)));
}
void pack_forward(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  winograd_transform_weights(forward_shape(c), forward_weights(c, call.in[0].as<float>()), call.unit_begin,
                             call.unit_end, call.out[0].as<float>());
}

// ---- Forward --------------------------------------------------------------------------------------------

// Is the activation of the largest value the largest of activations, to the bit? Those left out order some
// neighbours the other way round; float32's tanh has been tried on all numbers.
template <class T>
constexpr bool keeps_order(ActivationKind kind) {
  return kind == ActivationKind::linear || kind == ActivationKind::relu ||
         kind == ActivationKind::leaky_relu || (kind == ActivationKind::tanh && std::is_same_v<T, float>);
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
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    if constexpr (rows_f32<T, E>) {
      if (winograd_serves(forward_shape(c))) {
        const ops::ActivationKind kind = c.activation.kind;
        const bool relu = kind == ActivationKind::relu;
        const int64_t size = c.window.positions() * c.out;
        const auto finish = [&](float* images, int64_t count) {
          if (!relu && kind != ActivationKind::linear) activate_row(c.activation, images, count * size);
        };
        Scratch scratch(call.scratch);
        const float* weights =
            winograd_weights(call, forward_shape(c), forward_weights(c, call.in[1].as<float>()), scratch);
        const float* bias = c.has_bias ? call.in[2].as<float>() : nullptr;
        const float floor = relu ? 0.0F : kNoFloor<float>;
        const float* x = call.in[0].as<float>();
        float* y = call.out[0].as<float>();
        if (!c.pools) {
          winograd_correlate(forward_shape(c), x, weights, bias, floor, y, call.count,
                             call.scratch + scratch.used());
          return finish(y, call.count);
        }
        const int64_t most = pooled_images(c, call.count);
        float* images = scratch.take<float>(most * size);
        for (int64_t i = 0; i < call.count; i += most) {
          const int64_t count = std::min(most, call.count - i);
          winograd_correlate(forward_shape(c), x + i * call.in[0].size, weights, bias, floor, images, count,
                             call.scratch + scratch.used());
          finish(images, count);
          for (int64_t j = 0; j < count; ++j) {
            max_pool_image(c.pool.window, images + j * size, y + (i + j) * call.out[0].size, c.out);
          }
        }
        return;
      }
    }
    compute(c, &call, call.scratch);
  }
  static int64_t scratch(const Config& c, const KernelQuery& query) {
    if constexpr (rows_f32<T, E>) {
      if (winograd_serves(forward_shape(c))) {
        const int64_t images = c.pools ? pooled_images(c, query.samples) : query.samples;
        Scratch whole(nullptr);
        if (c.pools) whole.take<float>(images * c.window.positions() * c.out);
        return winograd_scratch(forward_shape(c), query, images) + whole.used();
      }
    }
    return compute(c, nullptr, nullptr);
  }

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
      if (E > 1 && is_quarter(pool) && keeps_order<T>(c.activation.kind)) shape.windows = pool.out_width;
    } else {
      shape.flatten();
    }
    // The rows that a window sees stay in the first-level cache; where channels come in several passes, all.
    const int64_t ring = !c.pools ? 0 : E > 1 ? std::min(pool.span_y(), pool.height) : pool.height;
    T* rows = scratch.take<T>(ring * pool.width * c.out * E);
    const bool relu = c.activation.kind == ActivationKind::relu;
    const T floor = relu ? T(0) : kNoFloor<T>;
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
    const int64_t out_row = pool.out_width * c.out * E;
    for (int64_t image = 0; image < call->groups(E); ++image) {
      const T* from = x + image * in_size;
      T* out = y + image * out_size;
      if constexpr (E > 1) {
        if (shape.windows > 0) {
          correlator.begin_image();
          for (int64_t wy = 0; wy < pool.out_height; ++wy, out += out_row) {
            if (correlator.run_windows(from, wy, out)) {
              activate(out, out_row);
              continue;
            }
            for (int64_t oy = 2 * wy; oy < 2 * wy + 2; ++oy) {
              correlator.run_positions(from, oy, row_at(oy));
              activate(row_at(oy), shape.out_width * c.out * E);
            }
            max_pool_row(pool, wy, row_at, out, c.out * E);
          }
          continue;
        }
      }
      int64_t next = 0;  // row of windows
      correlator.run(
          from, in_size, 1, [&](int64_t, int64_t oy) { return row_at(oy); },
          [&](int64_t oy, T* row, int64_t count) {
            activate(row, count);
            while (next < pool.out_height &&
                   std::min(next * pool.stride_y - pool.pad_top + pool.span_y(), pool.height) <= oy + 1) {
              max_pool_row(pool, next, row_at, out + next * out_row, c.out * E);
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
    const auto& c = call.configuration<Config>();
    if constexpr (rows_f32<T, E>) {
      if (winograd_serves_input(c)) {
        const Correlation shape = input_shape(c);
        Scratch scratch(call.scratch);
        const float* weights =
            winograd_weights(call, shape, input_weights(c, call.in[1].as<float>()), scratch);
        return winograd_correlate(shape, call.in[0].as<float>(), weights, nullptr, kNoFloor<float>,
                                  call.out[0].as<float>(), call.count, call.scratch + scratch.used());
      }
    }
    compute(c, &call, call.scratch, call.in[1].rank == 1);
  }
  static int64_t scratch(const Config& c, const KernelQuery& query) {
    if constexpr (rows_f32<T, E>) {
      if (winograd_serves_input(c)) return winograd_scratch(input_shape(c), query, query.samples);
    }
    return compute(c, nullptr, nullptr, query.in[1].rank == 1);
  }

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
                                    kNoFloor<T>, rest);
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
  const auto& c = *static_cast<const Config*>(query.config);
  const View& kernel = query.in[0];
  if (kernel.dtype == DType::f32 && winograd_serves_input(c)) return winograd_weight_elements(input_shape(c));
  const int64_t L = kernel.dtype == DType::f64 ? vector_lanes<double> : vector_lanes<float>;
  return kernel.dims[0] * kernel.dims[1] * kernel.dims[3] * round_up(kernel.dims[2], L);
}

int64_t packed_units(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  const bool winograd = query.in[0].dtype == DType::f32 && winograd_serves_input(c);
  return winograd ? winograd_weight_units(input_shape(c)) : 1;
}

template <class T>
void pack_kernel(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  if constexpr (std::is_same_v<T, float>) {
    if (winograd_serves_input(c)) {
      return winograd_transform_weights(input_shape(c), input_weights(c, call.in[0].as<float>()),
                                        call.unit_begin, call.unit_end, call.out[0].as<float>());
    }
  }
  const int64_t* dims = call.in[0].dims;
  pack_reversed(call.in[0].as<T>(), dims[0] * dims[1], dims[2], dims[3], round_up(dims[2], vector_lanes<T>),
                call.out[0].as<T>());
}

template <template <class, int> class K>
int64_t scratch_of(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  if (query.in[0].dtype == DType::f64) {
    return query.lanes == 1 ? K<double, 1>::scratch(c, query)
                            : K<double, vector_lanes<double>>::scratch(c, query);
  }
  return query.lanes == 1 ? K<float, 1>::scratch(c, query) : K<float, vector_lanes<float>>::scratch(c, query);
}

int64_t forward_winograd(const KernelQuery& query) {
  return query.lanes == 1 && packed_forward_elements(query) > 0;
}
int64_t input_winograd(const KernelQuery& query) {
  return query.lanes == 1 && query.in[0].dtype == DType::f32 &&
         winograd_serves_input(*static_cast<const Config*>(query.config));
}

}  // namespace

extern const Kernel conv2d_kernel;
const Kernel conv2d_kernel{.f32 = tile_kernels_f32<Conv2d>(),
                           .f64 = tile_kernels_f64<Conv2d>(),
                           .scratch = scratch_of<Conv2d>,
                           .pack_input = 1,
                           .pack_elements = packed_forward_elements,
                           .pack_f32 = pack_forward,
                           .pack_units = packed_forward_units,
                           .winograd = forward_winograd};

extern const Kernel conv2d_grad_input_kernel;
const Kernel conv2d_grad_input_kernel{.f32 = tile_kernels_f32<Conv2dGradInput>(),
                                      .f64 = tile_kernels_f64<Conv2dGradInput>(),
                                      .scratch = scratch_of<Conv2dGradInput>,
                                      .pack_input = 1,
                                      .pack_elements = packed_elements,
                                      .pack_f32 = pack_kernel<float>,
                                      .pack_f64 = pack_kernel<double>,
                                      .pack_units = packed_units,
                                      .winograd = input_winograd};

}  // namespace fastnn::cpu

// depthwise_conv2d and its gradients. A block is a vector of channels of one position (rows), or one channel
// of a vector of samples (lanes): either way a vector that lies in memory as it is used. Borders: taps that
// meet no cell of the image are left out of the list of taps that a stretch of positions goes through.
#include "ops/depthwise_conv2d.h"

#include <array>

#include "cpu/activate_row.h"
#include "cpu/conv2d_phase.h"
#include "cpu/kernels.h"
#include "cpu/sum_positions.h"

namespace fastnn::cpu {

namespace {

using Config = ops::DepthwiseConv2dConfig;
using Window = ops::Window2d;

/// One axis of a correlation: position i under tap t meets cell i * stride + origin + t * step.
struct Axis {
  int64_t cells, positions, taps;
  int64_t stride, origin, step;
  int64_t kernel_first, kernel_step;  ///< where in the kernel tap t is
  int64_t out_first, out_step;        ///< where in the output position i is

  int64_t cell(int64_t position, int64_t tap) const { return position * stride + origin + tap * step; }
  bool meets(int64_t position, int64_t tap) const {
    const int64_t at = cell(position, tap);
    return at >= 0 && at < cells;
  }
  /// Positions [first, end) at which every tap meets a cell.
  std::pair<int64_t, int64_t> inside() const {
    const int64_t last_tap = origin + (taps - 1) * step;
    int64_t first = origin < 0 ? (-origin + stride - 1) / stride : 0;
    int64_t end = cells - last_tap <= 0 ? 0 : (cells - last_tap + stride - 1) / stride;
    first = std::min(first, positions);
    return {first, std::clamp(end, first, positions)};
  }
};

Axis forward_axis(int64_t cells, int64_t positions, int64_t taps, int64_t stride, int64_t dilation,
                  int64_t pad) {
  return {cells, positions, taps, stride, -pad, dilation, 0, 1, 0, 1};
}

Axis gradient_axis(int64_t phase, int64_t cells, int64_t positions, int64_t taps, int64_t stride,
                   int64_t dilation, int64_t pad) {
  const PhaseAxis p = phase_axis(phase, cells, pad, taps, stride, dilation);
  return {positions, p.count, p.taps, 1, p.origin, dilation, taps - 1 - p.offset, -stride, p.first, stride};
}

struct Tap {
  int64_t in;      ///< offset in the input, in elements of one (position, channel)
  int64_t weight;  ///< of the tap in the kernel, channels included
};

constexpr int kPositions = vector_registers == 32 ? 12 : 6;

/// One block of a stretch of X positions: sums over the taps.
template <class T, int E, int X, bool Full>
FASTNN_INLINE void correlate_block(const Tap* taps, int64_t tap_count, const T* x, int64_t x_position,
                                   const T* kernel, const T* bias, T* out, int64_t out_position,
                                   [[maybe_unused]] int64_t width) {
  using V = Vec<T, vector_lanes<T>>;
  const auto shared = [&](const T* p) {
    if constexpr (E > 1) {
      return broadcast<V>(*p);
    } else if constexpr (Full) {
      return load<V>(p);
    } else {
      return load_partial<V>(p, width);
    }
  };
  const auto get = [&](const T* p) {
    if constexpr (Full) {
      return load<V>(p);
    } else {
      return load_partial<V>(p, width);
    }
  };
  V sum[X];
  const V start = bias != nullptr ? shared(bias) : zero<V>();
  for (int i = 0; i < X; ++i) sum[i] = start;
  for (int64_t t = 0; t < tap_count; ++t) {
    const V weight = hold(shared(kernel + taps[t].weight));
    const T* at = x + taps[t].in;
    for (int i = 0; i < X; ++i) sum[i] = fma(get(at + i * x_position), weight, sum[i]);
  }
  unroll<X>([&](auto i) {
    if constexpr (Full) {
      store(out + i * out_position, sum[i]);
    } else {
      store_partial(out + i * out_position, sum[i], width);
    }
  });
}

template <class T, int E>
class Correlator {
 public:
  Correlator(const Axis& y, const Axis& x, int64_t kernel_columns, int64_t out_width, int64_t channels,
             Tap* taps)
      : y_(y),
        x_(x),
        kernel_columns_(kernel_columns),
        out_width_(out_width),
        channels_(channels),
        taps_(taps) {}

  /// finish(first element, elements) is called for complete rows of outputs that lie side by side.
  template <class Finish>
  void run(const T* in, const T* kernel, const T* bias, T* out, Finish finish) {
    const auto [inside, inside_end] = x_.inside();
    for (int64_t oy = 0; oy < y_.positions; ++oy) {
      T* row = out + (y_.out_first + oy * y_.out_step) * out_width_ * channels_ * E;
      for (int64_t ox = 0; ox < inside; ++ox) stretch<1>(in, kernel, bias, row, oy, ox, 1);
      stretch<kPositions>(in, kernel, bias, row, oy, inside, inside_end - inside);
      for (int64_t ox = inside_end; ox < x_.positions; ++ox) stretch<1>(in, kernel, bias, row, oy, ox, 1);
      finish(row, out_width_ * channels_ * E);
    }
  }

 private:
  static constexpr int64_t kBlock = E > 1 ? 1 : vector_lanes<T>;

  // `count` positions from ox on, which all meet the same taps, X at a time.
  template <int X>
  void stretch(const T* in, const T* kernel, const T* bias, T* row, int64_t oy, int64_t ox, int64_t count) {
    if (count <= 0) return;
    const int64_t cell = channels_ * E;
    int64_t taps = 0;
    for (int64_t ty = 0; ty < y_.taps; ++ty) {
      if (!y_.meets(oy, ty)) continue;
      for (int64_t tx = 0; tx < x_.taps; ++tx) {
        if (!x_.meets(ox, tx)) continue;
        const int64_t ky = y_.kernel_first + ty * y_.kernel_step;
        const int64_t kx = x_.kernel_first + tx * x_.kernel_step;
        taps_[taps++] = {(y_.cell(oy, ty) * in_width() + x_.cell(ox, tx)) * cell,
                         (ky * kernel_columns_ + kx) * channels_};
      }
    }
    const int64_t x_position = x_.stride * cell;
    const int64_t out_position = x_.out_step * cell;
    T* out = row + (x_.out_first + ox * x_.out_step) * cell;
    const auto go = [&]<int P>(int64_t first) {
      int64_t c = 0;
      for (; c + kBlock <= channels_; c += kBlock) {
        correlate_block<T, E, P, true>(taps_, taps, in + first * x_position + c * E, x_position, kernel + c,
                                       bias == nullptr ? nullptr : bias + c,
                                       out + first * out_position + c * E, out_position, kBlock);
      }
      if (c < channels_) {
        correlate_block<T, E, P, false>(taps_, taps, in + first * x_position + c * E, x_position, kernel + c,
                                        bias == nullptr ? nullptr : bias + c,
                                        out + first * out_position + c * E, out_position, channels_ - c);
      }
    };
    int64_t first = 0;
    for (; first + X <= count; first += X) go.template operator()<X>(first);
    if constexpr (X > 1) {
      for (; first + X / 3 <= count; first += X / 3) go.template operator()<X / 3>(first);
      for (; first < count; ++first) go.template operator()<1>(first);
    }
  }

  int64_t in_width() const { return x_.cells; }

  Axis y_, x_;
  int64_t kernel_columns_, out_width_, channels_;
  Tap* taps_;
};

template <class T, int E>
struct DepthwiseConv2d {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const Window& w = c.window;
    Correlator<T, E> correlator(
        forward_axis(w.height, w.out_height, w.rows, w.stride_y, w.dilation_y, w.pad_top),
        forward_axis(w.width, w.out_width, w.columns, w.stride_x, w.dilation_x, w.pad_left), w.columns,
        w.out_width, c.channels, reinterpret_cast<Tap*>(call.scratch));
    const T* bias = c.has_bias ? call.in[2].as<T>() : nullptr;
    const auto finish = [&](T* row, int64_t count) {
      if (c.activation.kind != ActivationKind::linear) activate_row(c.activation, row, count);
    };
    for (int64_t g = 0; g < call.groups(E); ++g) {
      correlator.run(call.in[0].as<T>() + g * call.in[0].size * E, call.in[1].as<T>(), bias,
                     call.out[0].as<T>() + g * call.out[0].size * E, finish);
    }
  }
};

template <class T, int E>
struct DepthwiseConv2dGradInput {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const Window& w = c.window;
    for (int64_t py = 0; py < std::min(w.stride_y, w.height); ++py) {
      for (int64_t px = 0; px < std::min(w.stride_x, w.width); ++px) {
        Correlator<T, E> correlator(
            gradient_axis(py, w.height, w.out_height, w.rows, w.stride_y, w.dilation_y, w.pad_top),
            gradient_axis(px, w.width, w.out_width, w.columns, w.stride_x, w.dilation_x, w.pad_left),
            w.columns, w.width, c.channels, reinterpret_cast<Tap*>(call.scratch));
        for (int64_t g = 0; g < call.groups(E); ++g) {
          correlator.run(call.in[0].as<T>() + g * call.in[0].size * E, call.in[1].as<T>(), nullptr,
                         call.out[0].as<T>() + g * call.out[0].size * E, [](T*, int64_t) {});
        }
      }
    }
  }
};

// ---- Kernel gradient ------------------------------------------------------------------------------------

constexpr int kTapsAtOnce = 9;

/// out[taps[t].weight] += sum over positions of x * dy, for N taps of one block.
template <class T, int E, int N, bool Full>
void multiply_block(const Tap* taps, const T* x, int64_t x_position, const T* dy, int64_t dy_position,
                    int64_t positions, T* out, [[maybe_unused]] int64_t width) {
  using V = Vec<T, vector_lanes<T>>;
  const auto get = [&](const T* p) {
    if constexpr (Full) {
      return load<V>(p);
    } else {
      return load_partial<V>(p, width);
    }
  };
  const T* rows[N];
  V sum[N];
  for (int t = 0; t < N; ++t) {
    rows[t] = x + taps[t].in;
    sum[t] = zero<V>();
  }
  for (int64_t p = 0; p < positions; ++p) {
    const V gradient = hold(get(dy + p * dy_position));
    for (int t = 0; t < N; ++t) sum[t] = fma(get(rows[t] + p * x_position), gradient, sum[t]);
  }
  unroll<N>([&](auto t) {
    T* target = out + taps[t].weight * E;
    if constexpr (Full) {
      store(target, load<V>(target) + sum[t]);
    } else {
      store_partial(target, load_partial<V>(target, width) + sum[t], width);
    }
  });
}

template <class T, int E, bool Full>
struct MultiplyTable {
  using Fn = void (*)(const Tap*, const T*, int64_t, const T*, int64_t, int64_t, T*, int64_t);
  static constexpr auto kTable = []<size_t... I>(std::index_sequence<I...>) {
    return std::array<Fn, sizeof...(I)>{multiply_block<T, E, static_cast<int>(I) + 1, Full>...};
  }(std::make_index_sequence<kTapsAtOnce>{});
};

template <class T, int E>
struct DepthwiseConv2dGradKernel {
  static constexpr int64_t kBlock = E > 1 ? 1 : vector_lanes<T>;

  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const Window& w = c.window;
    const Axis y = forward_axis(w.height, w.out_height, w.rows, w.stride_y, w.dilation_y, w.pad_top);
    const Axis x = forward_axis(w.width, w.out_width, w.columns, w.stride_x, w.dilation_x, w.pad_left);
    const auto [inside, inside_end] = x.inside();
    auto* taps = reinterpret_cast<Tap*>(call.scratch);
    for (int64_t g = 0; g < call.groups(E); ++g) {
      const T* image = call.in[0].as<T>() + g * call.in[0].size * E;
      const T* dy = call.in[1].as<T>() + g * call.in[1].size * E;
      for (int64_t oy = 0; oy < w.out_height; ++oy) {
        const auto add = [&](int64_t ox, int64_t count) {
          stretch(c, y, x, taps, image, dy, oy, ox, count, call.out[0].as<T>());
        };
        for (int64_t ox = 0; ox < inside; ++ox) add(ox, 1);
        add(inside, inside_end - inside);
        for (int64_t ox = inside_end; ox < w.out_width; ++ox) add(ox, 1);
      }
      if (c.has_bias) sum_positions(dy, w.positions(), c.channels * E, call.out[1].as<T>());
    }
  }

 private:
  static void stretch(const Config& c, const Axis& y, const Axis& x, Tap* taps, const T* image, const T* dy,
                      int64_t oy, int64_t ox, int64_t count, T* out) {
    if (count <= 0) return;
    const int64_t cell = c.channels * E;
    int64_t found = 0;
    for (int64_t ty = 0; ty < y.taps; ++ty) {
      if (!y.meets(oy, ty)) continue;
      for (int64_t tx = 0; tx < x.taps; ++tx) {
        if (!x.meets(ox, tx)) continue;
        taps[found++] = {(y.cell(oy, ty) * x.cells + x.cell(ox, tx)) * cell, (ty * x.taps + tx) * c.channels};
      }
    }
    const T* gradient = dy + (oy * x.positions + ox) * cell;
    for (int64_t at = 0; at < c.channels; at += kBlock) {
      const int64_t width = std::min(kBlock, c.channels - at);
      for (int64_t t = 0; t < found; t += kTapsAtOnce) {
        const auto n = static_cast<size_t>(std::min<int64_t>(kTapsAtOnce, found - t));
        const auto& table =
            width == kBlock ? MultiplyTable<T, E, true>::kTable : MultiplyTable<T, E, false>::kTable;
        table[n - 1](taps + t, image + at * E, x.stride * cell, gradient + at * E, cell, count, out + at * E,
                     width);
      }
    }
  }
};

int64_t taps_scratch(const KernelQuery& query) {
  return static_cast<const Config*>(query.config)->window.taps() * static_cast<int64_t>(sizeof(Tap));
}

}  // namespace

extern const Kernel depthwise_conv2d_kernel;
const Kernel depthwise_conv2d_kernel{.f32 = tile_kernels_f32<DepthwiseConv2d>(),
                                     .f64 = tile_kernels_f64<DepthwiseConv2d>(),
                                     .scratch = taps_scratch};

extern const Kernel depthwise_conv2d_grad_input_kernel;
const Kernel depthwise_conv2d_grad_input_kernel{.f32 = tile_kernels_f32<DepthwiseConv2dGradInput>(),
                                                .f64 = tile_kernels_f64<DepthwiseConv2dGradInput>(),
                                                .scratch = taps_scratch};

extern const Kernel depthwise_conv2d_grad_kernel_kernel;
const Kernel depthwise_conv2d_grad_kernel_kernel{.f32 = tile_kernels_f32<DepthwiseConv2dGradKernel>(),
                                                 .f64 = tile_kernels_f64<DepthwiseConv2dGradKernel>(),
                                                 .scratch = taps_scratch,
                                                 .lane_accumulators = true};

}  // namespace fastnn::cpu

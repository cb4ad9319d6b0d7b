// conv2d and its gradients with compute_dtype "bfloat16". Where the processor multiplies pairs of bfloat16,
// images in rows are rounded to pairs, then the tiles of conv2d_tile.h serve: pairs of channels for the
// correlations, the same channel of two samples for the kernel's gradient (conv2d_grad_kernel_bfloat16.cpp).
// Elsewhere, and in batch lanes, the kernels for float32 compute with rounded copies. Where Winograd's form
// serves, it does so on all processors, with the same bits.
#include "cpu/activate_row.h"
#include "cpu/conv2d_winograd_operands.h"
#include "cpu/rounded.h"

namespace fastnn::cpu {

extern const Kernel conv2d_kernel;
extern const Kernel conv2d_grad_input_kernel;

namespace {

using Config = ops::Conv2dConfig;

constexpr int64_t L = vector_lanes<float>;
using V = Vec<float, L>;
constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

// ---- By the kernels for float32 ---------------------------------------------------------------------------

template <const Kernel& Float32Kernel>
void float32_rows(const KernelCall& call) {
  Float32Kernel.f32.rows(call);
}
template <const Kernel& Float32Kernel>
void float32_lanes(const KernelCall& call) {
  Float32Kernel.f32.lanes(call);
}
template <const Kernel& Float32Kernel>
int64_t float32_scratch(const KernelQuery& query) {
  return rounded_scratch(query) + Float32Kernel.scratch(query);
}

/// In rows, what the Direct ones below are where there are no products of pairs.
template <const Kernel& Float32Kernel>
struct Emulated {
  static void run(const KernelCall& call) { rounded<float32_rows<Float32Kernel>>(call); }
  static int64_t scratch(const KernelQuery& query) { return float32_scratch<Float32Kernel>(query); }
  static int64_t packed_elements(const Config& /*c*/) { return 0; }
  static void pack(const KernelCall& /*call*/) {}
};

// ---- Winograd's form
// ----------------------------------------------------------------------------------------

template <class Pairs>
struct WinogradForward {
  static bool serves(const Config& c) { return winograd_serves<Pairs>(forward_shape(c)); }
  static Correlation shape(const Config& c) { return forward_shape(c); }
  static WinogradWeights weights(const Config& c, const float* kernel) { return forward_weights(c, kernel); }
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const bool relu = c.activation.kind == ops::ActivationKind::relu;
    correlate<Pairs>(call, shape(c), weights(c, call.in[1].as<float>()),
                     c.has_bias ? call.in[2].as<float>() : nullptr, relu ? 0.0F : kNoFloor);
    if (!relu && c.activation.kind != ops::ActivationKind::linear) {
      activate_row(c.activation, call.out[0].as<float>(), call.count * call.out[0].size);
    }
  }
  template <class Form>
  static void correlate(const KernelCall& call, const Correlation& shape, const WinogradWeights& kernel,
                        const float* bias, float floor) {
    Scratch scratch(call.scratch);
    const auto* weights = winograd_weights<Form>(call, shape, kernel, scratch);
    winograd_correlate<Form>(shape, call.in[0].as<float>(), weights, bias, floor, call.out[0].as<float>(),
                             call.count, call.scratch + scratch.used());
  }
};

template <class Pairs>
struct WinogradInput {
  static bool serves(const Config& c) { return winograd_serves_input<Pairs>(c); }
  static Correlation shape(const Config& c) { return input_shape(c); }
  static WinogradWeights weights(const Config& c, const float* kernel) { return input_weights(c, kernel); }
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    WinogradForward<Pairs>::template correlate<Pairs>(call, shape(c), weights(c, call.in[1].as<float>()),
                                                      nullptr, kNoFloor);
  }
};

const Config& config_of(const KernelQuery& query) { return *static_cast<const Config*>(query.config); }

/// Winograd's form where that serves, else the direct one; in lanes the kernel for float32.
template <class Pairs, class Winograd, class Direct, const Kernel& Float32Kernel>
Kernel choosing() {
  Kernel made{};
  made.f32.rows = [](const KernelCall& call) {
    return Winograd::serves(call.configuration<Config>()) ? Winograd::run(call) : Direct::run(call);
  };
  made.f32.lanes = rounded<float32_lanes<Float32Kernel>>;
  made.scratch = [](const KernelQuery& query) {
    if (query.lanes > 1) return float32_scratch<Float32Kernel>(query);
    const Config& c = config_of(query);
    return Winograd::serves(c) ? winograd_scratch<Pairs>(Winograd::shape(c), query, query.samples)
                               : Direct::scratch(query);
  };
  made.winograd = [](const KernelQuery& query) {
    return int64_t{query.lanes == 1 && Winograd::serves(config_of(query))};
  };
  made.pack_input = 1;
  made.pack_elements = [](const KernelQuery& query) {
    const Config& c = config_of(query);
    return Winograd::serves(c) ? winograd_weight_elements<Pairs>(Winograd::shape(c))
                               : Direct::packed_elements(c);
  };
  made.pack_units = [](const KernelQuery& query) {
    const Config& c = config_of(query);
    return Winograd::serves(c) ? winograd_weight_units(Winograd::shape(c)) : c.window.taps();
  };
  made.pack_f32 = [](const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    if (!Winograd::serves(c)) return Direct::pack(call);
    winograd_transform_weights<Pairs>(Winograd::shape(c), Winograd::weights(c, call.in[0].as<float>()),
                                      call.unit_begin, call.unit_end, call.out[0].as<typename Pairs::Cell>());
  };
  return made;
}

Kernel emulated_forward() {
  using Pairs = EmulatedPairs;
  return choosing<Pairs, WinogradForward<Pairs>, Emulated<conv2d_kernel>, conv2d_kernel>();
}
Kernel emulated_input() {
  using Pairs = EmulatedPairs;
  return choosing<Pairs, WinogradInput<Pairs>, Emulated<conv2d_grad_input_kernel>,
                  conv2d_grad_input_kernel>();
}

#if FASTNN_BFLOAT16_PAIRS

// ---- By pairs of channels ---------------------------------------------------------------------------------

using Pair = NativePairs::Cell;

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
constexpr int64_t pairs_of(int64_t n) { return (n + 1) / 2; }

// n numbers as pairs of neighbours; an odd one at the end goes with 0.
void round_run(const float* from, int64_t n, Pair* to) {
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L)
    NativePairs::round_row(load<V>(from + i), load<V>(from + i + L), to + i / 2);
  if (i < n) {
    const int64_t rest = n - i, one = std::min(rest, L);
    Pair last[L];
    NativePairs::round_row(load_partial<V>(from + i, one), load_partial<V>(from + i + one, rest - one), last);
    std::copy_n(last, pairs_of(rest), to + i / 2);
  }
}

// `runs` runs of n numbers, each filled up to whole pairs.
void round_runs(const float* from, int64_t runs, int64_t n, Pair* to) {
  if (n % 2 == 0) {
    round_run(from, runs * n, to);
  } else if (n == 1) {
    int64_t i = 0;
    for (; i + L <= runs; i += L) NativePairs::round_pairs(load<V>(from + i), zero<V>(), to + i, 0);
    for (; i < runs; ++i) round_run(from + i, 1, to + i);
  } else {
    for (int64_t i = 0; i < runs; ++i) round_run(from + i * n, n, to + i * pairs_of(n));
  }
}

// kernel (kh, kw, in, out) -> [group][tap][pair of inputs][columns], filled up with zeros.
void pack_forward(const Config& c, const float* kernel, Pair* packed, int64_t first_tap, int64_t last_tap) {
  const int64_t in = c.group_in(), out = c.group_out(), columns = round_up(out, L);
  for (int64_t t = first_tap; t < last_tap; ++t) {
    for (int64_t g = 0; g < c.groups; ++g) {
      Pair* to = packed + (g * c.window.taps() + t) * pairs_of(in) * columns;
      for (int64_t k = 0; k < in; k += 2, to += columns) {
        const float* even = kernel + (t * in + k) * c.out + g * out;
        for (int64_t j = 0; j < out; j += L) {
          const int64_t width = std::min(L, out - j);
          const V odd = k + 1 < in ? load_partial<V>(even + c.out + j, width) : zero<V>();
          NativePairs::round_pairs(load_partial<V>(even + j, width), odd, to + j, 0);
        }
      }
    }
  }
}

// kernel (kh, kw, in, out) -> [tap, in reverse][group][pair of outputs][columns], filled up with zeros.
void pack_reversed(const Config& c, const float* kernel, Pair* packed, int64_t first_tap, int64_t last_tap) {
  const int64_t in = c.group_in(), out = c.group_out(), columns = round_up(in, L);
  Pair rows[L * L];
  for (int64_t t = first_tap; t < last_tap; ++t) {
    for (int64_t g = 0; g < c.groups; ++g) {
      Pair* to = packed + (t * c.groups + g) * pairs_of(out) * columns;
      const float* from = kernel + (c.window.taps() - 1 - t) * in * c.out + g * out;
      for (int64_t i = 0; i < columns; i += L) {
        for (int64_t o = 0; o < out; o += 2 * L) {
          const int64_t width = std::min(2 * L, out - o);
          std::fill_n(rows, L * L, 0);
          for (int64_t r = 0; r < std::min(L, in - i); ++r) {
            round_run(from + (i + r) * c.out + o, width, rows + r * L);
          }
          Pair turned[L * L];
          transpose<Pair, L>(rows, L, turned, L);
          for (int64_t p = 0; p < pairs_of(width); ++p) {
            std::copy_n(turned + p * L, L, to + (o / 2 + p) * columns + i);
          }
        }
      }
    }
  }
}

struct Forward {
  static void run(const KernelCall& call) { compute(call.configuration<Config>(), &call, call.scratch); }
  static int64_t scratch(const KernelQuery& query) { return compute(config_of(query), nullptr, nullptr); }
  static int64_t packed_elements(const Config& c) {
    return c.groups * c.window.taps() * pairs_of(c.group_in()) * round_up(c.group_out(), L);
  }
  static void pack(const KernelCall& call) {
    pack_forward(call.configuration<Config>(), call.in[0].as<float>(), call.out[0].as<Pair>(),
                 call.unit_begin, call.unit_end);
  }

 private:
  static int64_t compute(const Config& c, const KernelCall* call, std::byte* memory) {
    Scratch scratch(memory);
    const int64_t columns = round_up(c.group_out(), L), pairs = pairs_of(c.group_in());
    const float* bias = call != nullptr && c.has_bias ? call->in[2].as<float>() : nullptr;
    if (c.has_bias && columns != c.group_out()) {
      auto* start = scratch.take<float>(c.groups * columns);
      for (int64_t g = 0; call != nullptr && g < c.groups; ++g) {
        std::fill_n(std::copy_n(bias + g * c.group_out(), c.group_out(), start + g * columns),
                    columns - c.group_out(), 0.0f);
      }
      bias = start;
    }
    Pair* own = scratch.take<Pair>(packed_elements(c));  // a kernel that is no parameter
    Pair* image = scratch.take<Pair>(c.window.height * c.window.width * c.groups * pairs);
    const Pair* weights = own;
    if (call != nullptr) {
      const View& kernel = call->in[1];
      if (kernel.rank == 1) {
        weights = kernel.as<Pair>();
      } else {
        pack_forward(c, kernel.as<float>(), own, 0, c.window.taps());
      }
    }
    Config in_pairs = c;
    in_pairs.in = c.groups * pairs;
    Correlation shape = forward_shape(in_pairs);
    shape.w_channel = columns;
    shape.w_tap = pairs * columns;
    shape.w_row = c.window.columns * shape.w_tap;
    shape.w_group = c.window.taps() * shape.w_tap;
    shape.flatten();
    const bool relu = c.activation.kind == ops::ActivationKind::relu;
    Correlator<Pair, 1> correlator(shape, weights, bias, relu ? 0.0f : kNoFloor, scratch);
    if (call == nullptr) return scratch.used();
    const int64_t cells = c.window.height * c.window.width;
    for (int64_t i = 0; i < call->count; ++i) {
      round_runs(call->in[0].as<float>() + i * call->in[0].size, cells * c.groups, c.group_in(), image);
      correlator.run(image, 0, call->out[0].as<float>() + i * call->out[0].size, 0, 1,
                     [&](float* row, int64_t count) {
                       if (!relu && c.activation.kind != ops::ActivationKind::linear) {
                         activate_row(c.activation, row, count);
                       }
                     });
    }
    return 0;
  }
};

struct InputGradient {
  static void run(const KernelCall& call) { compute(call.configuration<Config>(), &call, call.scratch); }
  static int64_t scratch(const KernelQuery& query) { return compute(config_of(query), nullptr, nullptr); }
  static int64_t packed_elements(const Config& c) {
    return c.groups * c.window.taps() * pairs_of(c.group_out()) * round_up(c.group_in(), L);
  }
  static void pack(const KernelCall& call) {
    pack_reversed(call.configuration<Config>(), call.in[0].as<float>(), call.out[0].as<Pair>(),
                  call.unit_begin, call.unit_end);
  }

 private:
  static int64_t compute(const Config& c, const KernelCall* call, std::byte* memory) {
    const ops::Window2d& w = c.window;
    Scratch scratch(memory);
    const int64_t columns = round_up(c.group_in(), L), pairs = pairs_of(c.group_out());
    Pair* own = scratch.take<Pair>(packed_elements(c));
    const int64_t image_size = w.out_height * w.out_width * c.groups * pairs;
    Pair* image = scratch.take<Pair>(image_size);
    const Pair* weights = own;
    if (call != nullptr) {
      const View& kernel = call->in[1];
      if (kernel.rank == 1) {
        weights = kernel.as<Pair>();
      } else {
        pack_reversed(c, kernel.as<float>(), own, 0, w.taps());
      }
      // Strides larger than the kernel leave out cells, whose gradient is 0.
      if (w.stride_y > w.rows || w.stride_x > w.columns) {
        std::fill_n(call->out[0].as<float>(), call->count * call->out[0].size, 0.0f);
      }
    }
    Config in_pairs = c;
    in_pairs.out = c.groups * pairs;
    int64_t most = scratch.used();
    const int64_t count = call != nullptr ? call->count : 1;
    for (int64_t i = 0; i < count; ++i) {
      if (call != nullptr) {
        round_runs(call->in[0].as<float>() + i * call->in[0].size, w.out_height * w.out_width * c.groups,
                   c.group_out(), image);
      }
      for (int64_t py = 0; py < std::min(w.stride_y, w.height); ++py) {
        const PhaseAxis y = phase_axis(py, w.height, w.pad_top, w.rows, w.stride_y, w.dilation_y);
        for (int64_t px = 0; px < std::min(w.stride_x, w.width); ++px) {
          const PhaseAxis x = phase_axis(px, w.width, w.pad_left, w.columns, w.stride_x, w.dilation_x);
          if (y.taps == 0 || x.taps == 0) continue;
          Correlation shape = input_shape(in_pairs, y, x, columns);
          shape.flatten();
          Scratch rest = scratch;
          const int64_t offset = (y.offset * w.columns + x.offset) * in_pairs.out * columns;
          Correlator<Pair, 1> correlator(shape, weights == nullptr ? nullptr : weights + offset, nullptr,
                                         kNoFloor, rest);
          most = std::max(most, rest.used());
          if (call == nullptr) continue;
          float* dx = call->out[0].as<float>() + i * call->out[0].size + (y.first * w.width + x.first) * c.in;
          correlator.run(image, 0, dx, 0, 1, [](float*, int64_t) {});
        }
      }
    }
    return most;
  }
};

Kernel forward_kernel() {
  using Pairs = NativePairs;
  return multiplies_bfloat16() ? choosing<Pairs, WinogradForward<Pairs>, Forward, conv2d_kernel>()
                               : emulated_forward();
}
Kernel input_kernel() {
  using Pairs = NativePairs;
  return multiplies_bfloat16()
             ? choosing<Pairs, WinogradInput<Pairs>, InputGradient, conv2d_grad_input_kernel>()
             : emulated_input();
}

#else

Kernel forward_kernel() { return emulated_forward(); }
Kernel input_kernel() { return emulated_input(); }

#endif

}  // namespace

// Chosen when the library is loaded.
extern const Kernel conv2d_bfloat16_kernel;
const Kernel conv2d_bfloat16_kernel = forward_kernel();

extern const Kernel conv2d_grad_input_bfloat16_kernel;
const Kernel conv2d_grad_input_bfloat16_kernel = input_kernel();

}  // namespace fastnn::cpu

// conv2d's kernel gradient with compute_dtype "bfloat16": products of pairs of samples, summed over positions
// in register tiles of K input channels times C vectors of output channels. A tile's last sample goes with
// zeros where their number is odd. Where Winograd's form serves, it does so on all processors. Elsewhere, and
// in batch lanes, the kernel for float32 computes with rounded copies. The bias's gradient is a sum of what
// was not rounded.
#include "cpu/conv2d_correlate.h"
#include "cpu/conv2d_product.h"
#include "cpu/conv2d_shape.h"
#include "cpu/conv2d_winograd.h"
#include "cpu/rounded.h"
#include "cpu/sum_positions.h"
#include "ops/conv2d.h"

namespace fastnn::cpu {

extern const Kernel conv2d_grad_kernel_kernel;

namespace {

using Config = ops::Conv2dConfig;

// ---- By the kernel for float32 ----------------------------------------------------------------------------

// Rounded copies for the kernel's gradient, the operand itself for the bias's.
template <KernelFn Run>
void rounded_but_bias(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t lanes = call.in[1].lanes;
  if (c.has_bias) {
    for (int64_t i = 0; i < call.groups(static_cast<int>(lanes)); ++i) {
      sum_positions(call.in[1].as<float>() + i * call.in[1].size * lanes,
                    c.window.out_height * c.window.out_width, c.out * lanes, call.out[1].as<float>());
    }
  }
  Config without = c;
  without.has_bias = false;
  KernelCall inner = call;
  inner.config = &without;
  rounded<Run>(inner);
}

void float32_rows(const KernelCall& call) { conv2d_grad_kernel_kernel.f32.rows(call); }
void float32_lanes(const KernelCall& call) { conv2d_grad_kernel_kernel.f32.lanes(call); }

int64_t float32_scratch(const KernelQuery& query) {
  return rounded_scratch(query) + conv2d_grad_kernel_kernel.scratch(query);
}

/// In rows: Winograd's form where that serves, else the direct one.
template <class Pairs, class Direct>
Kernel choosing() {
  Kernel made{};
  made.f32.rows = [](const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    if (!winograd_serves_kernel<Pairs>(forward_shape(c))) return Direct::run(call);
    winograd_grad_kernel<Pairs>(forward_shape(c), call.in[0].as<float>(), call.in[1].as<float>(), call.count,
                                call.out[0].as<float>(), c.has_bias ? call.out[1].as<float>() : nullptr,
                                call.scratch);
  };
  made.f32.lanes = rounded_but_bias<float32_lanes>;
  made.scratch = [](const KernelQuery& query) {
    if (query.lanes > 1) return float32_scratch(query);
    const Correlation shape = forward_shape(*static_cast<const Config*>(query.config));
    return winograd_serves_kernel<Pairs>(shape) ? winograd_grad_kernel_scratch<Pairs>(shape, query.samples)
                                                : Direct::scratch(query);
  };
  made.winograd = [](const KernelQuery& query) {
    const auto& c = *static_cast<const Config*>(query.config);
    return int64_t{query.lanes == 1 && winograd_serves_kernel<Pairs>(forward_shape(c))};
  };
  made.lane_accumulators = conv2d_grad_kernel_kernel.lane_accumulators;
  return made;
}

struct Emulated {
  static void run(const KernelCall& call) { rounded_but_bias<float32_rows>(call); }
  static int64_t scratch(const KernelQuery& query) { return float32_scratch(query); }
};

#if FASTNN_BFLOAT16_PAIRS

// ---- By pairs of samples ----------------------------------------------------------------------------------

using Pair = NativePairs::Cell;
constexpr int64_t L = vector_lanes<float>;
using V = Vec<float, L>;
constexpr int kMostVectors = 4;

class KernelGradient {
 public:
  KernelGradient(const Config& config, std::byte* memory) : c_(config), w_(config.window), scratch_(memory) {
    x_ = scratch_.take<Pair>(w_.height * w_.width * c_.in);
    dy_ = scratch_.take<Pair>(w_.out_height * w_.out_width * c_.out);
    const int64_t right = (w_.out_width - 1) * w_.stride_x + w_.span_x() - w_.pad_left - w_.width;
    merged_ = c_.groups == 1 && w_.dilation_x == 1 && w_.pad_left == 0 && right <= 0;
    // As many rows at a time as stay in the first-level cache.
    constexpr int64_t kNear = 24 * 1024;
    const int64_t bytes = (c_.out + w_.stride_x * w_.stride_y * c_.in) * static_cast<int64_t>(sizeof(Pair));
    block_rows_ = std::clamp<int64_t>(kNear / bytes / w_.out_width, 1, w_.out_height);
    const int64_t vectors = (c_.group_out() + L - 1) / L;
    vectors_ = Split::balanced(vectors, kMostVectors);
    inputs_ = Split::balanced(merged_ ? w_.columns * c_.in : c_.group_in(),
                              positions_beside(static_cast<int>(vectors_.size)));
  }

  int64_t scratch_bytes() const { return scratch_.used(); }

  void add(const KernelCall& call) {
    for (int64_t i = 0; i < call.count; i += 2) {
      for (int operand = 0; operand < 2; ++operand) {
        const int64_t size = call.in[operand].size;
        const float* even = call.in[operand].as<float>() + i * size;
        round_images(even, i + 1 < call.count ? even + size : nullptr, size, operand == 0 ? x_ : dy_);
      }
      for (int64_t oy = 0; oy < w_.out_height; oy += block_rows_) {
        add_rows(oy, std::min(block_rows_, w_.out_height - oy), call.out[0].as<float>());
      }
    }
    if (!c_.has_bias) return;
    sum_positions(call.in[1].as<float>(), call.count * w_.out_height * w_.out_width, c_.out,
                  call.out[1].as<float>());
  }

 private:
  static void round_images(const float* even, const float* odd, int64_t size, Pair* to) {
    int64_t i = 0;
    for (; i + L <= size; i += L) {
      NativePairs::round_pairs(load<V>(even + i), odd != nullptr ? load<V>(odd + i) : zero<V>(), to + i, 0);
    }
    if (i == size) return;
    Pair rest[L];
    NativePairs::round_pairs(load_partial<V>(even + i, size - i),
                             odd != nullptr ? load_partial<V>(odd + i, size - i) : zero<V>(), rest, 0);
    std::copy_n(rest, size - i, to + i);
  }

  // Indices i of [first, end) for which i * stride + offset lies in [0, extent).
  static std::pair<int64_t, int64_t> inside(int64_t first, int64_t end, int64_t stride, int64_t offset,
                                            int64_t extent) {
    const int64_t low = offset < 0 ? (-offset + stride - 1) / stride : 0;
    const int64_t high = extent - offset <= 0 ? 0 : (extent - offset + stride - 1) / stride;
    return {std::max(first, low), std::min(end, high)};
  }

  void add_rows(int64_t oy, int64_t rows, float* out) {
    for (int64_t ky = 0; ky < w_.rows; ++ky) {
      const int64_t offset_y = ky * w_.dilation_y - w_.pad_top;
      const auto [y, y_end] = inside(oy, oy + rows, w_.stride_y, offset_y, w_.height);
      if (y >= y_end) continue;
      for (int64_t kx = 0; kx < (merged_ ? 1 : w_.columns); ++kx) {
        const int64_t offset_x = kx * w_.dilation_x - w_.pad_left;
        const auto [x, x_end] = inside(0, w_.out_width, w_.stride_x, offset_x, w_.width);
        if (x >= x_end) continue;
        const Block<Pair> block{.rows = y_end - y,
                                .positions = x_end - x,
                                .x_row = w_.stride_y * w_.width * c_.in,
                                .x_position = w_.stride_x * c_.in,
                                .dy_row = w_.out_width * c_.out,
                                .dy_position = c_.out,
                                .out_row = c_.out};
        const int64_t cell = (y * w_.stride_y + offset_y) * w_.width + x * w_.stride_x + offset_x;
        add_tap(block, x_ + cell * c_.in, dy_ + (y * w_.out_width + x) * c_.out,
                out + (ky * w_.columns + kx) * c_.group_in() * c_.out);
      }
    }
  }

  void add_tap(const Block<Pair>& block, const Pair* x, const Pair* dy, float* out) {
    for (int64_t g = 0; g < c_.groups; ++g) {
      for (int64_t i = 0; i < inputs_.parts; ++i) {
        const int64_t k = inputs_.first(i), inputs = inputs_.size_of(i);
        for (int64_t j = 0; j < vectors_.parts; ++j) {
          const int64_t at = vectors_.first(j) * L, vectors = vectors_.size_of(j);
          const int64_t last = std::min(L, c_.group_out() - at - (vectors - 1) * L);
          const int64_t channel = g * c_.group_out() + at;
          ProductTable<Pair, 1>::at(vectors, inputs)(block, x + g * c_.group_in() + k, dy + channel,
                                                     out + k * c_.out + channel, last);
        }
      }
    }
  }

  const Config& c_;
  const ops::Window2d& w_;
  Scratch scratch_;
  Pair* x_;
  Pair* dy_;
  bool merged_;  // the taps of a row are one run of input channels
  int64_t block_rows_;
  Split vectors_, inputs_;
};

struct Direct {
  static void run(const KernelCall& call) {
    KernelGradient(call.configuration<Config>(), call.scratch).add(call);
  }
  static int64_t scratch(const KernelQuery& query) {
    return KernelGradient(*static_cast<const Config*>(query.config), nullptr).scratch_bytes();
  }
};

Kernel chosen() {
  return multiplies_bfloat16() ? choosing<NativePairs, Direct>() : choosing<EmulatedPairs, Emulated>();
}

#else

Kernel chosen() { return choosing<EmulatedPairs, Emulated>(); }

#endif

}  // namespace

// Chosen when the library is loaded.
extern const Kernel conv2d_grad_kernel_bfloat16_kernel;
const Kernel conv2d_grad_kernel_bfloat16_kernel = chosen();

}  // namespace fastnn::cpu

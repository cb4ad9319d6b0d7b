// conv2d's kernel gradient: for every tap, the products of the input under it with the output's gradient,
// summed over samples and positions in register tiles (conv2d_product.h).
#include "cpu/conv2d_correlate.h"
#include "cpu/conv2d_product.h"
#include "cpu/conv2d_shape.h"
#include "cpu/conv2d_winograd.h"
#include "cpu/kernels.h"
#include "cpu/sum_positions.h"
#include "ops/conv2d.h"

namespace fastnn::cpu {

namespace {

using Config = ops::Conv2dConfig;

constexpr int kMostThree = vector_registers == 32 ? 8 : 3;

/// Three taps side by side at a stride of 1, for K input channels and one block of output channels in rows:
/// an input is broadcast once for the three positions that see it. cells: of a row of x; pad: before it; tap:
/// from tap to tap in out.
template <class T, int K>
void product_three(const Block<T>& block, int64_t cells, int64_t pad, const T* x, const T* dy, T* out,
                   int64_t tap, int64_t last) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const Block<T> b = block;
  V sum[K][3] = {};
  for (int64_t r = 0; r < b.rows; ++r) {
    const T* xp = x + r * b.x_row;
    const T* gp = dy + r * b.dy_row;
    const auto gradient = [&](int64_t position) {
      if (position < 0 || position >= b.positions) return zero<V>();
      const T* at = gp + position * b.dy_position;
      return last == L ? load<V>(at) : load_partial<V>(at, last);
    };
    V second = gradient(pad - 1), third = gradient(pad - 2);
    for (int64_t cell = 0; cell < cells; ++cell) {
      const V first = hold(gradient(cell + pad));
      for (int k = 0; k < K; ++k) {
        const V v = hold(broadcast<V>(xp[k]));
        sum[k][0] = fma(v, first, sum[k][0]);
        sum[k][1] = fma(v, second, sum[k][1]);
        sum[k][2] = fma(v, third, sum[k][2]);
      }
      third = second;
      second = first;
      xp += b.x_position;
    }
  }
  unroll<K * 3>([&](auto i) {
    constexpr int k = i / 3, t = i % 3;
    T* target = out + t * tap + k * b.out_row;
    if (last == L) {
      store(target, load<V>(target) + sum[k][t]);
    } else {
      store_partial(target, load_partial<V>(target, last) + sum[k][t], last);
    }
  });
}

template <class T>
struct ThreeTable {
  using Fn = void (*)(const Block<T>&, int64_t, int64_t, const T*, const T*, T*, int64_t, int64_t);
  static constexpr auto kTable = []<size_t... I>(std::index_sequence<I...>) {
    return std::array<Fn, sizeof...(I)>{product_three<T, static_cast<int>(I) + 1>...};
  }(std::make_index_sequence<kMostThree>{});
};

template <class T, int E>
struct Conv2dGradKernel {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    if constexpr (std::is_same_v<T, float> && E == 1) {
      if (winograd_serves_kernel(forward_shape(c))) {
        return winograd_grad_kernel(forward_shape(c), call.in[0].as<float>(), call.in[1].as<float>(),
                                    call.count, call.out[0].as<float>(),
                                    c.has_bias ? call.out[1].as<float>() : nullptr, call.scratch);
      }
    }
    Partial(c, call.scratch).add(call);
  }
  static int64_t scratch(const Config& c, int64_t images) {
    if constexpr (std::is_same_v<T, float> && E == 1) {
      if (winograd_serves_kernel(forward_shape(c))) {
        return winograd_grad_kernel_scratch(forward_shape(c), images);
      }
    }
    return Partial(c, nullptr).scratch_bytes();
  }

 private:
  static constexpr int L = vector_lanes<T>;
  static constexpr int64_t kBlock = E > 1 ? 1 : L;

  class Partial {
   public:
    Partial(const Config& config, std::byte* memory) : c_(config), w_(config.window), scratch_(memory) {
      const int64_t right = (w_.out_width - 1) * w_.stride_x + w_.span_x() - w_.pad_left - w_.width;
      const bool padded = w_.pad_left > 0 || right > 0;
      // The taps of a row as one run of input channels: for one or two channels alone the tiles would be too
      // thin.
      three_ = E == 1 && c_.group_out() <= kBlock && w_.columns == 3 && w_.stride_x == 1 &&
               w_.dilation_x == 1 && w_.out_width >= 4;
      merged_ = !three_ && c_.groups == 1 && w_.dilation_x == 1 && (!padded || c_.in <= 2);
      x_width_ = w_.width;
      if (merged_ && padded) {
        x_width_ = w_.pad_left + w_.width + std::max<int64_t>(0, right);
        copy_ = scratch_.take<T>(w_.height * x_width_ * c_.in * E);
      }
      // As many positions at a time as stay in the first-level cache, and no fewer than make the tiles' own
      // cost small.
      constexpr int64_t kNear = 24 * 1024, kFewest = 32;
      const int64_t bytes =
          (c_.out + w_.stride_x * w_.stride_y * c_.in) * E * static_cast<int64_t>(sizeof(T));
      const int64_t most = std::max(kFewest, kNear / bytes);
      block_rows_ = std::clamp<int64_t>(most / w_.out_width, 1, w_.out_height);
      block_positions_ = three_ ? w_.out_width : Split::balanced(w_.out_width, most).size;
      tiles_ = choose_tiles((c_.group_out() + kBlock - 1) / kBlock,
                            merged_ ? w_.columns * c_.in : c_.group_in(), block_rows_ * block_positions_);
    }

    int64_t scratch_bytes() const { return scratch_.used(); }

    void add(const KernelCall& call) {
      for (int64_t i = 0; i < call.groups(E); ++i) {
        const T* x = call.in[0].as<T>() + i * call.in[0].size * E;
        const T* dy = call.in[1].as<T>() + i * call.in[1].size * E;
        if (copy_ != nullptr) x = padded_copy(x);
        for (int64_t oy = 0; oy < w_.out_height; oy += block_rows_) {
          const int64_t rows = std::min(block_rows_, w_.out_height - oy);
          for (int64_t ox = 0; ox < w_.out_width; ox += block_positions_) {
            add_block(x, dy, oy, rows, ox, std::min(block_positions_, w_.out_width - ox),
                      call.out[0].as<T>());
          }
          if (c_.has_bias) {
            sum_positions(dy + oy * w_.out_width * c_.out * E, rows * w_.out_width, c_.out * E,
                          call.out[1].as<T>());
          }
        }
      }
    }

   private:
    const T* padded_copy(const T* x) {
      const int64_t cell = c_.in * E;
      for (int64_t y = 0; y < w_.height; ++y) {
        T* row = copy_ + y * x_width_ * cell;
        T* inside = std::fill_n(row, w_.pad_left * cell, T(0));
        T* right = std::copy_n(x + y * w_.width * cell, w_.width * cell, inside);
        std::fill(right, row + x_width_ * cell, T(0));
      }
      return copy_;
    }

    // Indices i of [first, first + count) for which i * stride + offset lies in [0, extent).
    static std::pair<int64_t, int64_t> inside(int64_t first, int64_t count, int64_t stride, int64_t offset,
                                              int64_t extent) {
      const int64_t low = offset < 0 ? (-offset + stride - 1) / stride : 0;
      const int64_t high = extent - offset <= 0 ? 0 : (extent - offset + stride - 1) / stride;
      return {std::max(first, low), std::min(first + count, high)};
    }

    void add_block(const T* x, const T* dy, int64_t oy, int64_t rows, int64_t ox, int64_t positions, T* out) {
      const int64_t cell = c_.in * E;
      for (int64_t ky = 0; ky < w_.rows; ++ky) {
        const int64_t offset_y = ky * w_.dilation_y - w_.pad_top;
        const auto [y, y_end] = inside(oy, rows, w_.stride_y, offset_y, w_.height);
        if (y >= y_end) continue;
        if constexpr (E == 1) {
          if (three_) {
            add_three(x, dy, out + ky * w_.columns * c_.group_in() * c_.out, y, y_end, offset_y);
            continue;
          }
        }
        for (int64_t kx = 0; kx < (merged_ ? 1 : w_.columns); ++kx) {
          // A padded copy begins pad_left columns to the left.
          const int64_t offset_x = kx * w_.dilation_x - (merged_ ? 0 : w_.pad_left);
          const auto [p, p_end] = inside(ox, positions, w_.stride_x, offset_x, merged_ ? x_width_ : w_.width);
          if (p >= p_end) continue;
          const Block<T> block{.rows = y_end - y,
                               .positions = p_end - p,
                               .x_row = w_.stride_y * x_width_ * cell,
                               .x_position = w_.stride_x * cell,
                               .dy_row = w_.out_width * c_.out * E,
                               .dy_position = c_.out * E,
                               .out_row = c_.out * E};
          add_tap(block, x + ((y * w_.stride_y + offset_y) * x_width_ + p * w_.stride_x + offset_x) * cell,
                  dy + (y * w_.out_width + p) * c_.out * E,
                  out + (ky * w_.columns + kx) * c_.group_in() * c_.out * E);
        }
      }
    }

    // All taps of a row of the kernel, for rows [y, y_end) of the output.
    void add_three(const T* x, const T* dy, T* out, int64_t y, int64_t y_end, int64_t offset_y) {
      const Block<T> block{.rows = y_end - y,
                           .positions = w_.out_width,
                           .x_row = w_.stride_y * w_.width * c_.in,
                           .x_position = c_.in,
                           .dy_row = w_.out_width * c_.out,
                           .dy_position = c_.out,
                           .out_row = c_.out};
      const Split inputs = Split::balanced(c_.group_in(), kMostThree);
      for (int64_t g = 0; g < c_.groups; ++g) {
        for (int64_t i = 0; i < inputs.parts; ++i) {
          const int64_t k = inputs.first(i);
          ThreeTable<T>::kTable[static_cast<size_t>(inputs.size_of(i) - 1)](
              block, w_.width, w_.pad_left,
              x + (y * w_.stride_y + offset_y) * w_.width * c_.in + g * c_.group_in() + k,
              dy + y * w_.out_width * c_.out + g * c_.group_out(), out + k * c_.out + g * c_.group_out(),
              c_.group_in() * c_.out, c_.group_out());
        }
      }
    }

    void add_tap(const Block<T>& block, const T* x, const T* dy, T* out) {
      for (int64_t g = 0; g < c_.groups; ++g) {
        for (int64_t i = 0; i < tiles_.positions.parts; ++i) {
          const int64_t k = tiles_.positions.first(i);
          for (int64_t j = 0; j < tiles_.blocks.parts; ++j) {
            const int64_t at = tiles_.blocks.first(j) * kBlock;
            const int64_t size = tiles_.blocks.size_of(j);
            const int64_t last = std::min(kBlock, c_.group_out() - at - (size - 1) * kBlock);
            const int64_t channel = g * c_.group_out() + at;
            ProductTable<T, E>::at(size, tiles_.positions.size_of(i))(block, x + (g * c_.group_in() + k) * E,
                                                                      dy + channel * E,
                                                                      out + (k * c_.out + channel) * E, last);
          }
        }
      }
    }

    const Config& c_;
    const ops::Window2d& w_;
    Scratch scratch_;
    bool three_ = false;  // product_three serves
    bool merged_;
    int64_t x_width_;
    T* copy_ = nullptr;
    int64_t block_rows_, block_positions_;
    TileShape tiles_;
  };
};

int64_t grad_kernel_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  const int64_t images = query.samples;
  if (query.in[0].dtype == DType::f64) {
    return query.lanes == 1 ? Conv2dGradKernel<double, 1>::scratch(c, images)
                            : Conv2dGradKernel<double, vector_lanes<double>>::scratch(c, images);
  }
  return query.lanes == 1 ? Conv2dGradKernel<float, 1>::scratch(c, images)
                          : Conv2dGradKernel<float, vector_lanes<float>>::scratch(c, images);
}

int64_t grad_kernel_winograd(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return query.lanes == 1 && query.in[0].dtype == DType::f32 && winograd_serves_kernel(forward_shape(c));
}

}  // namespace

extern const Kernel conv2d_grad_kernel_kernel;
const Kernel conv2d_grad_kernel_kernel{.f32 = tile_kernels_f32<Conv2dGradKernel>(),
                                       .f64 = tile_kernels_f64<Conv2dGradKernel>(),
                                       .scratch = grad_kernel_scratch,
                                       .lane_accumulators = true,
                                       .winograd = grad_kernel_winograd};

}  // namespace fastnn::cpu

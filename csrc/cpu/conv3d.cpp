// conv3d and its gradients as matrix products over unfolded windows: for a block of positions, the cells
// under each tap are copied to a row (zeros where there are none), and a product of matrices does the rest.
// Rows only.
#include "ops/conv3d.h"

#include <cstring>

#include "cpu/activate_row.h"
#include "cpu/conv2d_correlate.h"
#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/sum_positions.h"

namespace fastnn::cpu {

namespace {

using Config = ops::Conv3dConfig;

// Positions whose unfolded windows fit the second-level cache beside the rest.
template <class T>
int64_t block_positions(const Config& c) {
  constexpr int64_t kBytes = 256 * 1024;
  const int64_t row = c.taps() * c.group_in() * static_cast<int64_t>(sizeof(T));
  return std::min(c.positions(), std::max<int64_t>(16, kBytes / row));
}

// Calls body(tap, cell) for every tap of a position; cell: that under it in the image, or -1.
template <class Body>
FASTNN_INLINE void for_taps(const Config& c, int64_t position, Body body) {
  const int64_t ox = position % c.out[2], oy = position / c.out[2] % c.out[1];
  const int64_t oz = position / (c.out[2] * c.out[1]);
  int64_t tap = 0;
  for (int64_t kz = 0; kz < c.window[0]; ++kz) {
    const int64_t z = oz * c.stride[0] - c.pad[0] + kz * c.dilation[0];
    for (int64_t ky = 0; ky < c.window[1]; ++ky) {
      const int64_t y = oy * c.stride[1] - c.pad[1] + ky * c.dilation[1];
      const bool row = z >= 0 && z < c.image[0] && y >= 0 && y < c.image[1];
      for (int64_t kx = 0; kx < c.window[2]; ++kx, ++tap) {
        const int64_t x = ox * c.stride[2] - c.pad[2] + kx * c.dilation[2];
        body(tap, row && x >= 0 && x < c.image[2] ? (z * c.image[1] + y) * c.image[2] + x : -1);
      }
    }
  }
}

// Windows of positions [first, first + count) of one group's channels: rows of [taps][channels].
template <class T>
void unfold(const Config& c, const T* x, int64_t group, int64_t first, int64_t count, T* rows) {
  const int64_t run = c.group_in();
  for (int64_t p = 0; p < count; ++p, rows += c.taps() * run) {
    for_taps(c, first + p, [&](int64_t tap, int64_t cell) {
      T* to = rows + tap * run;
      if (cell < 0) {
        std::fill_n(to, run, T(0));
      } else {
        std::memcpy(to, x + cell * c.in_channels + group * run, static_cast<size_t>(run) * sizeof(T));
      }
    });
  }
}

// Adds such windows back to the cells that they came from.
template <class T>
void fold(const Config& c, const T* rows, int64_t group, int64_t first, int64_t count, T* x) {
  const int64_t run = c.group_in();
  for (int64_t p = 0; p < count; ++p, rows += c.taps() * run) {
    for_taps(c, first + p, [&](int64_t tap, int64_t cell) {
      if (cell < 0) return;
      T* to = x + cell * c.in_channels + group * run;
      for (int64_t i = 0; i < run; ++i) to[i] += rows[tap * run + i];
    });
  }
}

// Calls body(group, first, count) for every block of positions.
template <class T, class Body>
FASTNN_INLINE void for_blocks(const Config& c, Body body) {
  const int64_t block = block_positions<T>(c);
  for (int64_t group = 0; group < c.groups; ++group) {
    for (int64_t first = 0; first < c.positions(); first += block) {
      body(group, first, std::min(block, c.positions() - first));
    }
  }
}

template <class T>
struct Conv3d {
  static Gemm<T> product(const Config& c, int64_t positions) {
    Gemm<T> g;
    g.m = positions;
    g.n = c.group_out();
    g.inner = c.taps() * c.group_in();
    g.a_row = g.inner;
    g.b_row = c.out_channels;
    g.c_row = c.out_channels;
    return g;
  }
  static int64_t scratch(const Config& c) {
    Scratch scratch(nullptr);
    const int64_t positions = block_positions<T>(c);
    scratch.take<T>(positions * c.taps() * c.group_in());
    scratch.take<std::byte>(gemm_scratch(product(c, positions)));
    return scratch.used();
  }
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    Scratch scratch(call.scratch);
    T* rows = scratch.take<T>(block_positions<T>(c) * c.taps() * c.group_in());
    auto* packing = scratch.take<std::byte>(0);
    for (int64_t i = 0; i < call.count; ++i) {
      const T* x = call.in[0].as<T>() + i * call.in[0].size;
      T* y = call.out[0].as<T>() + i * call.out[0].size;
      for_blocks<T>(c, [&](int64_t group, int64_t first, int64_t count) {
        unfold(c, x, group, first, count, rows);
        Gemm<T> g = product(c, count);
        g.a = rows;
        g.b = call.in[1].as<T>() + group * c.group_out();
        g.c = y + first * c.out_channels + group * c.group_out();
        g.bias = c.has_bias ? call.in[2].as<T>() + group * c.group_out() : nullptr;
        gemm(g, packing);
      });
      if (c.activation.kind != ActivationKind::linear) activate_row(c.activation, y, call.out[0].size);
    }
  }
};

template <class T>
struct Conv3dGradInput {
  static Gemm<T> product(const Config& c, int64_t positions) {
    Gemm<T> g;
    g.m = positions;
    g.n = c.taps() * c.group_in();
    g.inner = c.group_out();
    g.a_row = c.out_channels;
    g.b_row = g.n;
    g.c_row = g.n;
    return g;
  }
  static int64_t scratch(const Config& c) {
    Scratch scratch(nullptr);
    const int64_t positions = block_positions<T>(c);
    scratch.take<T>(c.taps() * c.group_in() * c.out_channels);
    scratch.take<T>(positions * c.taps() * c.group_in());
    scratch.take<std::byte>(gemm_scratch(product(c, positions)));
    return scratch.used();
  }
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t depth = c.taps() * c.group_in();
    Scratch scratch(call.scratch);
    T* kernel = scratch.take<T>(depth * c.out_channels);  // (out, taps, channels)
    T* rows = scratch.take<T>(block_positions<T>(c) * depth);
    auto* packing = scratch.take<std::byte>(0);
    transpose_matrix(call.in[1].as<T>(), depth, c.out_channels, c.out_channels, kernel, depth);
    for (int64_t i = 0; i < call.count; ++i) {
      const T* dy = call.in[0].as<T>() + i * call.in[0].size;
      T* dx = call.out[0].as<T>() + i * call.out[0].size;
      std::fill_n(dx, call.out[0].size, T(0));
      for_blocks<T>(c, [&](int64_t group, int64_t first, int64_t count) {
        Gemm<T> g = product(c, count);
        g.a = dy + first * c.out_channels + group * c.group_out();
        g.b = kernel + group * c.group_out() * depth;
        g.c = rows;
        gemm(g, packing);
        fold(c, rows, group, first, count, dx);
      });
    }
  }
};

template <class T>
struct Conv3dGradKernel {
  static Gemm<T> product(const Config& c, int64_t positions) {
    Gemm<T> g;
    g.m = c.taps() * c.group_in();
    g.n = c.group_out();
    g.inner = positions;
    g.a_row = 1;
    g.a_col = g.m;
    g.b_row = c.out_channels;
    g.c_row = c.out_channels;
    g.accumulate = true;
    return g;
  }
  static int64_t scratch(const Config& c) {
    Scratch scratch(nullptr);
    const int64_t positions = block_positions<T>(c);
    scratch.take<T>(positions * c.taps() * c.group_in());
    scratch.take<std::byte>(gemm_scratch(product(c, positions)));
    return scratch.used();
  }
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t block = block_positions<T>(c);
    Scratch scratch(call.scratch);
    T* rows = scratch.take<T>(block * c.taps() * c.group_in());
    auto* packing = scratch.take<std::byte>(0);
    for (int64_t i = 0; i < call.count; ++i) {
      const T* x = call.in[0].as<T>() + i * call.in[0].size;
      const T* dy = call.in[1].as<T>() + i * call.in[1].size;
      for_blocks<T>(c, [&](int64_t group, int64_t first, int64_t count) {
        unfold(c, x, group, first, count, rows);
        Gemm<T> g = product(c, count);
        g.a = rows;
        g.b = dy + first * c.out_channels + group * c.group_out();
        g.c = call.out[0].as<T>() + group * c.group_out();
        gemm(g, count == block ? packing : nullptr);
      });
      if (c.has_bias) sum_positions(dy, c.positions(), c.out_channels, call.out[1].as<T>());
    }
  }
};

template <template <class> class K>
int64_t scratch_of(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return query.in[0].dtype == DType::f64 ? K<double>::scratch(c) : K<float>::scratch(c);
}

}  // namespace

extern const Kernel conv3d_kernel;
const Kernel conv3d_kernel{
    .f32 = {.rows = Conv3d<float>::run}, .f64 = {.rows = Conv3d<double>::run}, .scratch = scratch_of<Conv3d>};

extern const Kernel conv3d_grad_input_kernel;
const Kernel conv3d_grad_input_kernel{.f32 = {.rows = Conv3dGradInput<float>::run},
                                      .f64 = {.rows = Conv3dGradInput<double>::run},
                                      .scratch = scratch_of<Conv3dGradInput>};

extern const Kernel conv3d_grad_kernel_kernel;
const Kernel conv3d_grad_kernel_kernel{.f32 = {.rows = Conv3dGradKernel<float>::run},
                                       .f64 = {.rows = Conv3dGradKernel<double>::run},
                                       .scratch = scratch_of<Conv3dGradKernel>};

}  // namespace fastnn::cpu

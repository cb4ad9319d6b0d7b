// dense and its gradients with compute_dtype "bfloat16". Rows: see gemm_bfloat16.h; in batch lanes
// dense.cpp's kernels serve, on rounded copies.
#include <algorithm>

#include "cpu/activation.h"
#include "cpu/gemm_bfloat16.h"
#include "cpu/kernels.h"
#include "cpu/rounded.h"
#include "ops/dense.h"

namespace fastnn::cpu {

extern const Kernel dense_kernel;
extern const Kernel dense_grad_input_kernel;
extern const Kernel dense_grad_kernel_kernel;

namespace {

using Config = ops::DenseConfig;

// ---- The three products, without their operands -----------------------------------------------------------

Gemm<float> forward(const Config& c, int64_t samples) {
  Gemm<float> g;
  g.m = samples * c.positions;
  g.n = g.b_row = g.c_row = c.out;
  g.inner = g.a_row = c.in;
  return g;
}
Gemm<float> input_gradient(const Config& c, int64_t samples) {
  Gemm<float> g;
  g.m = samples * c.positions;
  g.n = g.c_row = c.in;
  g.inner = g.a_row = g.b_col = c.out;
  g.b_row = 1;
  return g;
}
Gemm<float> kernel_gradient(const Config& c, int64_t samples) {
  Gemm<float> g;
  g.m = g.a_col = c.in;
  g.n = g.b_row = g.c_row = c.out;
  g.inner = samples * c.positions;
  g.a_row = 1;
  return g;
}

Gemm<float> with_operands(Gemm<float> g, const KernelCall& call) {
  g.a = call.in[0].as<float>();
  g.b = call.in[1].as<float>();
  g.c = call.out[0].as<float>();
  return g;
}

struct Finish {
  static void apply(const void* context, float* c, int64_t c_row, int64_t rows, int64_t columns) {
    const auto& activation = *static_cast<const ops::ActivationConfig*>(context);
    for (int64_t r = 0; r < rows; ++r) apply_activation(activation, c + r * c_row, columns);
  }
  static GemmFinish<float> of(const Config& c) {
    if (c.activation.kind == ops::ActivationKind::linear) return {};
    return {apply, &c.activation};
  }
};

// ---- Tiles ------------------------------------------------------------------------------------------------

void rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  Gemm<float> g = with_operands(forward(c, call.count), call);
  g.bias = c.has_bias ? call.in[2].as<float>() : nullptr;
  gemm_bfloat16(g, call.scratch, Finish::of(c));
}

void input_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  gemm_bfloat16(with_operands(input_gradient(c, call.count), call), call.scratch);
}

void kernel_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  Gemm<float> g = with_operands(kernel_gradient(c, call.count), call);
  g.accumulate = true;
  gemm_bfloat16(g, call.scratch);
}

template <Gemm<float> (*Product)(const Config&, int64_t), const Kernel& Float32>
int64_t tile_scratch(const KernelQuery& query) {
  if (query.lanes > 1) return rounded_scratch(query) + Float32.scratch(query);
  return gemm_bfloat16_scratch(Product(*static_cast<const Config*>(query.config), query.samples));
}

// ---- Whole: all threads at one product, in blocks of its rows and columns ---------------------------------

struct Blocks {
  static constexpr int64_t kMostColumns = 384;
  int64_t rows, columns;  // of a block
  int64_t across;         // blocks beside each other

  // Nearly equal blocks, large enough that packing takes little of their time.
  explicit Blocks(const Gemm<float>& g) {
    constexpr int64_t kMostRows = 256, kLeast = 64, kEnough = 8;
    int64_t down = std::max<int64_t>(1, (g.m + kMostRows - 1) / kMostRows);
    across = (g.n + kMostColumns - 1) / kMostColumns;
    const auto part = [](int64_t extent, int64_t parts, int64_t unit) {
      return ((extent + parts - 1) / parts + unit - 1) / unit * unit;
    };
    while (down * across < kEnough && part(g.n, across + 1, 16) >= kLeast) ++across;
    while (down * across < kEnough && part(g.m, down + 1, 8) >= kLeast) ++down;
    columns = part(g.n, across, 16);
    rows = part(std::max<int64_t>(1, g.m), down, 8);
    across = (g.n + columns - 1) / columns;
  }
  int64_t count(int64_t m) const { return (m + rows - 1) / rows * across; }
  // A block, and those beside it until `end`, as far as they are few columns: its rows are packed once.
  Gemm<float> take(const Gemm<float>& g, int64_t& unit, int64_t end) const {
    Gemm<float> taken = part(g, unit++);
    for (; unit < end && unit % across != 0; ++unit) {
      const int64_t more = part(g, unit).n;
      if (taken.n + more > kMostColumns) break;
      taken.n += more;
    }
    return taken;
  }
  Gemm<float> part(Gemm<float> g, int64_t unit) const {
    const int64_t row = unit / across * rows, column = unit % across * columns;
    g.a += row * g.a_row;
    g.b += column * g.b_col;
    g.c += row * g.c_row + column;
    if (g.bias != nullptr) g.bias += column;
    g.m = std::max<int64_t>(0, std::min(rows, g.m - row));
    g.n = std::min(columns, g.n - column);
    return g;
  }
};

template <Gemm<float> (*Product)(const Config&, int64_t)>
void whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const Blocks blocks(Product(c, call.capacity));
  Gemm<float> g = with_operands(Product(c, call.count), call);
  constexpr bool is_forward = Product == forward;
  if (is_forward && c.has_bias) g.bias = call.in[2].as<float>();
  const GemmFinish<float> finish = is_forward ? Finish::of(c) : GemmFinish<float>{};
  for (int64_t u = call.unit_begin; u < call.unit_end;) {
    gemm_bfloat16(blocks.take(g, u, call.unit_end), call.scratch, finish);
  }
}

template <Gemm<float> (*Product)(const Config&, int64_t)>
int64_t units(const KernelQuery& query) {
  const Gemm<float> g = Product(*static_cast<const Config*>(query.config), query.samples);
  return Blocks(g).count(g.m);
}
template <Gemm<float> (*Product)(const Config&, int64_t)>
int64_t whole_scratch(const KernelQuery& query) {
  const Gemm<float> g = Product(*static_cast<const Config*>(query.config), query.samples);
  Gemm<float> largest = Blocks(g).part(g, 0);
  largest.n = std::max(largest.n, std::min(g.n, Blocks::kMostColumns));
  return gemm_bfloat16_scratch(largest);
}

template <const Kernel& Float32>
void float32_lanes(const KernelCall& call) {
  Float32.f32.lanes(call);
}

}  // namespace

extern const Kernel dense_bfloat16_kernel;
const Kernel dense_bfloat16_kernel{
    .f32 = {.rows = rows, .lanes = rounded<float32_lanes<dense_kernel>>, .whole = whole<forward>},
    .f64 = {},
    .scratch = tile_scratch<forward, dense_kernel>,
    .whole_scratch = whole_scratch<forward>,
    .units = units<forward>,
    .team = true,
    .whole_rows_inputs = 0b1};

extern const Kernel dense_grad_input_bfloat16_kernel;
const Kernel dense_grad_input_bfloat16_kernel{
    .f32 = {.rows = input_rows,
            .lanes = rounded<float32_lanes<dense_grad_input_kernel>>,
            .whole = whole<input_gradient>},
    .f64 = {},
    .scratch = tile_scratch<input_gradient, dense_grad_input_kernel>,
    .whole_scratch = whole_scratch<input_gradient>,
    .units = units<input_gradient>,
    .team = true,
    .whole_rows_inputs = 0b1};

extern const Kernel dense_grad_kernel_bfloat16_kernel;
const Kernel dense_grad_kernel_bfloat16_kernel{
    .f32 = {.rows = kernel_rows,
            .lanes = rounded<float32_lanes<dense_grad_kernel_kernel>>,
            .whole = whole<kernel_gradient>},
    .f64 = {},
    .scratch = tile_scratch<kernel_gradient, dense_grad_kernel_kernel>,
    .whole_scratch = whole_scratch<kernel_gradient>,
    .units = units<kernel_gradient>,
    .whole_rows_inputs = 0b11,
    .lane_accumulators = dense_grad_kernel_kernel.lane_accumulators};

}  // namespace fastnn::cpu

// The kernel's gradient by Winograd's form.
#include "cpu/conv2d_product.h"
#include "cpu/conv2d_winograd_cost.h"
#include "cpu/sum_positions.h"

namespace fastnn::cpu {

using namespace winograd;

template <class Form>
bool winograd_serves_kernel(const Correlation& c) {
  constexpr int64_t kMostSums = 4608 * 1024;  // bytes, of a thread
  const Cycles<Form> cycles(c);
  const double sums = 16 * static_cast<double>(c.run) * cycles.out;
  if (!fits(c) || sums * Cycles<Form>::kLanes * sizeof(float) > kMostSums) return false;
  const double tile = cycles.gradient_products() + cycles.input() + cycles.gradient();
  // The sums are cleared, transformed and added once for some images.
  return cycles.direct() >= cycles.kLeastGain * (tile * cycles.tiles + sums / 2);
}

namespace {

constexpr int64_t kGradientBytes = 384 * 1024;
constexpr int64_t kFewestGradientTiles = 48;  // that share a pass over the sums

/// Tiles that a product takes at a time.
template <class Form>
constexpr int64_t kBeside = is_float32<Form> ? 1 : 2;

template <class Form>
struct GradientScratch {
  GradientScratch(const Correlation& c, int64_t images, std::byte* memory)
      : tiles(Tiling(c, kBeside<Form>), images, tile_bytes(c), kGradientBytes,
              kFewestGradientTiles / kBeside<Form>),
        input(tiles.most * steps, round_up(c.run, L)),
        output(tiles.most * steps, round_up(c.columns, L)) {
    using Cell = typename Form::Cell;
    Scratch scratch(memory);
    zeros = scratch.take<float>(c.in_channels);
    in = scratch.take<Cell>(input.elements());
    out = scratch.take<Cell>(output.elements());
    sums = scratch.take<float>(16 * c.run * output.width);
    bias = scratch.take<float>(output.width);
    bytes = scratch.used();
  }
  // Sums end with a block: for bfloat16 that must not depend on the instruction set.
  static int64_t tile_bytes(const Correlation& c) {
    constexpr int64_t kLanes = Cycles<Form>::kLanes;
    return 16 * (round_up(c.run, kLanes) + round_up(c.columns, kLanes)) * int64_t{sizeof(float)};
  }
  static constexpr int64_t steps = cells<Form>(kBeside<Form>);  ///< products of a sum for a tile or a pair
  TileBlocks tiles;
  Places input, output;
  float *zeros, *sums, *bias;
  typename Form::Cell *in, *out;
  int64_t bytes;
};

/// G' of the sums G, added to out.
void add_gradient(const Correlation& c, const float* sums, int64_t width, float* out) {
  const V half = broadcast<V>(0.5F);
  const int64_t place = c.run * width;
  for (int64_t k = 0; k < c.run; ++k) {
    for (int64_t n = 0; n < c.columns; n += L) {
      const int64_t rest = std::min(L, c.columns - n);
      V rows[3][4];
      for (int j = 0; j < 4; ++j) {
        const float* m = sums + k * width + n + j * place;
        const V m0 = load<V>(m), m1 = load<V>(m + 4 * place), m2 = load<V>(m + 8 * place),
                m3 = load<V>(m + 12 * place);
        rows[0][j] = m0 + half * (m1 + m2);
        rows[1][j] = half * (m1 - m2);
        rows[2][j] = half * (m1 + m2) + m3;
      }
      for (int y = 0; y < 3; ++y) {
        const V* r = rows[y];
        const V result[3] = {r[0] + half * (r[1] + r[2]), half * (r[1] - r[2]), half * (r[1] + r[2]) + r[3]};
        for (int t = 0; t < 3; ++t) {
          float* target = out + ((y * 3 + t) * c.run + k) * c.columns + n;
          store_partial(target, load_partial<V>(target, rest) + result[t], rest);
        }
      }
    }
  }
}

}  // namespace

template <class Form>
int64_t winograd_grad_kernel_scratch(const Correlation& c, int64_t images) {
  return GradientScratch<Form>(c, images, nullptr).bytes;
}

template <class Form>
void winograd_grad_kernel(const Correlation& c, const float* x, const float* dy, int64_t images, float* out,
                          float* bias, std::byte* memory) {
  using Cell = typename Form::Cell;
  const Tiling tiling(c, kBeside<Form>);
  const GradientScratch<Form> s(c, images, memory);
  const int64_t width = s.output.width;
  std::fill_n(s.zeros, c.in_channels, 0.0F);
  std::fill_n(s.sums, 16 * c.run * width, 0.0F);
  const TileShape tiles = choose_tiles(width / L, c.run, s.tiles.split.size * s.steps);
  for (int64_t block = 0; block < s.tiles.split.parts; ++block) {
    const int64_t first = s.tiles.split.first(block);
    const int64_t count = s.tiles.split.size_of(block);
    if constexpr (is_float32<Form>) {
      transform_input<Form>(tiling, x, first, count, s.input, s.zeros, s.in);
    } else {
      transform_input_pairs<Form>(tiling, x, first, count, s.input, s.zeros, s.in);
    }
    std::fill_n(s.bias, width, 0.0F);
    transform_gradient<Form>(tiling, dy, first, count, s.output, s.out, s.bias);
    if (!is_float32<Form> && bias != nullptr) {
      for (int64_t n = 0; n < c.columns; ++n) bias[n] += s.bias[n];  // short sums of short sums round less
    }
    const Block<Cell> positions{.rows = 1,
                                .positions = count * s.steps,
                                .x_row = 0,
                                .x_position = s.input.width,
                                .dy_row = 0,
                                .dy_position = width,
                                .out_row = width};
    const int64_t next = block + 1 < s.tiles.split.parts ? s.tiles.split.size_of(block + 1) : 0;
    const int64_t products = 16 * tiles.positions.parts * tiles.blocks.parts;
    Ahead inputs = inputs_ahead(tiling, x, first + count, next, products);
    Ahead outputs = outputs_ahead(tiling, dy, first + count, next, products);
    [[maybe_unused]] const ProductScope<Form> scope;
    for (int64_t i = 0; i < 16; ++i) {
      for (int64_t a = 0; a < tiles.positions.parts; ++a) {
        const int64_t k = tiles.positions.first(a);
        for (int64_t b = 0; b < tiles.blocks.parts; ++b) {
          const int64_t n = tiles.blocks.first(b) * L;
          inputs.ask();
          outputs.ask();
          ProductTable<Cell, 1>::at(tiles.blocks.size_of(b), tiles.positions.size_of(a))(
              positions, s.in + i * s.input.place + k, s.out + i * s.output.place + n,
              s.sums + (i * c.run + k) * width + n, L);
        }
      }
    }
  }
  add_gradient(c, s.sums, width, out);
  if (is_float32<Form> && bias != nullptr) {
    sum_positions(dy, images * c.out_height * c.out_width, c.columns, bias);
  }
}

#define FASTNN_FORM(Form)                                                                                   \
  template bool winograd_serves_kernel<Form>(const Correlation&);                                           \
  template int64_t winograd_grad_kernel_scratch<Form>(const Correlation&, int64_t);                         \
  template void winograd_grad_kernel<Form>(const Correlation&, const float*, const float*, int64_t, float*, \
                                           float*, std::byte*);
FASTNN_FORM(Float32)
FASTNN_FORM(EmulatedPairs)
#if FASTNN_BFLOAT16_PAIRS
FASTNN_FORM(NativePairs)
#endif
#undef FASTNN_FORM

}  // namespace fastnn::cpu

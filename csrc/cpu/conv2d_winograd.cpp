#include "cpu/conv2d_winograd.h"

#include "cpu/conv2d_winograd_cost.h"

namespace fastnn::cpu {

using namespace winograd;

namespace {

// How the output channels are cut for the products: a function of the channels alone, because the transformed
// weights lie so: [16][block][channel in][channels of the block]; with bfloat16 pairs of channels in.
constexpr int64_t kNominalTiles = 48;
template <class Form>
Split column_blocks(const Correlation& c) {
  return choose_tiles((c.columns + L - 1) / L, kNominalTiles, cells<Form>(c.run)).blocks;
}

/// From place to place of the weights.
template <class Form>
int64_t weight_place(const Correlation& c) {
  return cells<Form>(c.run) * round_up(c.columns, L);
}

}  // namespace

template <class Form>
bool winograd_serves(const Correlation& c) {
  if (!fits(c)) return false;
  const Cycles<Form> cycles(c);
  return cycles.direct() >=
         cycles.kLeastGain * (cycles.products() + cycles.input() + cycles.output()) * cycles.tiles;
}

// ---- Weights --------------------------------------------------------------------------------------------

template <class Form>
int64_t winograd_weight_elements(const Correlation& c) {
  return 16 * weight_place<Form>(c);
}

int64_t winograd_weight_units(const Correlation& c) { return (c.run + L - 1) / L; }

namespace {

/// Taps of L channels in and L out; G w G' of channel in j.
struct Taps {
  alignas(64) float values[9][L * L];

  FASTNN_INLINE void transform(int64_t j, V* to) const {
    const V half = broadcast<V>(0.5F);
    V rows[4][3];  // G w
    for (int x = 0; x < 3; ++x) {
      const V w0 = load<V>(values[x] + j * L), w1 = load<V>(values[3 + x] + j * L),
              w2 = load<V>(values[6 + x] + j * L);
      rows[0][x] = w0;
      rows[1][x] = half * (w0 + w2 + w1);
      rows[2][x] = half * (w0 + w2 - w1);
      rows[3][x] = w2;
    }
    for (int y = 0; y < 4; ++y) {
      const V* r = rows[y];
      to[4 * y] = r[0];
      to[4 * y + 1] = half * (r[0] + r[2] + r[1]);
      to[4 * y + 2] = half * (r[0] + r[2] - r[1]);
      to[4 * y + 3] = r[2];
    }
  }
};

}  // namespace

template <class Form>
void winograd_transform_weights(const Correlation& c, const WinogradWeights& w, int64_t first_unit,
                                int64_t last_unit, typename Form::Cell* to) {
  const Split blocks = column_blocks<Form>(c);
  const int64_t place = weight_place<Form>(c);
  Taps taps;
  for (int64_t b = 0; b < blocks.parts; ++b) {
    const int64_t width = blocks.size_of(b) * L;
    for (int64_t i = 0; i < blocks.size_of(b); ++i) {
      const int64_t n = (blocks.first(b) + i) * L;
      const int64_t columns = std::min(L, c.columns - n);
      for (int64_t k = first_unit * L; k < std::min(last_unit * L, c.run); k += L) {
        const int64_t channels = std::min(L, c.run - k);
        for (int t = 0; t < 9; ++t) {
          const float* from = w.from + t / 3 * w.row + t % 3 * w.tap + k * w.channel + n * w.column;
          if (w.column == 1) {
            for (int64_t j = 0; j < channels; ++j) {
              store(taps.values[t] + j * L, load_partial<V>(from + j * w.channel, columns));
            }
          } else {
            std::fill_n(taps.values[t], L * L, 0.0F);
            transpose_partial<float, L>(from, w.column, static_cast<int>(columns), static_cast<int>(channels),
                                        taps.values[t], L);
          }
        }
        auto* target = to + blocks.first(b) * L * cells<Form>(c.run) + cells<Form>(k) * width + i * L;
        V even[16], odd[16];
        if constexpr (is_float32<Form>) {
          for (int64_t j = 0; j < channels; ++j, target += width) {
            taps.transform(j, even);
            for (int p = 0; p < 16; ++p) store(target + p * place, even[p]);
          }
        } else {
          for (int64_t j = 0; j < channels; j += 2, target += Form::pair_cells * width) {
            taps.transform(j, even);
            std::fill_n(odd, 16, zero<V>());
            if (j + 1 < channels) taps.transform(j + 1, odd);
            for (int p = 0; p < 16; ++p) Form::round_pairs(even[p], odd[p], target + p * place, width);
          }
        }
      }
    }
  }
}

// ---- Correlation ----------------------------------------------------------------------------------------

namespace {

/// What a block's transformed operands should occupy: they pass through the second-level cache.
constexpr int64_t kBlockBytes = 256 * 1024;

constexpr int64_t kFewestTiles = 24;  // that share a pass over the weights

template <class Form>
struct CorrelateScratch {
  CorrelateScratch(const Correlation& c, int64_t images, std::byte* memory)
      : tiles(Tiling(c), images,
              16 * (cells<Form>(round_up(c.run, L)) + round_up(c.columns, L)) * int64_t{sizeof(float)},
              kBlockBytes, kFewestTiles),
        input(tiles.most, cells<Form>(round_up(c.run, L))),
        output(tiles.most, round_up(c.columns, L)) {
    Scratch scratch(memory);
    zeros = scratch.take<float>(c.in_channels);
    in = scratch.take<typename Form::Cell>(input.elements());
    out = scratch.take<float>(output.elements());
    bytes = scratch.used();
  }
  TileBlocks tiles;
  Places input, output;
  float *zeros, *out;
  typename Form::Cell* in;
  int64_t bytes;
};

}  // namespace

template <class Form>
int64_t winograd_correlate_scratch(const Correlation& c, int64_t images) {
  return CorrelateScratch<Form>(c, images, nullptr).bytes;
}

template <class Form>
void winograd_correlate(const Correlation& c, const float* in, const typename Form::Cell* weights,
                        const float* start, float floor, float* out, int64_t images, std::byte* memory) {
  using Cell = typename Form::Cell;
  const Tiling tiling(c);
  const CorrelateScratch<Form> s(c, images, memory);
  std::fill_n(s.zeros, c.in_channels, 0.0F);
  const Split columns = column_blocks<Form>(c);
  const int64_t place = weight_place<Form>(c);
  const Cell* rows[1];
  TileRow<Cell> row{};
  row.rows = rows;
  row.taps_y = row.taps_x = 1;
  row.run = cells<Form>(c.run);
  row.x_position = s.input.width;
  row.out_position = s.output.width;
  row.floor = -std::numeric_limits<float>::infinity();
  for (int64_t block = 0; block < s.tiles.split.parts; ++block) {
    const int64_t first = s.tiles.split.first(block);
    const int64_t count = s.tiles.split.size_of(block);
    transform_input<Form>(tiling, in, first, count, s.input, s.zeros, s.in);
    // Half of the products ask for the next block's inputs, half for this one's outputs.
    const int64_t next = block + 1 < s.tiles.split.parts ? s.tiles.split.size_of(block + 1) : 0;
    int64_t products = 0;
    for (int64_t b = 0; b < columns.parts; ++b) {
      products += 8 * Split::balanced(count, positions_beside(static_cast<int>(columns.size_of(b)))).parts;
    }
    Ahead inputs = inputs_ahead(tiling, in, first + count, next, products);
    Ahead outputs = outputs_ahead(tiling, out, first, count, products);
    for (int64_t i = 0; i < 16; ++i) {
      [[maybe_unused]] const ProductScope<Form> scope;
      Ahead& ahead = i < 8 ? inputs : outputs;
      row.ahead_lines = ahead.lines;
      rows[0] = s.in + i * s.input.place;
      for (int64_t b = 0; b < columns.parts; ++b) {
        const auto size = static_cast<int>(columns.size_of(b));
        row.w_channel = size * L;
        const Cell* w = weights + i * place + columns.first(b) * L * row.run;
        float* to = s.out + i * s.output.place + columns.first(b) * L;
        const Split tiles = Split::balanced(count, positions_beside(size));
        const auto run = [&](int64_t at, int64_t positions, int64_t number) {
          if (number == 0) return;
          row.ahead = ahead.next;
          ahead.next += number * ahead.lines * kLineFloats;
          TileTable<Cell, 1>::at(size, static_cast<int>(positions))(row, at * row.x_position, w, nullptr,
                                                                    to + at * row.out_position, number, L);
        };
        run(0, tiles.size, tiles.wide);
        run(tiles.first(tiles.wide), tiles.size - 1, tiles.parts - tiles.wide);
      }
    }
    transform_output(tiling, s.out, first, count, s.output, start, floor, out);
  }
}

#define FASTNN_FORM(Form)                                                                                   \
  template bool winograd_serves<Form>(const Correlation&);                                                  \
  template int64_t winograd_weight_elements<Form>(const Correlation&);                                      \
  template void winograd_transform_weights<Form>(const Correlation&, const WinogradWeights&, int64_t,       \
                                                 int64_t, Form::Cell*);                                     \
  template int64_t winograd_correlate_scratch<Form>(const Correlation&, int64_t);                           \
  template void winograd_correlate<Form>(const Correlation&, const float*, const Form::Cell*, const float*, \
                                         float, float*, int64_t, std::byte*);
FASTNN_FORM(Float32)
FASTNN_FORM(EmulatedPairs)
#if FASTNN_BFLOAT16_PAIRS
FASTNN_FORM(NativePairs)
#endif
#undef FASTNN_FORM

}  // namespace fastnn::cpu

#include "cpu/conv2d_winograd.h"

#include "cpu/conv2d_product.h"

namespace fastnn::cpu {

namespace {

constexpr int64_t L = vector_lanes<float>;
using V = Vec<float, L>;

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

/// Tiles of 2x2 outputs: image by image, row by row.
struct Tiling {
  explicit Tiling(const Correlation& shape)
      : c(shape), rows((c.out_height + 1) / 2), columns((c.out_width + 1) / 2) {}
  int64_t tiles(int64_t images) const { return images * rows * columns; }

  /// Calls run(image, row, first column, tiles, place of the first tile in the block) for the stretches of
  /// rows in a block of tiles.
  template <class Run>
  void each_run(int64_t first, int64_t count, Run run) const {
    for (int64_t done = 0; done < count;) {
      const int64_t row = (first + done) / columns;
      const int64_t column = (first + done) % columns;
      const int64_t size = std::min(columns - column, count - done);
      run(row / rows, row % rows, column, size, done);
      done += size;
    }
  }

  const Correlation& c;
  int64_t rows, columns;
};

/// [16 places][tiles of a block][channels, whole vectors], places an odd number of cache lines apart.
struct Places {
  Places(int64_t tiles, int64_t channels)
      : width(round_up(channels, L)),
        place(round_up(tiles * width, 16) + ((tiles * width / 16) % 2 ? 0 : 16)) {}
  int64_t elements() const { return 16 * place; }
  int64_t width, place;
};

// How the output channels are cut for the products: a function of the channels alone, because the transformed
// weights lie so: [16][block][channel in][channels of the block].
constexpr int64_t kNominalTiles = 48;
Split column_blocks(const Correlation& c) {
  return choose_tiles((c.columns + L - 1) / L, kNominalTiles, c.run).blocks;
}

// ---- When it pays ---------------------------------------------------------------------------------------

// Cycles of one image, as measured on a processor with two multiply-adds a cycle. Products: a step of a tile
// of one vector of output channels takes longer, for inputs are loaded once for each multiply-add.
double products_cycles(const Correlation& c) {
  const auto vectors = static_cast<double>((c.columns + L - 1) / L);
  return 16 * (0.53 * static_cast<double>(c.run) * vectors + 3);
}
double direct_cycles(const Correlation& c) {
  const auto vectors = static_cast<double>((c.columns + L - 1) / L);
  return 9 * 0.52 * static_cast<double>(c.out_height * c.out_width * c.run) * vectors;
}

bool fits(const Correlation& c) {
  return c.taps_y == 3 && c.taps_x == 3 && c.stride_y == 1 && c.stride_x == 1 && c.step_y == 1 &&
         c.step_x == 1 && c.groups == 1;
}

/// What it must gain to be taken.
constexpr double kLeastGain = 1.2;
// Of a vector of a tile: these wait for memory.
constexpr double kInputCycles = 52.0 * vector_bytes / 64, kOutputCycles = 40.0 * vector_bytes / 64,
                 kGradientCycles = 60.0 * vector_bytes / 64;

// ---- Transforms -----------------------------------------------------------------------------------------

/// B' x B of the tiles of a block.
void transform_input(const Tiling& tiling, const float* in, int64_t first, int64_t count, const Places& p,
                     const float* zeros, float* to) {
  const Correlation& c = tiling.c;
  const int64_t channels = c.in_channels;
  tiling.each_run(first, count, [&](int64_t image, int64_t ty, int64_t tx, int64_t tiles, int64_t at) {
    const float* x = in + image * c.in_height * c.in_width * channels;
    const float* row[4];
    int64_t step[4];
    for (int r = 0; r < 4; ++r) {
      const int64_t y = 2 * ty + c.origin_y + r;
      const bool inside = y >= 0 && y < c.in_height;
      row[r] = inside ? x + y * c.in_width * channels : zeros;
      step[r] = inside ? channels : 0;
    }
    const int64_t left = 2 * tx + c.origin_x;
    for (int64_t k = 0; k < channels; k += L) {
      const int64_t width = std::min<int64_t>(L, channels - k);
      const auto column = [&](int64_t ix, V* v) {
        if (ix < 0 || ix >= c.in_width) {
          for (int r = 0; r < 4; ++r) v[r] = zero<V>();
          return;
        }
        V d[4];
        if (width == L) {
          for (int r = 0; r < 4; ++r) d[r] = load<V>(row[r] + ix * step[r] + k);
        } else {
          for (int r = 0; r < 4; ++r) d[r] = load_partial<V>(row[r] + ix * step[r] + k, width);
        }
        v[0] = d[0] - d[2];
        v[1] = d[1] + d[2];
        v[2] = d[2] - d[1];
        v[3] = d[1] - d[3];
      };
      V v0[4], v1[4], v2[4], v3[4];
      column(left, v0);
      column(left + 1, v1);
      float* target = to + at * p.width + k;
      for (int64_t t = 0; t < tiles; ++t, target += p.width) {
        column(left + 2 * t + 2, v2);
        column(left + 2 * t + 3, v3);
        for (int i = 0; i < 4; ++i) {
          float* place = target + 4 * i * p.place;
          store(place, v0[i] - v2[i]);
          store(place + p.place, v1[i] + v2[i]);
          store(place + 2 * p.place, v2[i] - v1[i]);
          store(place + 3 * p.place, v1[i] - v3[i]);
          v0[i] = v2[i];
          v1[i] = v3[i];
        }
      }
    }
  });
}

/// A' m A + start, at least floor, to the outputs of the tiles of a block.
void transform_output(const Tiling& tiling, const float* products, int64_t first, int64_t count,
                      const Places& p, const float* start, float floor, float* out) {
  const Correlation& c = tiling.c;
  const V least = broadcast<V>(floor);
  const int64_t row = c.out_width * c.columns;
  tiling.each_run(first, count, [&](int64_t image, int64_t ty, int64_t tx, int64_t tiles, int64_t at) {
    float* y = out + image * c.out_height * row + 2 * ty * row + 2 * tx * c.columns;
    const bool below = 2 * ty + 1 < c.out_height;
    for (int64_t t = 0; t < tiles; ++t, y += 2 * c.columns) {
      const bool beside = 2 * (tx + t) + 1 < c.out_width;
      const float* from = products + (at + t) * p.width;
      for (int64_t n = 0; n < c.columns; n += L) {
        const int64_t width = std::min<int64_t>(L, c.columns - n);
        V upper[4], lower[4];
        for (int j = 0; j < 4; ++j) {
          const float* m = from + n + j * p.place;
          const V m0 = load<V>(m), m1 = load<V>(m + 4 * p.place), m2 = load<V>(m + 8 * p.place),
                  m3 = load<V>(m + 12 * p.place);
          upper[j] = m0 + m1 + m2;
          lower[j] = m1 - m2 - m3;
        }
        const V init = start == nullptr ? zero<V>() : load_partial<V>(start + n, width);
        const auto put = [&](float* target, V result) {
          result = max(least, result + init);  // keeps NaN
          if (width == L) {
            store(target, result);
          } else {
            store_partial(target, result, width);
          }
        };
        put(y + n, upper[0] + upper[1] + upper[2]);
        if (beside) put(y + c.columns + n, upper[1] - upper[2] - upper[3]);
        if (!below) continue;
        put(y + row + n, lower[0] + lower[1] + lower[2]);
        if (beside) put(y + row + c.columns + n, lower[1] - lower[2] - lower[3]);
      }
    }
  });
}

/// A dy A' of the tiles of a block.
void transform_gradient(const Tiling& tiling, const float* dy, int64_t first, int64_t count, const Places& p,
                        float* to) {
  const Correlation& c = tiling.c;
  const int64_t row = c.out_width * c.columns;
  tiling.each_run(first, count, [&](int64_t image, int64_t ty, int64_t tx, int64_t tiles, int64_t at) {
    const float* g = dy + image * c.out_height * row + 2 * ty * row + 2 * tx * c.columns;
    const bool below = 2 * ty + 1 < c.out_height;
    for (int64_t t = 0; t < tiles; ++t, g += 2 * c.columns) {
      const bool beside = 2 * (tx + t) + 1 < c.out_width;
      float* target = to + (at + t) * p.width;
      for (int64_t n = 0; n < c.columns; n += L) {
        const int64_t width = std::min<int64_t>(L, c.columns - n);
        const auto get = [&](bool inside, const float* from) {
          if (!inside) return zero<V>();
          return width == L ? load<V>(from) : load_partial<V>(from, width);
        };
        const V g00 = get(true, g + n), g01 = get(beside, g + c.columns + n);
        const V g10 = get(below, g + row + n), g11 = get(below && beside, g + row + c.columns + n);
        const V left[4] = {g00, g00 + g10, g00 - g10, -g10};
        const V right[4] = {g01, g01 + g11, g01 - g11, -g11};
        for (int i = 0; i < 4; ++i) {
          float* place = target + n + 4 * i * p.place;
          store(place, left[i]);
          store(place + p.place, left[i] + right[i]);
          store(place + 2 * p.place, left[i] - right[i]);
          store(place + 3 * p.place, -right[i]);
        }
      }
    }
  });
}

}  // namespace

bool winograd_serves(const Correlation& c) {
  if (!fits(c)) return false;
  const Tiling tiling(c);
  const double tile = products_cycles(c) + kInputCycles * static_cast<double>((c.run + L - 1) / L) +
                      kOutputCycles * static_cast<double>((c.columns + L - 1) / L);
  return direct_cycles(c) >= kLeastGain * tile * static_cast<double>(tiling.tiles(1));
}

bool winograd_serves_kernel(const Correlation& c) {
  constexpr int64_t kMostSums = 4608 * 1024;  // bytes, of a thread
  const int64_t vectors = (c.columns + L - 1) / L;
  const int64_t sums = 16 * c.run * vectors;
  if (!fits(c) || sums * L * int64_t{sizeof(float)} > kMostSums) return false;
  const Tiling tiling(c);
  const double tile = products_cycles(c) + kInputCycles * static_cast<double>((c.run + L - 1) / L) +
                      kGradientCycles * static_cast<double>(vectors);
  // The sums are cleared, transformed and added once for some images.
  const double once = static_cast<double>(sums) / 2;
  return direct_cycles(c) >= kLeastGain * (tile * static_cast<double>(tiling.tiles(1)) + once);
}

// ---- Weights --------------------------------------------------------------------------------------------

int64_t winograd_weight_elements(const Correlation& c) { return 16 * c.run * round_up(c.columns, L); }

int64_t winograd_weight_units(const Correlation& c) { return (c.run + L - 1) / L; }

void winograd_transform_weights(const Correlation& c, const WinogradWeights& w, int64_t first_unit,
                                int64_t last_unit, float* to) {
  const Split blocks = column_blocks(c);
  const int64_t place = c.run * round_up(c.columns, L);
  alignas(64) float taps[9][L * L];
  const V half = broadcast<V>(0.5F);
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
              store(taps[t] + j * L, load_partial<V>(from + j * w.channel, columns));
            }
          } else {
            std::fill_n(taps[t], L * L, 0.0F);
            transpose_partial<float, L>(from, w.column, static_cast<int>(columns), static_cast<int>(channels),
                                        taps[t], L);
          }
        }
        for (int64_t j = 0; j < channels; ++j) {
          V rows[4][3];  // G w
          for (int x = 0; x < 3; ++x) {
            const V w0 = load<V>(taps[x] + j * L), w1 = load<V>(taps[3 + x] + j * L),
                    w2 = load<V>(taps[6 + x] + j * L);
            rows[0][x] = w0;
            rows[1][x] = half * (w0 + w2 + w1);
            rows[2][x] = half * (w0 + w2 - w1);
            rows[3][x] = w2;
          }
          float* target = to + blocks.first(b) * L * c.run + (k + j) * width + i * L;
          for (int y = 0; y < 4; ++y) {
            const V* r = rows[y];
            store(target + (4 * y) * place, r[0]);
            store(target + (4 * y + 1) * place, half * (r[0] + r[2] + r[1]));
            store(target + (4 * y + 2) * place, half * (r[0] + r[2] - r[1]));
            store(target + (4 * y + 3) * place, r[2]);
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

struct TileBlocks {
  TileBlocks(const Correlation& c, int64_t images, int64_t bytes, int64_t fewest) {
    const int64_t tile_bytes = 16 * (round_up(c.run, L) + round_up(c.columns, L)) * int64_t{sizeof(float)};
    const int64_t all = Tiling(c).tiles(images);
    most = std::min(all, std::max(fewest, bytes / tile_bytes));
    split = Split::balanced(all, most);
  }
  int64_t most;  // grows with images, as the memory that is asked for them does
  Split split;
};

struct CorrelateScratch {
  CorrelateScratch(const Correlation& c, int64_t images, std::byte* memory)
      : tiles(c, images, kBlockBytes, kFewestTiles), input(tiles.most, c.run), output(tiles.most, c.columns) {
    Scratch scratch(memory);
    zeros = scratch.take<float>(c.in_channels);
    in = scratch.take<float>(input.elements());
    out = scratch.take<float>(output.elements());
    bytes = scratch.used();
  }
  TileBlocks tiles;
  Places input, output;
  float *zeros, *in, *out;
  int64_t bytes;
};

}  // namespace

int64_t winograd_correlate_scratch(const Correlation& c, int64_t images) {
  return CorrelateScratch(c, images, nullptr).bytes;
}

void winograd_correlate(const Correlation& c, const float* in, const float* weights, const float* start,
                        float floor, float* out, int64_t images, std::byte* memory) {
  const Tiling tiling(c);
  const CorrelateScratch s(c, images, memory);
  std::fill_n(s.zeros, c.in_channels, 0.0F);
  const Split columns = column_blocks(c);
  const int64_t place = c.run * round_up(c.columns, L);
  const float* rows[1];
  TileRow<float> row{};
  row.rows = rows;
  row.taps_y = row.taps_x = 1;
  row.run = c.run;
  row.x_position = s.input.width;
  row.out_position = s.output.width;
  row.floor = -std::numeric_limits<float>::infinity();
  for (int64_t block = 0; block < s.tiles.split.parts; ++block) {
    const int64_t first = s.tiles.split.first(block);
    const int64_t count = s.tiles.split.size_of(block);
    transform_input(tiling, in, first, count, s.input, s.zeros, s.in);
    for (int64_t i = 0; i < 16; ++i) {
      rows[0] = s.in + i * s.input.place;
      for (int64_t b = 0; b < columns.parts; ++b) {
        const auto size = static_cast<int>(columns.size_of(b));
        row.w_channel = size * L;
        const float* w = weights + i * place + columns.first(b) * L * c.run;
        float* to = s.out + i * s.output.place + columns.first(b) * L;
        const Split tiles = Split::balanced(count, positions_beside(size));
        const auto run = [&](int64_t at, int64_t positions, int64_t number) {
          if (number == 0) return;
          TileTable<float, 1>::at(size, static_cast<int>(positions))(row, at * row.x_position, w, nullptr,
                                                                     to + at * row.out_position, number, L);
        };
        run(0, tiles.size, tiles.wide);
        run(tiles.first(tiles.wide), tiles.size - 1, tiles.parts - tiles.wide);
      }
    }
    transform_output(tiling, s.out, first, count, s.output, start, floor, out);
  }
}

// ---- Kernel gradient ------------------------------------------------------------------------------------

namespace {

constexpr int64_t kGradientBytes = 384 * 1024;
constexpr int64_t kFewestGradientTiles = 48;  // that share a pass over the sums

struct GradientScratch {
  GradientScratch(const Correlation& c, int64_t images, std::byte* memory)
      : tiles(c, images, kGradientBytes, kFewestGradientTiles),
        input(tiles.most, c.run),
        output(tiles.most, c.columns) {
    Scratch scratch(memory);
    zeros = scratch.take<float>(c.in_channels);
    in = scratch.take<float>(input.elements());
    out = scratch.take<float>(output.elements());
    sums = scratch.take<float>(16 * c.run * output.width);
    bytes = scratch.used();
  }
  TileBlocks tiles;
  Places input, output;
  float *zeros, *in, *out, *sums;
  int64_t bytes;
};

}  // namespace

int64_t winograd_grad_kernel_scratch(const Correlation& c, int64_t images) {
  return GradientScratch(c, images, nullptr).bytes;
}

void winograd_grad_kernel(const Correlation& c, const float* x, const float* dy, int64_t images, float* out,
                          std::byte* memory) {
  const Tiling tiling(c);
  const GradientScratch s(c, images, memory);
  const int64_t width = s.output.width;
  std::fill_n(s.zeros, c.in_channels, 0.0F);
  std::fill_n(s.sums, 16 * c.run * width, 0.0F);
  const TileShape tiles = choose_tiles(width / L, c.run, s.tiles.split.size);
  for (int64_t block = 0; block < s.tiles.split.parts; ++block) {
    const int64_t first = s.tiles.split.first(block);
    const int64_t count = s.tiles.split.size_of(block);
    transform_input(tiling, x, first, count, s.input, s.zeros, s.in);
    transform_gradient(tiling, dy, first, count, s.output, s.out);
    const Block<float> positions{.rows = 1,
                                 .positions = count,
                                 .x_row = 0,
                                 .x_position = s.input.width,
                                 .dy_row = 0,
                                 .dy_position = width,
                                 .out_row = width};
    for (int64_t i = 0; i < 16; ++i) {
      for (int64_t a = 0; a < tiles.positions.parts; ++a) {
        const int64_t k = tiles.positions.first(a);
        for (int64_t b = 0; b < tiles.blocks.parts; ++b) {
          const int64_t n = tiles.blocks.first(b) * L;
          ProductTable<float, 1>::at(tiles.blocks.size_of(b), tiles.positions.size_of(a))(
              positions, s.in + i * s.input.place + k, s.out + i * s.output.place + n,
              s.sums + (i * c.run + k) * width + n, L);
        }
      }
    }
  }
  // G' of the sums G, added to out.
  const V half = broadcast<V>(0.5F);
  const int64_t place = c.run * width;
  for (int64_t k = 0; k < c.run; ++k) {
    for (int64_t n = 0; n < c.columns; n += L) {
      const int64_t rest = std::min(L, c.columns - n);
      V rows[3][4];
      for (int j = 0; j < 4; ++j) {
        const float* m = s.sums + k * width + n + j * place;
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

}  // namespace fastnn::cpu

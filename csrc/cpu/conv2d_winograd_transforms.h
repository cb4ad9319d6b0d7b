// Tiles of Winograd's convolution and their transforms (conv2d_winograd.h).
#pragma once

#include "cpu/conv2d_winograd.h"

namespace fastnn::cpu::winograd {

inline constexpr int64_t L = vector_lanes<float>;
using V = Vec<float, L>;

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// ---- Forms ----------------------------------------------------------------------------------------------

template <class Form>
inline constexpr bool is_float32 = std::is_same_v<Form, Float32>;

/// Cells of n numbers in a row, n even: what is loaded one after the other for a sum over n.
template <class Form>
constexpr int64_t cells(int64_t n) {
  if constexpr (is_float32<Form>) {
    return n;
  } else {
    return (n + 1) / 2 * Form::pair_cells;
  }
}

/// The cells of L numbers in a row.
template <class Form>
FASTNN_INLINE void put(typename Form::Cell* to, V v) {
  if constexpr (is_float32<Form>) {
    store(to, v);
  } else {
    Form::round_half_row(v, to);
  }
}

/// Products of emulated bfloat16 treat denormal numbers as the instruction does; transforms are in plain
/// float32.
struct Unchanged {};
template <class Form>
using ProductScope = std::conditional_t<std::is_same_v<Form, EmulatedPairs>, DenormalsOff, Unchanged>;

// ---- Tiles ----------------------------------------------------------------------------------------------

/// Tiles of 2x2 outputs: image by image, row by row. `beside`: how many beside each other count as one.
struct Tiling {
  explicit Tiling(const Correlation& shape, int64_t beside = 1)
      : c(shape), rows((c.out_height + 1) / 2), columns((c.out_width + 2 * beside - 1) / (2 * beside)) {}
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

/// [16 places][tiles of a block][width cells], places an odd number of cache lines apart.
struct Places {
  Places(int64_t tiles, int64_t cells)
      : width(cells), place(round_up(tiles * width, 16) + ((tiles * width + 15) / 16 % 2 ? 0 : 16)) {}
  int64_t elements() const { return 16 * place; }
  int64_t width, place;
};

/// Blocks of tiles whose transformed operands occupy about `bytes`; no fewer than `fewest`, if there are.
struct TileBlocks {
  TileBlocks(const Tiling& tiling, int64_t images, int64_t tile_bytes, int64_t bytes, int64_t fewest) {
    const int64_t all = tiling.tiles(images);
    most = std::min(all, std::max(fewest, bytes / tile_bytes));
    split = Split::balanced(all, most);
  }
  int64_t most;  // grows with images, as the memory that is asked for them does
  Split split;
};

/// Memory that is asked for before it is needed, a share at each of `times` products: transforms would wait
/// for what comes from beyond the second-level cache.
struct Ahead {
  Ahead(const float* base, int64_t begin, int64_t end, int64_t times)
      : next(base + begin), lines((std::max<int64_t>(0, end - begin) / kLineFloats + times - 1) / times) {}
  void ask() {
    for (int64_t i = 0; i < lines; ++i, next += kLineFloats) __builtin_prefetch(next, 0, 2);
  }
  const float* next;
  int64_t lines;
};

/// Elements before the end of the rows that tiles up to `tile` see: `seen` rows from `origin` on.
inline int64_t seen_by(const Tiling& tiling, int64_t tile, int64_t origin, int64_t seen, int64_t height,
                       int64_t row) {
  if (tile < 0) return 0;
  const int64_t tile_row = tile / tiling.columns;
  const int64_t y = std::clamp<int64_t>(2 * (tile_row % tiling.rows) + origin + seen, 0, height);
  return (tile_row / tiling.rows * height + y) * row;
}

/// What `next` tiles from `first` on read beyond those before them.
inline Ahead inputs_ahead(const Tiling& tiling, const float* in, int64_t first, int64_t next, int64_t times) {
  const Correlation& c = tiling.c;
  const auto seen = [&](int64_t tile) {
    return seen_by(tiling, tile, c.origin_y, 4, c.in_height, c.in_width * c.in_channels);
  };
  return {in, seen(first - 1), seen(first + next - 1), times};
}
/// Their outputs.
inline Ahead outputs_ahead(const Tiling& tiling, const float* out, int64_t first, int64_t next,
                           int64_t times) {
  const Correlation& c = tiling.c;
  const auto seen = [&](int64_t tile) {
    return seen_by(tiling, tile, 0, 2, c.out_height, c.out_width * c.columns);
  };
  return {out, seen(first - 1), seen(first + next - 1), times};
}

// ---- Transforms -----------------------------------------------------------------------------------------

/// The rows of the input under a row of tiles; what is outside is zeros.
class TileRows {
 public:
  TileRows(const Correlation& c, const float* image, int64_t ty, const float* zeros) : width_(c.in_width) {
    for (int r = 0; r < 4; ++r) {
      const int64_t y = 2 * ty + c.origin_y + r;
      const bool inside = y >= 0 && y < c.in_height;
      row_[r] = inside ? image + y * c.in_width * c.in_channels : zeros;
      step_[r] = inside ? c.in_channels : 0;
    }
  }
  /// B' x of column ix, for `count` channels from k on.
  FASTNN_INLINE void column(int64_t ix, int64_t k, int64_t count, V* v) const {
    if (ix < 0 || ix >= width_) {
      for (int r = 0; r < 4; ++r) v[r] = zero<V>();
      return;
    }
    V d[4];
    if (count == L) {
      for (int r = 0; r < 4; ++r) d[r] = load<V>(row_[r] + ix * step_[r] + k);
    } else {
      for (int r = 0; r < 4; ++r) d[r] = load_partial<V>(row_[r] + ix * step_[r] + k, count);
    }
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }

 private:
  const float* row_[4];
  int64_t step_[4];
  int64_t width_;
};

/// B' x B of the tiles of a block.
template <class Form>
void transform_input(const Tiling& tiling, const float* in, int64_t first, int64_t count, const Places& p,
                     const float* zeros, typename Form::Cell* to) {
  const Correlation& c = tiling.c;
  const int64_t channels = c.in_channels;
  tiling.each_run(first, count, [&](int64_t image, int64_t ty, int64_t tx, int64_t tiles, int64_t at) {
    const TileRows rows(c, in + image * c.in_height * c.in_width * channels, ty, zeros);
    const int64_t left = 2 * tx + c.origin_x;
    for (int64_t k = 0; k < channels; k += L) {
      const int64_t width = std::min<int64_t>(L, channels - k);
      V v0[4], v1[4], v2[4], v3[4];
      rows.column(left, k, width, v0);
      rows.column(left + 1, k, width, v1);
      auto* target = to + at * p.width + cells<Form>(k);
      for (int64_t t = 0; t < tiles; ++t, target += p.width) {
        rows.column(left + 2 * t + 2, k, width, v2);
        rows.column(left + 2 * t + 3, k, width, v3);
        for (int i = 0; i < 4; ++i) {
          auto* place = target + 4 * i * p.place;
          put<Form>(place, v0[i] - v2[i]);
          put<Form>(place + p.place, v1[i] + v2[i]);
          put<Form>(place + 2 * p.place, v2[i] - v1[i]);
          put<Form>(place + 3 * p.place, v1[i] - v3[i]);
          v0[i] = v2[i];
          v1[i] = v3[i];
        }
      }
    }
  });
}

/// The same with pairs of tiles (Tiling of two beside each other); the second one of a row's last pair may be
/// none, which is zeros.
template <class Pairs>
void transform_input_pairs(const Tiling& tiling, const float* in, int64_t first, int64_t count,
                           const Places& p, const float* zeros, typename Pairs::Cell* to) {
  const Correlation& c = tiling.c;
  const int64_t channels = c.in_channels;
  tiling.each_run(first, count, [&](int64_t image, int64_t ty, int64_t tx, int64_t pairs, int64_t at) {
    const TileRows rows(c, in + image * c.in_height * c.in_width * channels, ty, zeros);
    const int64_t left = 4 * tx + c.origin_x;
    for (int64_t k = 0; k < channels; k += L) {
      const int64_t width = std::min<int64_t>(L, channels - k);
      V v0[4], v1[4], v2[4], v3[4], v4[4], v5[4];
      rows.column(left, k, width, v0);
      rows.column(left + 1, k, width, v1);
      auto* target = to + at * Pairs::pair_cells * p.width + k;
      for (int64_t t = 0; t < pairs; ++t, target += Pairs::pair_cells * p.width) {
        const bool two = 4 * (tx + t) + 2 < c.out_width;
        rows.column(left + 4 * t + 2, k, width, v2);
        rows.column(left + 4 * t + 3, k, width, v3);
        rows.column(left + 4 * t + 4, k, width, v4);
        rows.column(left + 4 * t + 5, k, width, v5);
        const auto pair = [&](V even, V odd, int64_t place) {
          Pairs::round_pairs(even, two ? odd : zero<V>(), target + place * p.place, p.width);
        };
        for (int i = 0; i < 4; ++i) {
          pair(v0[i] - v2[i], v2[i] - v4[i], 4 * i);
          pair(v1[i] + v2[i], v3[i] + v4[i], 4 * i + 1);
          pair(v2[i] - v1[i], v4[i] - v3[i], 4 * i + 2);
          pair(v1[i] - v3[i], v3[i] - v5[i], 4 * i + 3);
          v0[i] = v4[i];
          v1[i] = v5[i];
        }
      }
    }
  });
}

/// A' m A + start, at least floor, to the outputs of the tiles of a block.
inline void transform_output(const Tiling& tiling, const float* products, int64_t first, int64_t count,
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

/// A dy A' of a tile whose 2x2 outputs begin at g; put(place, vector) of its 16 places.
struct GradientTile {
  V left[4], right[4];

  GradientTile(const float* g, int64_t column, int64_t row, bool beside, bool below, int64_t width) {
    const auto get = [&](bool inside, const float* from) {
      if (!inside) return zero<V>();
      return width == L ? load<V>(from) : load_partial<V>(from, width);
    };
    const V g00 = get(true, g), g01 = get(beside, g + column);
    const V g10 = get(below, g + row), g11 = get(below && beside, g + row + column);
    left[0] = g00, left[1] = g00 + g10, left[2] = g00 - g10, left[3] = -g10;
    right[0] = g01, right[1] = g01 + g11, right[2] = g01 - g11, right[3] = -g11;
  }
  GradientTile() : left{}, right{} {}

  FASTNN_INLINE V at(int i, int j) const {
    return j == 0 ? left[i] : j == 1 ? left[i] + right[i] : j == 2 ? left[i] - right[i] : -right[i];
  }
};

/// A dy A' of the tiles of a block; with pairs of bfloat16 of pairs of tiles, as in transform_input_pairs.
/// Pairs add each channel's dy to `sums`, whole vectors.
template <class Form>
void transform_gradient(const Tiling& tiling, const float* dy, int64_t first, int64_t count, const Places& p,
                        typename Form::Cell* to, [[maybe_unused]] float* sums) {
  const Correlation& c = tiling.c;
  const int64_t row = c.out_width * c.columns;
  constexpr int64_t kBeside = is_float32<Form> ? 1 : 2;
  tiling.each_run(first, count, [&](int64_t image, int64_t ty, int64_t tx, int64_t tiles, int64_t at) {
    const float* g = dy + image * c.out_height * row + 2 * ty * row + 2 * kBeside * tx * c.columns;
    const bool below = 2 * ty + 1 < c.out_height;
    for (int64_t t = 0; t < tiles; ++t, g += 2 * kBeside * c.columns) {
      const int64_t left = c.out_width - 2 * kBeside * (tx + t);  // columns
      for (int64_t n = 0; n < c.columns; n += L) {
        const int64_t width = std::min<int64_t>(L, c.columns - n);
        const GradientTile tile(g + n, c.columns, row, left > 1, below, width);
        if constexpr (is_float32<Form>) {
          float* target = to + (at + t) * p.width + n;
          unroll<16>([&](auto i) { store(target + i * p.place, tile.at(i / 4, i % 4)); });
        } else {
          auto* target = to + (at + t) * Form::pair_cells * p.width + n;
          const GradientTile next =
              left > 2 ? GradientTile(g + 2 * c.columns + n, c.columns, row, left > 3, below, width)
                       : GradientTile();
          unroll<16>([&](auto i) {
            Form::round_pairs(tile.at(i / 4, i % 4), next.at(i / 4, i % 4), target + i * p.place, p.width);
          });
          store(sums + n, load<V>(sums + n) + (tile.at(1, 1) + next.at(1, 1)));
        }
      }
    }
  });
}

}  // namespace fastnn::cpu::winograd

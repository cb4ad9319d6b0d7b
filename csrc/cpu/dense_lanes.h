// Dense layers in the batch-lane layout: register tiles of outputs by samples' groups, each weight broadcast
// against vectors of samples. Every output is one chain of multiply-adds over the inputs in order.
#pragma once

#include "cpu/conv2d_tile.h"
#include "cpu/gemm.h"
#include "cpu/sum_lanes.h"

namespace fastnn::cpu {

// out[j] = init[j] + sum_k w[k * k_stride + j * j_stride] * in[k] for J outputs and G groups of samples,
// where a group's block of `in` is in_group elements after the last one's.
template <class T, int L, int J, int G>
FASTNN_INLINE void lane_block(const T* in, int64_t in_group, int64_t k_count, const T* w, int64_t k_stride,
                              int64_t j_stride, const T* init, T* out, int64_t out_group) {
  using V = Vec<T, L>;
  V sum[J][G];
  for (int j = 0; j < J; ++j) {
    for (int g = 0; g < G; ++g) sum[j][g] = init != nullptr ? broadcast<V>(init[j]) : zero<V>();
  }
  for (int64_t k = 0; k < k_count; ++k) {
    V x[G];
    for (int g = 0; g < G; ++g) x[g] = load<V>(in + g * in_group + k * L);
    for (int j = 0; j < J; ++j) {
      const V weight = broadcast<V>(w[k * k_stride + j * j_stride]);
      for (int g = 0; g < G; ++g) sum[j][g] = fma(weight, x[g], sum[j][g]);
    }
  }
  for (int j = 0; j < J; ++j) {
    for (int g = 0; g < G; ++g) store(out + g * out_group + j * L, sum[j][g]);
  }
}

/// One group of outputs after the other, weights at any stride.
template <class T, int L, int G>
void lane_outputs(const T* in, int64_t in_group, int64_t k_count, const T* w, int64_t k_stride,
                  int64_t j_stride, int64_t j_count, const T* bias, T* out, int64_t out_group) {
  // As many accumulators as registers allow, beside the G inputs and a weight.
  constexpr int kMost = L == 1 ? 8 : (vector_registers == 32 ? 24 : 12) / G;
  int64_t j = 0;
  const auto block = [&]<int J>() {
    lane_block<T, L, J, G>(in, in_group, k_count, w + j * j_stride, k_stride, j_stride,
                           bias != nullptr ? bias + j : nullptr, out + j * L, out_group);
    j += J;
  };
  while (j_count - j >= kMost) block.template operator()<kMost>();
  while (j_count - j >= 6) block.template operator()<6>();
  while (j_count - j >= 3) block.template operator()<3>();
  while (j_count - j >= 1) block.template operator()<1>();
}

template <class T, int L>
void lane_product(const T* in, int64_t k_count, const T* w, int64_t k_stride, int64_t j_stride,
                  int64_t j_count, const T* bias, T* out, int64_t rows) {
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) {
    lane_outputs<T, L, 2>(in + r * k_count * L, k_count * L, k_count, w, k_stride, j_stride, j_count, bias,
                          out + r * j_count * L, j_count * L);
  }
  if (r < rows) {
    lane_outputs<T, L, 1>(in + r * k_count * L, k_count * L, k_count, w, k_stride, j_stride, j_count, bias,
                          out + r * j_count * L, j_count * L);
  }
}

/// The same with weights [k_count][j_count] by convolution's tiles: rows of samples stand for positions.
/// finish(first element, elements) is called for rows that are complete and near.
template <class T, int L, class Finish>
void lane_tiles(const T* in, int64_t k_count, const T* w, int64_t j_count, const T* bias, T floor, T* out,
                int64_t rows, Finish finish) {
  const TileShape shape = choose_tiles(j_count, rows, k_count);
  const Split& blocks = shape.blocks;
  const Split& tiles = shape.positions;
  const T* row_start[1] = {in};
  TileRow<T> row{};
  row.rows = row_start;
  row.taps_y = row.taps_x = 1;
  row.run = k_count;
  row.x_position = k_count * L;
  row.w_channel = j_count;
  row.out_position = j_count * L;
  row.floor = floor;
  // Inputs and outputs of a few tiles stay near while all blocks pass; where not even one tile's do, a
  // block's weights.
  const int64_t tile_bytes = tiles.size * (k_count + j_count) * L * static_cast<int64_t>(sizeof(T));
  const int64_t chunk =
      tile_bytes > 2 * kNearBytes ? tiles.parts : std::max<int64_t>(1, kNearBytes / tile_bytes);
  for (int64_t first = 0; first < tiles.parts; first += chunk) {
    const int64_t last = std::min(tiles.parts, first + chunk);
    const int64_t wide = std::clamp<int64_t>(tiles.wide - first, 0, last - first);
    for (int64_t b = 0; b < blocks.parts; ++b) {
      const int64_t at = blocks.first(b);
      const int size = static_cast<int>(blocks.size_of(b));
      const auto run = [&](int64_t tile, int64_t count, int64_t positions) {
        if (count <= 0) return;
        const int64_t position = tiles.first(tile);
        TileTable<T, L>::at(size, static_cast<int>(positions))(
            row, position * row.x_position, w + at, bias == nullptr ? nullptr : bias + at,
            out + position * row.out_position + at * L, count, 1);
      };
      run(first, wide, tiles.size);
      run(first + wide, last - first - wide, tiles.size - 1);
    }
    finish(out + tiles.first(first) * row.out_position,
           (tiles.first(last) - tiles.first(first)) * row.out_position);
  }
}

// Adds sum_r x[r][i] * dy[r][o] over rows and lanes for I inputs and O outputs to out[i][o].
template <class T, int L, int I, int O>
void lane_outer_block(const T* x, int64_t in, const T* dy, int64_t outputs, int64_t rows, T* out) {
  using V = Vec<T, L>;
  V sum[I * O] = {};
  for (int64_t r = 0; r < rows; ++r, x += in * L, dy += outputs * L) {
    V a[I];
    for (int i = 0; i < I; ++i) a[i] = hold(load<V>(x + i * L));
    for (int o = 0; o < O; ++o) {
      const V b = hold(load<V>(dy + o * L));
      for (int i = 0; i < I; ++i) sum[i * O + o] = fma(a[i], b, sum[i * O + o]);
    }
  }
  alignas(64) T totals[I * O];
  sum_each_lanes<T, L, I * O>(sum, totals);
  for (int i = 0; i < I; ++i) {
    for (int o = 0; o < O; ++o) out[i * outputs + o] += totals[i * O + o];
  }
}

/// out[i][o] += sum over rows and lanes of x[r][i] * dy[r][o].
template <class T, int L>
void lane_outer_product(const T* x, int64_t in, const T* dy, int64_t outputs, int64_t rows, T* out) {
  constexpr int kMostI = vector_registers == 32 ? 4 : 3;
  using Block = void (*)(const T*, int64_t, const T*, int64_t, int64_t, T*);
  static constexpr Block blocks[4][4] = {
      {lane_outer_block<T, L, 1, 1>, lane_outer_block<T, L, 1, 2>, lane_outer_block<T, L, 1, 3>,
       lane_outer_block<T, L, 1, 4>},
      {lane_outer_block<T, L, 2, 1>, lane_outer_block<T, L, 2, 2>, lane_outer_block<T, L, 2, 3>,
       lane_outer_block<T, L, 2, 4>},
      {lane_outer_block<T, L, 3, 1>, lane_outer_block<T, L, 3, 2>, lane_outer_block<T, L, 3, 3>,
       lane_outer_block<T, L, 3, 4>},
      {lane_outer_block<T, L, kMostI, 1>, lane_outer_block<T, L, kMostI, 2>,
       lane_outer_block<T, L, kMostI, 3>, lane_outer_block<T, L, kMostI, 4>}};
  for (int64_t i = 0; i < in; i += kMostI) {
    const int64_t height = std::min<int64_t>(kMostI, in - i);
    for (int64_t o = 0; o < outputs; o += 4) {
      const int64_t width = std::min<int64_t>(4, outputs - o);
      blocks[height - 1][width - 1](x + i * L, in, dy + o * L, outputs, rows, out + i * outputs + o);
    }
  }
}

}  // namespace fastnn::cpu

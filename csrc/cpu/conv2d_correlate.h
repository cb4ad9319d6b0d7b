// Correlation of images with a kernel, row by row in register tiles: what convolution's forward pass and each
// phase of its input gradient are. Borders: rows outside the image are left out, columns outside it are zeros
// in padded copies of the rows (a ring of them, so that they stay in the first-level cache), and tiles at the
// sides leave out the taps that meet nothing but padding.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>

#include "cpu/conv2d_tile.h"
#include "cpu/conv2d_windows.h"

namespace fastnn::cpu {

/// Shape of a correlation. Offsets of weights and outputs are in elements of one sample.
struct Correlation {
  int64_t in_height, in_width, in_channels;
  int64_t out_height, out_width;
  int64_t groups;
  int64_t run;      ///< input channels of a group
  int64_t columns;  ///< output channels of a group
  int64_t taps_y, taps_x;
  int64_t stride_y, stride_x;  ///< of positions, in the input
  int64_t step_y, step_x;      ///< of taps, in the input
  int64_t origin_y, origin_x;  ///< the input cell under position 0's tap 0; negative: padding
  int64_t w_group, w_row, w_tap, w_channel;
  int64_t out_row, out_position;
  int64_t windows = 0;  ///< of two by two positions in a row, for run_windows

  bool padded() const {
    return origin_x < 0 || origin_x + (out_width - 1) * stride_x + (taps_x - 1) * step_x >= in_width;
  }
  int64_t left() const { return std::max<int64_t>(0, -origin_x); }
  int64_t right() const {
    return std::max<int64_t>(0,
                             origin_x + (out_width - 1) * stride_x + (taps_x - 1) * step_x - (in_width - 1));
  }
  int64_t padded_width() const { return left() + in_width + right(); }
  /// A kernel of one tap at stride 1 sees no rows: the image is one long row.
  void flatten() {
    if (taps_y * taps_x != 1 || stride_y != 1 || stride_x != 1 || origin_y != 0 || origin_x != 0) return;
    if (in_height != out_height || in_width != out_width || out_row != out_width * out_position) return;
    in_width = out_width = in_width * in_height;
    in_height = out_height = 1;
    out_row = out_width * out_position;
  }
};

/// Hands out 64-byte aligned pieces of scratch; with a null base it only adds up their sizes.
class Scratch {
 public:
  explicit Scratch(std::byte* base) : base_(base) {}
  template <class U>
  U* take(int64_t count) {
    std::byte* piece = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (count * static_cast<int64_t>(sizeof(U)) + 63) / 64 * 64;
    return reinterpret_cast<U*>(piece);
  }
  int64_t used() const { return used_; }

 private:
  std::byte* base_;
  int64_t used_ = 0;
};

template <class T, int E>
class Correlator {
 public:
  /// start: initial values (bias) of all output channels or null; in rows each group's are padded to whole
  /// vectors.
  Correlator(const Correlation& shape, const T* weights, const Sum<T>* start, Sum<T> floor, Scratch& scratch)
      : c_(shape), weights_(weights), start_(start) {
    row_.taps_x = c_.taps_x;
    row_.run = c_.run;
    row_.x_tap = c_.step_x * c_.in_channels * E;
    row_.x_position = c_.stride_x * c_.in_channels * E;
    row_.w_row = c_.w_row;
    row_.w_tap = c_.w_tap;
    row_.w_channel = c_.w_channel;
    row_.out_position = c_.out_position * E;
    row_.floor = floor;
    choose();
    rows_ = scratch.take<const T*>(c_.taps_y);
    if (c_.windows > 0) lower_rows_ = scratch.take<const T*>(c_.taps_y);
    if (packs_) packed_ = scratch.take<T>(c_.taps_y * c_.taps_x * c_.run * blocks_.size * kBlock);
    // The taps of a row are one run of channels where they lie so in both operands.
    merged_ = !three_ && row_.x_tap == c_.run * E && (packs_ || c_.w_tap == c_.run * c_.w_channel);
    // Lanes: rows are wide and each is used taps_y times, so a ring holds them. Rows: the whole image is
    // kept, because blocks of channels may pass over it one after the other.
    const int64_t span = (c_.taps_y - 1) * c_.step_y + 1 + (c_.windows > 0 ? c_.stride_y : 0);
    ring_ = E > 1 ? std::min(span, c_.in_height) : c_.in_height;
    padded_ = c_.padded() ? scratch.take<T>(ring_ * c_.padded_width() * c_.in_channels * E) : nullptr;
    if (rows_ == nullptr) return;  // only the size was asked for
    if (padded_ != nullptr) clear_borders();
  }

  /// Correlates `images` images; in_size, out_size: elements from image to image, E included.
  /// finish_row(first element, elements) is called when a row of the output is complete.
  template <class FinishRow>
  void run(const T* in, int64_t in_size, Sum<T>* out, int64_t out_size, int64_t images,
           FinishRow finish_row) {
    run(
        in, in_size, images,
        [&](int64_t image, int64_t oy) { return out + image * out_size + oy * c_.out_row * E; },
        [&](int64_t, Sum<T>* row, int64_t count) { finish_row(row, count); });
  }

  /// The same with rows of the output where row_at(image, y) says; finish_row(y, first element, elements).
  template <class RowAt, class FinishRow>
  void run(const T* in, int64_t in_size, int64_t images, RowAt row_at, FinishRow finish_row) {
    const int64_t blocks = c_.groups * blocks_.parts;
    for (int64_t first = 0; first < blocks; first += pass_blocks_) {
      const int64_t last = std::min(blocks, first + pass_blocks_);
      if (packed_ != nullptr) pack_block(first);
      for (int64_t i = 0; i < images; ++i) {
        begin_image();
        for (int64_t oy = 0; oy < c_.out_height; ++oy) {
          Sum<T>* row = row_at(i, oy);
          run_positions(in + i * in_size, oy, row, first, last);
          if (last == blocks) finish_row(oy, row, c_.out_width * c_.out_position * E);
        }
      }
    }
  }

  // ---- By rows, from top to bottom: what the runs above are made of ----

  void begin_image() { next_row_ = std::max<int64_t>(0, c_.origin_y); }

  /// Row oy of one image's positions, for blocks of channels [first, last).
  void run_positions(const T* image, int64_t oy, Sum<T>* out, int64_t first, int64_t last) {
    const int64_t top = oy * c_.stride_y + c_.origin_y;
    const int64_t tap = top < 0 ? (-top + c_.step_y - 1) / c_.step_y : 0;
    const int64_t below = c_.in_height - top;  // rows of the image from `top` on
    const int64_t end = below <= 0 ? 0 : std::min(c_.taps_y, (below + c_.step_y - 1) / c_.step_y);
    if (end > tap) fetch(image, top, top + (end - 1) * c_.step_y + 1);
    point(image, top, tap, end, rows_);
    row_.rows = rows_;
    row_.taps_y = std::max<int64_t>(0, end - tap);
    run_row(out, tap, first, last);
  }
  void run_positions(const T* image, int64_t oy, Sum<T>* out) {
    run_positions(image, oy, out, 0, c_.groups * blocks_.parts);
  }

  /// Row wy of windows of two by two positions, the largest of each. Returns false, with nothing done, if
  /// some of their taps lie above or below the image.
  bool run_windows(const T* image, int64_t wy, T* out)
    requires(E > 1 && std::is_same_v<T, Sum<T>>)
  {
    const int64_t top = 2 * wy * c_.stride_y + c_.origin_y;
    const int64_t end = top + c_.stride_y + (c_.taps_y - 1) * c_.step_y + 1;
    if (top < 0 || end > c_.in_height) return false;
    fetch(image, top, end);
    point(image, top, 0, c_.taps_y, rows_);
    point(image, top + c_.stride_y, 0, c_.taps_y, lower_rows_);
    TileRow<T> row = row_;
    row.rows = rows_;
    row.taps_y = c_.taps_y;
    row.taps_x = merged_ ? 1 : c_.taps_x;
    row.run = merged_ ? c_.taps_x * c_.run : c_.run;
    const Split channels = Split::balanced(c_.columns, kMostWindowBlocks);
    const Split tiles = Split::balanced(c_.windows, windows_beside(static_cast<int>(channels.size)));
    const auto run_tiles = [&](int64_t first, int64_t count, int64_t size) {
      if (count <= 0) return;
      for (int64_t group = 0; group < c_.groups; ++group) {
        for (int64_t b = 0; b < channels.parts; ++b) {
          const int64_t channel = group * c_.columns + channels.first(b);
          WindowsTable<T, E>::at(static_cast<int>(channels.size_of(b)), static_cast<int>(size))(
              row, lower_rows_, 2 * first * row.x_position + group * c_.run * E,
              weights_ + group * c_.w_group + channels.first(b),
              start_ == nullptr ? nullptr : start_ + channel, out + first * row.out_position + channel * E,
              count);
        }
      }
    };
    const int64_t chunk = near_tiles(channels.parts * c_.groups, 2 * tiles.size, c_.taps_y + 1);
    for (int64_t done = 0; done < tiles.parts; done += chunk) {
      const int64_t until = std::min(done + chunk, tiles.parts);
      const int64_t wide = std::clamp<int64_t>(tiles.wide - done, 0, until - done);
      run_tiles(tiles.first(done), wide, tiles.size);
      run_tiles(tiles.first(done + wide), until - done - wide, tiles.size - 1);
    }
    return true;
  }

 private:
  static constexpr int L = vector_lanes<T>;
  static constexpr int64_t kBlock = E > 1 ? 1 : L;  // channels of a block
  static constexpr int kBorderTiles = 4;            // at each side

  struct Segment {
    int64_t first, tiles;
    int positions;
    int64_t tap, tap_end;
  };

  void clear_borders() {
    const int64_t cell = c_.in_channels * E;
    const int64_t width = c_.padded_width() * cell;
    for (int64_t i = 0; i < ring_; ++i) {
      T* row = padded_ + i * width;
      std::fill(row, row + c_.left() * cell, T(0));
      std::fill(row + (c_.left() + c_.in_width) * cell, row + width, T(0));
    }
  }

  // Rows [first, end) of the image are wanted: those not yet in the ring are copied there.
  void fetch(const T* in, int64_t first, int64_t end) {
    if (padded_ == nullptr) return;
    const int64_t cell = c_.in_channels * E;
    const int64_t width = c_.in_width * cell;
    for (int64_t y = std::max(next_row_, first); y < end; ++y) {
      std::memcpy(padded_ + (y % ring_) * c_.padded_width() * cell + c_.left() * cell, in + y * width,
                  static_cast<size_t>(width) * sizeof(T));
    }
    next_row_ = std::max(next_row_, end);
  }

  // Points `rows` at taps [tap, end) of the position whose first tap is in row `top`.
  void point(const T* in, int64_t top, int64_t tap, int64_t end, const T** rows) {
    const int64_t cell = c_.in_channels * E;
    const int64_t width = c_.in_width * cell;
    for (int64_t ky = tap; ky < end; ++ky) {
      const int64_t y = top + ky * c_.step_y;
      const T* row = padded_ != nullptr ? padded_ + ((y % ring_) * c_.padded_width() + c_.left()) * cell
                                        : in + y * width;
      rows[ky - tap] = row + c_.origin_x * cell;
    }
  }

  // Lanes: several blocks of channels read a stretch of the input while it is near. Tiles of such a stretch.
  int64_t near_tiles(int64_t blocks, int64_t positions, int64_t rows) const {
    const int64_t tile_bytes =
        rows * positions * c_.stride_x * c_.in_channels * E * static_cast<int64_t>(sizeof(T));
    return blocks > 1 ? std::max<int64_t>(1, kNearBytes / std::max<int64_t>(1, tile_bytes)) : c_.out_width;
  }

  // The weights of one block of channels, one step of the tiles after the other.
  void pack_block(int64_t block) {
    const int64_t channels = blocks_.size_of(block % blocks_.parts) * kBlock;
    const T* from =
        weights_ + block / blocks_.parts * c_.w_group + blocks_.first(block % blocks_.parts) * kBlock;
    T* to = packed_;
    for (int64_t ky = 0; ky < c_.taps_y; ++ky) {
      for (int64_t kx = 0; kx < c_.taps_x; ++kx) {
        for (int64_t k = 0; k < c_.run; ++k) {
          to = std::copy_n(from + ky * c_.w_row + kx * c_.w_tap + k * c_.w_channel, channels, to);
        }
      }
    }
    row_.w_channel = channels;
    row_.w_tap = c_.run * channels;
    row_.w_row = c_.taps_x * row_.w_tap;
  }

  void run_row(Sum<T>* out, int64_t tap_y, int64_t first_block, int64_t last_block) {
    for (int s = 0; s < segment_count_; ++s) {
      const Segment& segment = segments_[s];
      TileRow<T> row = row_;
      if (merged_) {
        row.taps_x = 1;
        row.run = (segment.tap_end - segment.tap) * c_.run;
      } else {
        row.taps_x = segment.tap_end - segment.tap;
      }
      for (int64_t done = 0; done < segment.tiles; done += chunk_tiles_) {
        const int64_t tiles = std::min(chunk_tiles_, segment.tiles - done);
        const int64_t position = segment.first + done * segment.positions;
        for (int64_t b = first_block; b < last_block; ++b) {
          const int64_t group = b / blocks_.parts;
          const int64_t at = blocks_.first(b % blocks_.parts) * kBlock;
          const int size = static_cast<int>(blocks_.size_of(b % blocks_.parts));
          const int64_t rest = c_.columns - at - (size - 1) * kBlock;
          const int64_t channel = group * c_.columns + at;
          const int64_t start = E > 1 ? channel : group * ((c_.columns + kBlock - 1) / kBlock * kBlock) + at;
          const int64_t x_offset = position * row.x_position + segment.tap * row.x_tap + group * c_.run * E;
          const T* w = (packed_ != nullptr ? packed_ : weights_ + group * c_.w_group + at) +
                       tap_y * row.w_row + segment.tap * row.w_tap;
          const TileFn<T> tile =
              three_ ? ThreeTable<T>::at(segment.positions) : TileTable<T, E>::at(size, segment.positions);
          tile(row, x_offset, w, start_ == nullptr ? nullptr : start_ + start,
               out + position * row.out_position + channel * E, tiles, std::min<int64_t>(rest, kBlock));
        }
      }
    }
  }

  // Taps of a row that meet the image at some position of [first, first + count).
  void add_segment(int64_t first, int64_t tiles, int64_t positions) {
    if (tiles <= 0) return;
    const int64_t last = first + tiles * positions - 1;
    const int64_t before = -(last * c_.stride_x + c_.origin_x);               // columns of padding
    const int64_t after = c_.in_width - (first * c_.stride_x + c_.origin_x);  // columns of the image
    const int64_t tap = before > 0 ? std::min(c_.taps_x, (before + c_.step_x - 1) / c_.step_x) : 0;
    const int64_t end = after <= 0 ? 0 : std::min(c_.taps_x, (after + c_.step_x - 1) / c_.step_x);
    segments_[segment_count_++] = {first, tiles, static_cast<int>(positions), tap, std::max(tap, end)};
  }

  void choose() {
    const int64_t vectors = (c_.columns + kBlock - 1) / kBlock;
    // Pairs of positions at a side where half of the taps and more meet padding.
    const int64_t reach = std::min(c_.left(), c_.right()) / c_.step_x;
    const bool apart = c_.stride_x == 1 && vectors >= 4;
    const int64_t border = apart ? std::min<int64_t>({reach / 2, kBorderTiles, c_.out_width / 4}) : 0;
    const int64_t width = c_.out_width - 4 * border;
    constexpr int64_t kVectorBytes = L * static_cast<int64_t>(sizeof(T));
    const int64_t steps = c_.taps_y * c_.taps_x * c_.run;
    // Both sides' padding may be a cell wider than the taps reach; every tile still meets them all.
    three_ = E == 1 && vectors == 1 && c_.taps_x == 3 && c_.step_x == 1 && c_.stride_x == 1 &&
             width >= kFewestThree && c_.left() <= 3 && c_.right() <= 3;
    const TileShape tiles =
        three_ ? TileShape{{1, 1, 1}, Split::balanced(width, kMostThree)}
               : choose_tiles(vectors, std::max<int64_t>(width, 1), steps, E > 1 ? 0 : kVectorBytes);
    blocks_ = tiles.blocks;
    for (int64_t i = 0; i < border; ++i) add_segment(2 * i, 1, 2);
    if (width > 0) {
      const Split& x = tiles.positions;
      add_segment(2 * border, x.wide, x.size);
      add_segment(2 * border + x.first(x.wide), x.parts - x.wide, x.size - 1);
    }
    for (int64_t i = 0; i < border; ++i) add_segment(c_.out_width - 2 * (border - i), 1, 2);

    const int64_t blocks = c_.groups * blocks_.parts;
    chunk_tiles_ = c_.out_width;
    pass_blocks_ = blocks;
    if (E > 1) {
      chunk_tiles_ = near_tiles(blocks, tiles.positions.size, c_.taps_y);
    } else {
      // The weights of some blocks stay near while the whole image passes by.
      const int64_t block_bytes = steps * blocks_.size * kVectorBytes;
      pass_blocks_ = std::clamp<int64_t>(kNearBytes / std::max<int64_t>(1, block_bytes), 1, blocks);
      // Rows of weights that are far apart meet in few sets of the caches: these are copied to one run.
      constexpr int64_t kFarApart = 1024;
      packs_ = pass_blocks_ == 1 && blocks > 1 && c_.w_channel * static_cast<int64_t>(sizeof(T)) >= kFarApart;
    }
  }

  Correlation c_;
  const T* weights_;
  const Sum<T>* start_;
  TileRow<T> row_{};
  bool merged_ = false;
  bool three_ = false;  // correlate_three serves
  bool packs_ = false;
  T* packed_ = nullptr;
  const T** rows_ = nullptr;
  const T** lower_rows_ = nullptr;  // of the lower positions of windows
  T* padded_ = nullptr;
  int64_t ring_ = 0;
  int64_t next_row_ = 0;
  Segment segments_[2 * kBorderTiles + 2];
  int segment_count_ = 0;
  Split blocks_;
  int64_t chunk_tiles_ = 1, pass_blocks_ = 1;
};

}  // namespace fastnn::cpu

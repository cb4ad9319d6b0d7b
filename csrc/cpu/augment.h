// Random changes to images (see core/augment.h), one image at a time.
#pragma once

#include "core/augment.h"
#include "core/kernel.h"
#include "core/random.h"

namespace fastnn::cpu {

/// Bytes of scratch that gather needs to augment.
int64_t augment_scratch(const AugmentConfig& config);

/// gather() of a call with `augment`.
void gather_augmented(const GatherCall& call);

/// Source positions as an affine function of positions in the result.
struct AffineMap {
  double xx = 1, xy = 0, x = 0;  // source x = xx * x + xy * y + x
  double yx = 0, yy = 1, y = 0;
  bool is_identity() const { return xx == 1 && xy == 0 && x == 0 && yx == 0 && yy == 1 && y == 0; }
};

/// Resamples images: an affine map, then random displacements, in one bilinear interpolation.
class Warp {
 public:
  /// Places its working arrays at `memory`; with null, bytes() tells how much it needs.
  Warp(const AugmentConfig& config, std::byte* memory);
  int64_t bytes() const { return bytes_; }
  /// counter: the image's Philox counter; its first word is replaced.
  void run(const std::byte* source, DType type, const AffineMap& map, Philox4 counter, uint64_t seed,
           float* out);

 private:
  void pad(const std::byte* source, DType type);
  void draw_field(Philox4 counter, uint64_t seed);
  void smooth_columns(int64_t y);
  void place_row(const AffineMap& map, int64_t y);

  const AugmentConfig& config_;
  int64_t bytes_ = 0;
  int64_t pitch_;       // elements of a row of working arrays
  int64_t taps_x_ = 0;  // of the smoothing Gaussian
  int64_t taps_y_ = 0;
  int64_t first_x_ = 0;  // position of the first tap
  int64_t first_y_ = 0;
  float* padded_;  // the source with a border: one pixel before, two behind
  int32_t* at_;    // of each pixel of a row: offset of its source's upper left neighbour in padded_
  float* part_x_;  // and how far it lies to the right of that
  float* part_y_;  // and below
  float* tap_x_ = nullptr;
  float* tap_y_ = nullptr;
  float* field_x_ = nullptr;  // white noise, height rows
  float* field_y_ = nullptr;
  float* line_x_ = nullptr;  // one row of it, smoothed along columns, and its periodic continuation
  float* line_y_ = nullptr;
};

}  // namespace fastnn::cpu

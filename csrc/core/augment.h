// Random changes to images, made by the batcher when it gathers them: what to do, as plain data that
// libfastnn and the kernel libraries both see.
#pragma once

#include <cstdint>

namespace fastnn {

/// A number is drawn uniformly from [low, high]; low == high gives always that number.
struct AugmentRange {
  double low = 0;
  double high = 0;
  bool is(double value) const { return low == value && high == value; }
};

/// Each image (height, width, channels) is, in this order: flipped, zoomed, sheared, rotated, shifted and
/// elastically distorted, all in one bilinear resampling about its centre; changed in contrast and
/// brightness; overlaid with noise; cut out. What a row gets depends on seed, epoch and row number alone. A
/// default config changes nothing.
struct AugmentConfig {
  int32_t height = 0;
  int32_t width = 0;
  int32_t channels = 1;
  bool has_seed = false;  ///< random numbers come from `seed` below instead of the run's
  uint64_t seed = 0;
  AugmentRange shift_y;         ///< pixels, down
  AugmentRange shift_x;         ///< pixels, to the right
  AugmentRange rotation;        ///< degrees, counter-clockwise
  AugmentRange zoom{1, 1};      ///< factor; above 1 enlarges
  AugmentRange shear;           ///< degrees; positive leans the top to the left
  double flip = 0;              ///< probability of mirroring left and right
  double elastic_alpha = 0;     ///< Simard, Steinkraus and Platt (ICDAR 2003): scale of the displacements ...
  double elastic_sigma = 0;     ///< ... and the Gaussian's width that smooths them, pixels; 0: none
  AugmentRange brightness;      ///< added, in units of value_high - value_low
  AugmentRange contrast{1, 1};  ///< factor on the distance from the channel's mean
  double noise = 0;             ///< standard deviation, in units of value_high - value_low
  int32_t cutout_height = 0;    ///< DeVries and Taylor (2017): rectangles centred anywhere, clipped at edges
  int32_t cutout_width = 0;
  int32_t cutout_count = 0;
  bool fill_nearest = false;  ///< outside lies the nearest pixel of the edge, not fill_value
  double fill_value = 0;      ///< also of cut-out rectangles
  double value_low = 0;       ///< contrast and brightness clip to [value_low, value_high]
  double value_high = 1;

  int64_t size() const { return int64_t{height} * width * channels; }
  bool warps() const {
    return !(shift_y.is(0) && shift_x.is(0) && rotation.is(0) && zoom.is(1) && shear.is(0)) || flip > 0 ||
           distorts();
  }
  bool distorts() const { return elastic_alpha != 0 && elastic_sigma > 0; }
  bool recolours() const { return !(brightness.is(0) && contrast.is(1)); }
  bool cuts() const { return cutout_count > 0 && cutout_height > 0 && cutout_width > 0; }
};

}  // namespace fastnn

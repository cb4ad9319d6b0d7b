// When Winograd's form of a convolution pays: cycles of one image, as measured on processors with two
// multiply-adds a cycle.
#pragma once

#include "cpu/conv2d_winograd_transforms.h"

namespace fastnn::cpu::winograd {

inline bool fits(const Correlation& c) {
  return c.taps_y == 3 && c.taps_x == 3 && c.stride_y == 1 && c.stride_x == 1 && c.step_y == 1 &&
         c.step_x == 1 && c.groups == 1;
}

/// Of float32 as this instruction set has it, or of bfloat16 with vectors of 16 whatever it has: its results
/// are the same on all processors.
template <class Form>
struct Cycles {
  static constexpr bool kExact = is_float32<Form>;
  static constexpr int64_t kLanes = kExact ? L : 16;
  static constexpr double kVector = static_cast<double>(kLanes) / 16;
  static constexpr double kLeastGain = kExact ? 1.2 : 1.15;  ///< what it must gain to be taken

  explicit Cycles(const Correlation& shape)
      : in(static_cast<double>((shape.run + kLanes - 1) / kLanes)),
        out(static_cast<double>((shape.columns + kLanes - 1) / kLanes)),
        steps(static_cast<double>(kExact ? shape.run : (shape.run + 1) / 2)),
        positions(static_cast<double>(shape.out_height * shape.out_width)),
        tiles(static_cast<double>(Tiling(shape).tiles(1))) {}

  /// A step of a tile of one vector of output channels takes longer, for inputs are loaded once for each
  /// multiply-add.
  double products() const { return 16 * (0.53 * steps * out + 3); }
  /// Those of the kernel's gradient, whose sums rest in registers for many tiles.
  double gradient_products() const { return kExact ? products() : 16 * 0.53 * steps * out; }
  /// In bfloat16 the image is rounded first.
  double direct() const { return 9 * 0.52 * positions * steps * out + (kExact ? 0 : 10 * positions); }

  // Of a vector of a tile: these wait for memory.
  double input() const { return (kExact ? 52.0 : 40.0) * kVector * in; }
  double output() const { return 40.0 * kVector * out; }
  double gradient() const { return (kExact ? 60.0 : 45.0) * kVector * out; }

  double in, out, steps, positions, tiles;
};

}  // namespace fastnn::cpu::winograd

// The input gradient of a strided window, one axis: dx at i gathers dy from the taps that reach it, those
// with i + pad - tap * dilation divisible by the stride. For one phase (i mod stride) these are every
// stride-th tap.
#pragma once

#include <cstdint>

namespace fastnn::cpu {

struct PhaseAxis {
  int64_t first;   ///< output index of the phase
  int64_t count;   ///< outputs
  int64_t taps;    ///< that reach them
  int64_t offset;  ///< of the first of these taps in the reversed kernel
  int64_t origin;  ///< in dy, of that tap
};

inline PhaseAxis phase_axis(int64_t phase, int64_t extent, int64_t pad, int64_t taps, int64_t stride,
                            int64_t dilation) {
  PhaseAxis axis;
  axis.first = phase;
  axis.count = (extent - phase + stride - 1) / stride;
  const int64_t tap = (phase + pad) % stride;
  axis.taps = tap < taps ? (taps - tap + stride - 1) / stride : 0;
  axis.offset = taps - 1 - tap - stride * (axis.taps - 1);
  axis.origin = (phase + pad - tap) / stride - (axis.taps - 1) * dilation;
  return axis;
}

}  // namespace fastnn::cpu

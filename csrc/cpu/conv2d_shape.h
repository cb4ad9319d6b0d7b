// conv2d as a correlation: the forward pass, and the phases of the input gradient.
#pragma once

#include "cpu/conv2d_correlate.h"
#include "cpu/conv2d_phase.h"
#include "ops/conv2d.h"

namespace fastnn::cpu {

inline Correlation forward_shape(const ops::Conv2dConfig& c) {
  const ops::Window2d& w = c.window;
  return {.in_height = w.height,
          .in_width = w.width,
          .in_channels = c.in,
          .out_height = w.out_height,
          .out_width = w.out_width,
          .groups = c.groups,
          .run = c.group_in(),
          .columns = c.group_out(),
          .taps_y = w.rows,
          .taps_x = w.columns,
          .stride_y = w.stride_y,
          .stride_x = w.stride_x,
          .step_y = w.dilation_y,
          .step_x = w.dilation_x,
          .origin_y = -w.pad_top,
          .origin_x = -w.pad_left,
          .w_group = c.group_out(),
          .w_row = w.columns * c.group_in() * c.out,
          .w_tap = c.group_in() * c.out,
          .w_channel = c.out,
          .out_row = w.out_width * c.out,
          .out_position = c.out};
}

// columns: channels of dx that a packed row holds for each group, padding included.
inline Correlation input_shape(const ops::Conv2dConfig& c, const PhaseAxis& y, const PhaseAxis& x,
                               int64_t columns) {
  const ops::Window2d& w = c.window;
  return {.in_height = w.out_height,
          .in_width = w.out_width,
          .in_channels = c.out,
          .out_height = y.count,
          .out_width = x.count,
          .groups = c.groups,
          .run = c.group_out(),
          .columns = c.group_in(),
          .taps_y = y.taps,
          .taps_x = x.taps,
          .stride_y = 1,
          .stride_x = 1,
          .step_y = w.dilation_y,
          .step_x = w.dilation_x,
          .origin_y = y.origin,
          .origin_x = x.origin,
          .w_group = c.group_out() * columns,
          .w_row = w.stride_y * w.columns * c.out * columns,
          .w_tap = w.stride_x * c.out * columns,
          .w_channel = columns,
          .out_row = w.stride_y * w.width * c.in,
          .out_position = w.stride_x * c.in};
}

}  // namespace fastnn::cpu

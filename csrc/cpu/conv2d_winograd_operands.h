// conv2d and its input gradient as correlations of Winograd's form: shapes, weights and scratch.
#pragma once

#include "cpu/conv2d_shape.h"
#include "cpu/conv2d_winograd.h"

namespace fastnn::cpu {

inline WinogradWeights forward_weights(const ops::Conv2dConfig& c, const float* kernel) {
  return {.from = kernel, .row = 3 * c.in * c.out, .tap = c.in * c.out, .channel = c.out, .column = 1};
}

inline Correlation input_shape(const ops::Conv2dConfig& c) {
  const ops::Window2d& w = c.window;
  return input_shape(c, phase_axis(0, w.height, w.pad_top, w.rows, w.stride_y, w.dilation_y),
                     phase_axis(0, w.width, w.pad_left, w.columns, w.stride_x, w.dilation_x), c.in);
}

template <class Form = Float32>
bool winograd_serves_input(const ops::Conv2dConfig& c) {
  return c.window.stride_y == 1 && c.window.stride_x == 1 && winograd_serves<Form>(input_shape(c));
}

// Taps in reverse order, channels exchanged.
inline WinogradWeights input_weights(const ops::Conv2dConfig& c, const float* kernel) {
  return {.from = kernel + 8 * c.in * c.out,
          .row = -3 * c.in * c.out,
          .tap = -c.in * c.out,
          .channel = 1,
          .column = c.out};
}

template <class Form = Float32>
int64_t winograd_scratch(const Correlation& shape, const KernelQuery& query, int64_t images) {
  Scratch scratch(nullptr);
  if (query.in[1].rank != 1) scratch.take<typename Form::Cell>(winograd_weight_elements<Form>(shape));
  return scratch.used() + winograd_correlate_scratch<Form>(shape, images);
}

// in[1] is packed by the planner, or a kernel.
template <class Form = Float32>
const typename Form::Cell* winograd_weights(const KernelCall& call, const Correlation& shape,
                                            const WinogradWeights& kernel, Scratch& scratch) {
  if (call.in[1].rank == 1) return call.in[1].as<typename Form::Cell>();
  auto* own = scratch.take<typename Form::Cell>(winograd_weight_elements<Form>(shape));
  winograd_transform_weights<Form>(shape, kernel, 0, winograd_weight_units(shape), own);
  return own;
}

}  // namespace fastnn::cpu

// 3x3 convolutions at stride 1 by F(2x2, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks" (2015), in rows: 2x2 outputs take 16 products a pair of channels instead of 36.
//
//   Y = A'[(G w G') . (B' x B)]A,   summed over input channels before A
//   B' = 1  0 -1  0    G = 1    0   0     A' = 1  1  1  0
//        0  1  1  0        1/2  1/2 1/2        0  1 -1 -1
//        0 -1  1  0        1/2 -1/2 1/2
//        0  1  0 -1        0    0   1
//
// The products of each of the 16 places are a matrix product [tiles, channels in] x [channels in, channels
// out]. The kernel's gradient is the transpose: G'[(A dy A') . (B' x B)]G, summed over tiles before G.
//
// A sum's bits depend on its own image alone: it is one chain over the input channels.
//
// Form is what operands are after their transforms: Float32, or one of the forms of bfloat16 pairs in
// simd_bfloat16.h (of channels; for the kernel's gradient of two tiles beside each other). These two give the
// same bits, and serve the same shapes on every processor.
#pragma once

#include "cpu/conv2d_correlate.h"

namespace fastnn::cpu {

struct Float32 {
  using Cell = float;
};

/// Whether it is taken for that correlation: a pure function of shape and, in float32, of instruction set.
template <class Form = Float32>
bool winograd_serves(const Correlation& shape);

/// Where the weights of a correlation lie. Distances are in elements; one of the last two is 1.
struct WinogradWeights {
  const float* from;
  int64_t row, tap;  ///< from tap to tap
  int64_t channel;   ///< from input channel to input channel
  int64_t column;    ///< from output channel to output channel
};

/// G w G' of the weights, in winograd_weight_elements(shape); units can be shared out.
template <class Form = Float32>
int64_t winograd_weight_elements(const Correlation& shape);
int64_t winograd_weight_units(const Correlation& shape);
template <class Form = Float32>
void winograd_transform_weights(const Correlation& shape, const WinogradWeights& weights, int64_t first_unit,
                                int64_t last_unit, typename Form::Cell* to);

/// The correlation of `images` images with transformed weights. start: initial values of the output channels
/// or null; results are at least floor. Scratch for more images serves fewer, too.
template <class Form = Float32>
int64_t winograd_correlate_scratch(const Correlation& shape, int64_t images);
template <class Form = Float32>
void winograd_correlate(const Correlation& shape, const float* in, const typename Form::Cell* weights,
                        const float* start, float floor, float* out, int64_t images, std::byte* scratch);

/// Whether the kernel's gradient is taken so. shape: of the forward pass.
template <class Form = Float32>
bool winograd_serves_kernel(const Correlation& shape);

/// Adds the share of `images` images to out (3, 3, channels in, channels out), and to the bias's gradient if
/// that is not null.
template <class Form = Float32>
int64_t winograd_grad_kernel_scratch(const Correlation& shape, int64_t images);
template <class Form = Float32>
void winograd_grad_kernel(const Correlation& shape, const float* x, const float* dy, int64_t images,
                          float* out, float* bias, std::byte* scratch);

}  // namespace fastnn::cpu

// Products of bytes and packed int8 weights: dense and convolution alike.
//
// A row of the left side is what one position of a window sees: `outer_y` x `outer_x` runs of bytes in an
// image (for dense: one run). Every run is rounded up to quads of 4 bytes; the weights beyond its end are 0,
// so that up to 3 bytes behind it are read, and must be readable, but do not count.
//
// The sums are int32 and exact, so the same on every instruction set, and so is what follows from them in
// float32, but for activations other than linear and relu:
//   y = activation(float(sum - zero * sum of weights) * (scale * weight_scale) + bias), each rounded by
//   itself; bytes are min(max(round(y * (1 / out_scale)) + out_zero, 0), 255).
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/activation.h"

namespace fastnn::cpu {

/// Where the left side's rows lie, and how long they are.
struct Int8Rows {
  const std::uint8_t* x = nullptr;
  std::int64_t columns = 1, lines = 1;              ///< positions of the window beside and below each other
  std::int64_t column_step = 0, line_step = 0;      ///< bytes from one to the next
  std::int64_t sample_step = 0;                     ///< bytes from sample to sample
  std::int64_t outer_y = 1, outer_x = 1;            ///< runs
  std::int64_t outer_y_step = 0, outer_x_step = 0;  ///< bytes from run to run
  std::int64_t run = 0;                             ///< bytes of a run
  /// Each position stands for a window of two by two, of which the largest result is wanted; bytes of linear
  /// or relu alone. Offsets, in bytes, of those beside and below the first:
  bool windows = false;
  std::int64_t beside = 0, below = 0;
  std::int64_t quads() const { return (run + 3) / 4; }  ///< of a run
  std::int64_t all_quads() const { return outer_y * outer_x * quads(); }
};

/// What becomes of the sums.
struct Int8Finish {
  std::int32_t zero = 0;                ///< the byte that stands for 0
  float scale = 1;                      ///< of the bytes
  const float* weight_scale = nullptr;  ///< of each output
  const float* bias = nullptr;          ///< or null
  ops::ActivationConfig activation{};
  bool to_bytes = false;
  float out_inverse = 1;  ///< 1 / scale of the bytes that are written
  std::int32_t out_zero = 0;
};

struct Int8Product {
  Int8Rows rows;
  const std::int8_t* packed = nullptr;  ///< what int8_pack made
  std::int64_t n = 0;                   ///< outputs
  std::int64_t first_row = 0, end_row = 0;
  std::int64_t first_panel = 0, end_panel = 0;  ///< of int8_panels(n)
  void* out = nullptr;                          ///< row 0, float or bytes, n to a row
  Int8Finish finish;
};

/// Panels of outputs that a product can be split by.
std::int64_t int8_panels(std::int64_t n);
/// Bytes of packed weights.
std::int64_t int8_packed_bytes(const Int8Rows& rows, std::int64_t n);
/// Packs kernel[runs][run][n], panels [first, last): for each panel its quads, then behind all panels the
/// sums over each output's weights.
void int8_pack(const Int8Rows& rows, std::int64_t n, const std::int8_t* kernel, std::int64_t first,
               std::int64_t last, std::int8_t* packed);
/// Computes rows [first_row, end_row) of the outputs of panels [first_panel, end_panel).
void int8_product(const Int8Product& product);

/// Its forms: with the processor's instruction for four products of bytes (VNNI), and without.
/// `int8_product_vnni` is null where this instruction set has none.
extern void (*const int8_product_vnni)(const Int8Product&);

}  // namespace fastnn::cpu

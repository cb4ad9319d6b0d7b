// What an optimizer's update kernel sees: a run of one parameter's elements with the arrays that go with it.
// Like core/kernel.h this is plain data, shared by libfastnn and the kernel libraries.
#pragma once

#include <cstdint>

namespace fastnn {

/// What one call does. The first group updates the parameter; the second serves around the update.
enum class UpdateKind : uint8_t {
  sgd,                        ///< no slots
  sgd_momentum,               ///< momentum
  sgd_nesterov,               ///< momentum
  adagrad,                    ///< accumulator
  adadelta,                   ///< square average, accumulated square of the updates
  rmsprop,                    ///< square average
  rmsprop_momentum,           ///< square average, momentum
  rmsprop_centered,           ///< square average, gradient average
  rmsprop_centered_momentum,  ///< square average, gradient average, momentum
  adam,                       ///< first moment, second moment
  adam_amsgrad,               ///< first moment, second moment, greatest second moment
  adamax,                     ///< first moment, infinity norm
  nadam,                      ///< first moment, second moment
  lion,                       ///< momentum
  ftrl,                       ///< accumulator, linear

  // These make a direction of the gradient and put it in the gradient's place, for an `sgd` call to follow
  // once what depends on the whole array is known; they shrink the parameter by `keep`, too. result: sums of
  // the squared parameter and of the squared direction, in float64.
  lamb_direction,       ///< first moment, second moment
  adafactor_direction,  ///< square average
  adafactor_factored,   ///< none: rows, columns: what each row, and each column, is multiplied by

  adafactor_squares,  ///< rows: the rows' sums of squares; columns += squares, both in float64

  accumulate,      ///< slots[0] += gradient
  take_mean,       ///< gradient = (slots[0] + gradient) / scale; slots[0] = 0
  sum_of_squares,  ///< *result = sum of the squared gradient (of clipped values), in float64
  move_average,    ///< slots[0] = beta1 * slots[0] + (1 - beta1) * parameter
  overwrite,       ///< parameter = slots[0]
};

constexpr int kMostSlots = 3;

/// One call. Scalars are float64 whatever the arrays' type; kernels round them once.
///
/// The updating kinds do: g = clamp(gradient, -clip, clip) * scale; parameter *= keep; then the method's
/// rule.
struct UpdateCall {
  UpdateKind kind = UpdateKind::sgd;
  int64_t count = 0;
  void* parameter = nullptr;
  void* gradient = nullptr;
  void* slots[kMostSlots] = {};
  double* result = nullptr;
  double* rows = nullptr;     ///< adafactor: one a row of this run, which are `columns_count` elements long
  double* columns = nullptr;  ///< adafactor: one a column
  int64_t columns_count = 0;
  double rate = 0;   ///< learning rate of this parameter
  double keep = 1;   ///< 1 - rate * weight decay
  double scale = 1;  ///< from clipping by norm; divisor for take_mean
  double clip = 0;   ///< infinity when values are not clipped
  double beta1 = 0;  ///< first-moment, momentum or rho
  double beta2 = 0;  ///< second-moment
  double epsilon = 0;
  double correction1 = 1;  ///< adam, adamax: 1 / (1 - beta1^t); nadam: factor of the first moment
  double correction2 = 1;  ///< adam, nadam: 1 / sqrt(1 - beta2^t)
  double look_ahead = 0;   ///< nadam: factor of the gradient
  double power = 0;        ///< ftrl: the accumulator's exponent
  double l1 = 0;           ///< ftrl
  double l2 = 0;           ///< ftrl: added to the power of the accumulator
  double shrinkage = 0;    ///< ftrl: how much of the parameter is added to the gradient
};

}  // namespace fastnn

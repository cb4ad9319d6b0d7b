// Learning-rate schedules: plain values that map a training step (from 0) to a rate. All are held constant,
// or go on, past their last step; none looks back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/export.h"

namespace fastnn {

struct FASTNN_API ConstantRate {
  double learning_rate = 0.001;
  double operator()(int64_t step) const;
};

/// initial * rate ^ floor(step / decay_steps)
struct FASTNN_API StepDecay {
  double initial = 0.001;
  double decay_steps = 1;
  double decay_rate = 0.1;
  double operator()(int64_t step) const;
};

/// initial * rate ^ (step / decay_steps), the quotient rounded down with `staircase`
struct FASTNN_API ExponentialDecay {
  double initial = 0.001;
  double decay_steps = 1;
  double decay_rate = 0.96;
  bool staircase = false;
  double operator()(int64_t step) const;
};

/// initial / (1 + rate * step / decay_steps), the quotient rounded down with `staircase`
struct FASTNN_API InverseTimeDecay {
  double initial = 0.001;
  double decay_steps = 1;
  double decay_rate = 0.5;
  bool staircase = false;
  double operator()(int64_t step) const;
};

/// From `initial` to `end` as (1 - step / decay_steps) ^ power; with `cycle`, decay_steps is stretched to its
/// next multiple whenever it is passed.
struct FASTNN_API PolynomialDecay {
  double initial = 0.001;
  double decay_steps = 1;
  double end = 0.0001;
  double power = 1;
  bool cycle = false;
  double operator()(int64_t step) const;
};

/// Half a cosine from the peak down to alpha * peak, after a linear warm-up from `initial` to the peak where
/// warmup_steps > 0; without it the peak is `initial`. Loshchilov and Hutter, ICLR 2017.
struct FASTNN_API CosineDecay {
  double initial = 0.001;
  double decay_steps = 1;
  double alpha = 0;
  double warmup_target = 0;
  double warmup_steps = 0;
  double operator()(int64_t step) const;
};

/// Half cosines one after another, each t_mul times as long and m_mul times as high as the one before.
struct FASTNN_API CosineDecayRestarts {
  double initial = 0.001;
  double first_decay_steps = 1;
  double t_mul = 2;
  double m_mul = 1;
  double alpha = 0;
  double operator()(int64_t step) const;
};

/// Up to `peak` and down again, far below where it began; Smith and Topin, 2018. In three phases the way down
/// is as long as the way up, then the rate goes on to the lowest.
struct FASTNN_API OneCycle {
  double peak = 0.01;
  double total_steps = 1;
  double warmup_fraction = 0.3;   ///< of the steps
  double div_factor = 25;         ///< peak over the first rate
  double final_div_factor = 1e4;  ///< first rate over the last
  bool linear = false;            ///< straight lines instead of half cosines
  bool three_phase = false;
  double operator()(int64_t step) const;
};

/// values[i] up to and including step boundaries[i], then the last value. One value more than boundaries.
struct FASTNN_API PiecewiseConstant {
  std::vector<double> boundaries;
  std::vector<double> values;
  double operator()(int64_t step) const;
};

/// Rates of `count` steps from `first` on: what EpochArguments::learning_rates wants.
template <class Schedule>
std::vector<double> rates(const Schedule& schedule, int64_t first, int64_t count) {
  std::vector<double> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) out[static_cast<size_t>(i)] = schedule(first + i);
  return out;
}

}  // namespace fastnn

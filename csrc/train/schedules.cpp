#include "train/schedules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace fastnn {

namespace {

double periods(int64_t step, double length, bool whole) {
  const double passed = static_cast<double>(step) / length;
  return whole ? std::floor(passed) : passed;
}

// From 1 at 0 down to `low` at 1.
double half_cosine(double part, double low) {
  return (1 - low) * 0.5 * (1 + std::cos(std::numbers::pi * part)) + low;
}

}  // namespace

double ConstantRate::operator()(int64_t) const { return learning_rate; }

double StepDecay::operator()(int64_t step) const {
  return initial * std::pow(decay_rate, periods(step, decay_steps, true));
}

double ExponentialDecay::operator()(int64_t step) const {
  return initial * std::pow(decay_rate, periods(step, decay_steps, staircase));
}

double InverseTimeDecay::operator()(int64_t step) const {
  return initial / (1 + decay_rate * periods(step, decay_steps, staircase));
}

double PolynomialDecay::operator()(int64_t step) const {
  auto at = static_cast<double>(step);
  double length = decay_steps;
  if (cycle) {
    length *= std::max(1.0, std::ceil(at / decay_steps));
  } else {
    at = std::min(at, decay_steps);
  }
  return (initial - end) * std::pow(1 - at / length, power) + end;
}

double CosineDecay::operator()(int64_t step) const {
  const auto at = static_cast<double>(step);
  if (at < warmup_steps) return initial + (warmup_target - initial) * at / warmup_steps;
  const double peak = warmup_steps > 0 ? warmup_target : initial;
  return peak * half_cosine(std::min(at - warmup_steps, decay_steps) / decay_steps, alpha);
}

double CosineDecayRestarts::operator()(int64_t step) const {
  const double passed = static_cast<double>(step) / first_decay_steps;
  // Where restart i begins, in first periods. The logarithm's rounding must not miss a restart, so its
  // result is only where the search begins.
  const auto begin = [&](double i) { return t_mul == 1 ? i : (std::pow(t_mul, i) - 1) / (t_mul - 1); };
  double i = t_mul == 1 ? std::floor(passed) : std::floor(std::log1p(passed * (t_mul - 1)) / std::log(t_mul));
  if (begin(i) > passed) i -= 1;
  if (begin(i + 1) <= passed) i += 1;
  const double part = (passed - begin(i)) / std::pow(t_mul, i);
  return initial * ((1 - alpha) * 0.5 * std::pow(m_mul, i) * (1 + std::cos(std::numbers::pi * part)) + alpha);
}

double OneCycle::operator()(int64_t step) const {
  struct Phase {
    double end, from, to;
  };
  const double first = peak / div_factor;
  const double last = first / final_div_factor;
  const double up = std::max(0.0, warmup_fraction * total_steps - 1);
  const std::array<Phase, 3> phases = {
      Phase{up, first, peak},
      three_phase ? Phase{2 * up, peak, first} : Phase{total_steps - 1, peak, last},
      three_phase ? Phase{total_steps - 1, first, last} : Phase{total_steps - 1, last, last},
  };
  const auto at = static_cast<double>(step);
  double begin = 0;
  for (const Phase& phase : phases) {
    if (at < phase.end) {
      const double part = (at - begin) / (phase.end - begin);
      if (linear) return phase.from + (phase.to - phase.from) * part;
      return phase.to + (phase.from - phase.to) * half_cosine(part, 0);
    }
    begin = phase.end;
  }
  return last;
}

double PiecewiseConstant::operator()(int64_t step) const {
  const auto found = std::lower_bound(boundaries.begin(), boundaries.end(), static_cast<double>(step));
  return values[static_cast<size_t>(found - boundaries.begin())];
}

}  // namespace fastnn

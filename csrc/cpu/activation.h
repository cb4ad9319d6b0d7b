// Activation in place, for ops that fuse one.
#pragma once

#include <cstdint>

#include "ops/activation.h"

namespace fastnn::cpu {

/// data[i] = f(data[i]); nothing for the linear kind.
void apply_activation(const ops::ActivationConfig& config, float* data, int64_t count);
void apply_activation(const ops::ActivationConfig& config, double* data, int64_t count);

}  // namespace fastnn::cpu

// The rules by which optimizers update: checks of their settings, their kernels and slots.
#pragma once

#include <string>
#include <vector>

#include "train/optimizer.h"

namespace fastnn {

/// Throws Error(value) naming the setting that is out of range.
void check_config(const OptimizerConfig& config);

UpdateKind update_kind(const OptimizerConfig& config);

/// Names of the slots that a rule itself needs.
std::vector<std::string> rule_slots(UpdateKind kind);

/// Whether updates take two passes; see UpdateKind.
inline bool needs_directions(UpdateKind kind) {
  return kind == UpdateKind::lamb_direction || kind == UpdateKind::adafactor_direction;
}

/// Nadam's momentum of update t (from 1).
double nadam_momentum(const OptimizerConfig& config, int64_t t);

}  // namespace fastnn

// Optimizers' updates, one run of a parameter's elements a call.
#pragma once

#include "core/update.h"

namespace fastnn::cpu {

void update_f32(const UpdateCall& call);
void update_f64(const UpdateCall& call);

}  // namespace fastnn::cpu

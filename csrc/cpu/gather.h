// The batcher's inner part: rows of the caller's data, converted, into a tile in the plan's layout.
#pragma once

#include "core/kernel.h"

namespace fastnn::cpu {

void gather(const GatherCall& call);

}  // namespace fastnn::cpu

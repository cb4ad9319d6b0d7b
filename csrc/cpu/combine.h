// Sums the shards of a sum over samples, in fixed order.
#pragma once

#include "core/kernel.h"

namespace fastnn::cpu {

void combine(const CombineCall& call);

}  // namespace fastnn::cpu

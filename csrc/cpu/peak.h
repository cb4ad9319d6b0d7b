// The machine's multiply-add rate with this instruction set: what kernels' figures are measured against.
#pragma once

#include <cstdint>

namespace fastnn::cpu {

/// Runs `rounds` rounds of independent float32 multiply-adds on the calling thread; returns the operations
/// done.
double run_multiply_adds(int64_t rounds);

}  // namespace fastnn::cpu

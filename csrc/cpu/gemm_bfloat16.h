// Products of matrices in bfloat16: C = finish(start + A * B) as in gemm.h, with A and B rounded to bfloat16
// while they are packed (see simd_bfloat16.h, also for the order of a sum). Every element of C is one chain
// of sums over all pairs of k in order, so its bits depend on its own operands alone.
#pragma once

#include "cpu/gemm.h"

namespace fastnn::cpu {

// Of a product with one level of k (outer 1); A's rows or its columns are contiguous (a_col or a_row 1), and
// so are B's. Bytes of scratch that gemm_bfloat16 needs for g, or for a part of it with fewer rows or
// columns.
std::int64_t gemm_bfloat16_scratch(const Gemm<float>& g);

void gemm_bfloat16(const Gemm<float>& g, std::byte* scratch, GemmFinish<float> finish = {});

}  // namespace fastnn::cpu

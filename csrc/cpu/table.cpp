// The one thing that a kernel library exports: its table, made from ops.inc.
#include "cpu/augment.h"
#include "cpu/combine.h"
#include "cpu/gather.h"
#include "cpu/kernels.h"
#include "cpu/optimizer.h"
#include "cpu/peak.h"
#include "cpu/simd.h"

namespace fastnn::cpu {

#define FASTNN_OP(stem, name) extern const Kernel name##_kernel;
#include "ops/ops.inc"
#undef FASTNN_OP
#define FASTNN_OP(stem, name) extern const Kernel name##_bfloat16_kernel;
#include "ops/bfloat16.inc"
#undef FASTNN_OP

namespace {

constexpr KernelTableEntry kEntries[] = {
#define FASTNN_OP(stem, name) {#name, &name##_kernel},
#include "ops/ops.inc"
#undef FASTNN_OP
#define FASTNN_OP(stem, name) {#name ":bfloat16", &name##_bfloat16_kernel},
#include "ops/bfloat16.inc"
#undef FASTNN_OP
};

constexpr KernelTable kTable{
    .isa = FASTNN_ISA_NAME,
    .lanes_f32 = vector_lanes<float>,
    .lanes_f64 = vector_lanes<double>,
    .entries = kEntries,
    .entry_count = static_cast<int32_t>(sizeof(kEntries) / sizeof(kEntries[0])),
    .gather = gather,
    .augment_scratch = augment_scratch,
    .combine = combine,
    .run_multiply_adds = run_multiply_adds,
    .update_f32 = update_f32,
    .update_f64 = update_f64,
};

}  // namespace
}  // namespace fastnn::cpu

extern "C" __attribute__((visibility("default"))) const fastnn::KernelTable* fastnn_kernel_table() {
  return &fastnn::cpu::kTable;
}

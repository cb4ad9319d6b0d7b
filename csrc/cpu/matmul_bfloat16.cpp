// matmul with compute_dtype "bfloat16"; see gemm_bfloat16.h.
#include "cpu/gemm_bfloat16.h"
#include "cpu/matmul_stacks.h"

namespace fastnn::cpu {

namespace {

using Config = ops::MatmulConfig;

Gemm<float> product_of(const Config& c) {
  Gemm<float> g;
  g.m = c.m;
  g.n = g.c_row = c.n;
  g.inner = c.k;
  g.a_row = c.transpose_a ? 1 : c.k;
  g.a_col = c.transpose_a ? c.m : 1;
  g.b_row = c.transpose_b ? 1 : c.n;
  g.b_col = c.transpose_b ? c.k : 1;
  return g;
}

void rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const View& a = call.in[0];
  const View& b = call.in[1];
  Gemm<float> g = product_of(c);
  for (int64_t s = 0; s < call.count; ++s) {
    const float* of_a = a.as<float>() + (a.batched ? s * a.size : 0);
    const float* of_b = b.as<float>() + (b.batched ? s * b.size : 0);
    float* out = call.out[0].as<float>() + s * call.out[0].size;
    for_stacks(c, [&](int64_t number, int64_t at_a, int64_t at_b) {
      g.a = of_a + at_a * c.m * c.k;
      g.b = of_b + at_b * c.k * c.n;
      g.c = out + number * c.m * c.n;
      gemm_bfloat16(g, call.scratch);
    });
  }
}

// A unit is a pair of matrices.
void whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  Gemm<float> g = product_of(c);
  for_stacks(c, [&](int64_t number, int64_t at_a, int64_t at_b) {
    if (number < call.unit_begin || number >= call.unit_end) return;
    g.a = call.in[0].as<float>() + at_a * c.m * c.k;
    g.b = call.in[1].as<float>() + at_b * c.k * c.n;
    g.c = call.out[0].as<float>() + number * c.m * c.n;
    gemm_bfloat16(g, call.scratch);
  });
}

int64_t scratch(const KernelQuery& query) {
  return gemm_bfloat16_scratch(product_of(*static_cast<const Config*>(query.config)));
}
int64_t units(const KernelQuery& query) { return static_cast<const Config*>(query.config)->stacks; }

}  // namespace

extern const Kernel matmul_bfloat16_kernel;
const Kernel matmul_bfloat16_kernel{.f32 = {.rows = rows, .whole = whole},
                                    .f64 = {},
                                    .scratch = scratch,
                                    .whole_scratch = scratch,
                                    .units = units};

}  // namespace fastnn::cpu

#include "ops/step_mask.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T, class X>
void mask_elements(const X* x, X value, int64_t features, int64_t count, T* out) {
  for (int64_t i = 0; i < count; ++i, x += features) {
    bool there = false;
    for (int64_t f = 0; f < features; ++f) there |= x[f] != value;
    out[i] = there ? T(1) : T(0);
  }
}

template <class T>
void step_mask_rows(const KernelCall& call) {
  const auto& c = call.configuration<ops::StepMaskConfig>();
  const int64_t count = call.count * call.out[0].size;
  T* out = call.out[0].as<T>();
  if (call.in[0].dtype == DType::i32) {
    mask_elements(call.in[0].as<int32_t>(), static_cast<int32_t>(c.value), 1, count, out);
  } else {
    mask_elements(call.in[0].as<T>(), static_cast<T>(c.value), c.features, count, out);
  }
}

}  // namespace

extern const Kernel step_mask_kernel;
const Kernel step_mask_kernel{.f32 = {.rows = step_mask_rows<float>},
                              .f64 = {.rows = step_mask_rows<double>}};

}  // namespace fastnn::cpu

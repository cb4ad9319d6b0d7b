#include "ops/fill.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T>
void fill_elements(const KernelCall& call) {
  const View& out = call.out[0];
  const auto value = static_cast<T>(call.configuration<ops::FillConfig>().value);
  for (int64_t i = 0; i < out.size; ++i) out.as<T>()[i] = value;
}

void fill_whole(const KernelCall& call) {
  switch (call.out[0].dtype) {
    case DType::f32:
      return fill_elements<float>(call);
    case DType::f64:
      return fill_elements<double>(call);
    case DType::i32:
      return fill_elements<int32_t>(call);
    case DType::i64:
      return fill_elements<int64_t>(call);
    default:
      return fill_elements<uint8_t>(call);
  }
}

}  // namespace

extern const Kernel fill_kernel;
const Kernel fill_kernel{.f32 = {.whole = fill_whole}, .f64 = {.whole = fill_whole}};

}  // namespace fastnn::cpu

#include "ops/one_hot.h"

#include <algorithm>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T>
void one_hot_rows(const KernelCall& call) {
  const int64_t depth = call.configuration<ops::OneHotConfig>().depth;
  const auto* ids = call.in[0].as<int32_t>();
  T* out = call.out[0].as<T>();
  const int64_t count = call.count * call.in[0].size;
  std::fill_n(out, count * depth, T(0));
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] >= 0 && ids[i] < depth) out[i * depth + ids[i]] = T(1);
  }
}

}  // namespace

extern const Kernel one_hot_kernel;
const Kernel one_hot_kernel{.f32 = {.rows = one_hot_rows<float>, .whole = one_sample<one_hot_rows<float>>},
                            .f64 = {.rows = one_hot_rows<double>, .whole = one_sample<one_hot_rows<double>>}};

}  // namespace fastnn::cpu

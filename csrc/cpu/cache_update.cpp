#include "ops/cache_update.h"

#include <algorithm>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T>
void cache_update_rows(const KernelCall& call) {
  const auto& c = call.configuration<ops::CacheUpdateConfig>();
  const int64_t size = c.length * c.width, written = c.rows * c.width;
  for (int64_t i = 0; i < call.count; ++i) {
    int64_t index = call.in[2].as<int32_t>()[i];
    if (index < 0 || index > c.length - c.rows) {
      call.status->report(Status::id_out_of_range, call.node, call.first + i, static_cast<double>(index),
                          c.length - c.rows + 1);
      index = 0;
    }
    T* out = call.out[0].as<T>() + i * size;
    const T* cache = call.in[0].as<T>() + i * size;
    const T* rows = call.in[1].as<T>() + i * written;
    const int64_t at = index * c.width;
    std::copy(cache, cache + at, out);
    std::copy(rows, rows + written, out + at);
    std::copy(cache + at + written, cache + size, out + at + written);
  }
}

}  // namespace

extern const Kernel cache_update_kernel;
const Kernel cache_update_kernel{.f32 = {.rows = cache_update_rows<float>},
                                 .f64 = {.rows = cache_update_rows<double>}};

}  // namespace fastnn::cpu

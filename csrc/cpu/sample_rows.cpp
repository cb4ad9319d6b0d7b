#include "ops/sample_rows.h"

#include <algorithm>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

bool fits(const KernelCall& call, int64_t rows) {
  if (call.batch == rows) return true;
  call.status->report(Status::batch_size, call.node, 0, static_cast<double>(call.batch), rows);
  return false;
}

template <class T>
void sample_rows_of_tile(const KernelCall& call) {
  const int64_t size = call.out[0].size;
  T* out = call.out[0].as<T>();
  if (fits(call, call.in[0].dims[0])) {
    std::copy_n(call.in[0].as<T>() + call.first * size, call.count * size, out);
  } else {
    std::fill_n(out, call.count * size, T(0));
  }
}

template <class T>
void sample_rows_whole(const KernelCall& call) {
  T* out = call.out[0].as<T>();
  if (fits(call, call.out[0].dims[0])) {
    std::copy_n(call.in[0].as<T>(), call.out[0].size, out);
  } else {
    std::fill_n(out, call.out[0].size, T(0));
  }
}

}  // namespace

extern const Kernel sample_rows_kernel;
const Kernel sample_rows_kernel{.f32 = {.whole = sample_rows_whole<float>},
                                .f64 = {.whole = sample_rows_whole<double>},
                                .whole_rows_inputs = 1};

extern const Kernel sample_rows_of_kernel;
const Kernel sample_rows_of_kernel{.f32 = {.rows = sample_rows_of_tile<float>},
                                   .f64 = {.rows = sample_rows_of_tile<double>}};

}  // namespace fastnn::cpu

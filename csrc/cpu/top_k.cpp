// Rows only.
#include "ops/top_k.h"

#include <algorithm>
#include <numeric>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

// Is a ahead of b? NaN is ahead of all numbers.
template <class T>
bool ahead(T a, T b, bool smallest) {
  return (smallest ? a < b : a > b) || (a != a && b == b);
}

template <class T>
void extremum_samples(const KernelCall& call) {
  const auto& c = call.configuration<ops::ArgExtremumConfig>();
  const T* x = call.in[0].as<T>();
  auto* out = call.out[0].as<int32_t>();
  const auto& [outer, extent, inner] = c.axis;
  for (int64_t o = 0; o < call.count * outer; ++o, x += extent * inner) {
    for (int64_t j = 0; j < inner; ++j) {
      int64_t best = 0;
      for (int64_t i = 1; i < extent; ++i) {
        if (ahead(x[i * inner + j], x[best * inner + j], c.smallest)) best = i;
      }
      *out++ = static_cast<int32_t>(best);
    }
  }
}

template <class T>
void arg_extremum_rows(const KernelCall& call) {
  if (call.in[0].dtype == DType::i32) return extremum_samples<int32_t>(call);
  extremum_samples<T>(call);
}

int64_t top_k_scratch(const KernelQuery& query) {
  return static_cast<const ops::TopKConfig*>(query.config)->extent * static_cast<int64_t>(sizeof(int32_t));
}

template <class T>
void top_k_rows(const KernelCall& call) {
  const auto& c = call.configuration<ops::TopKConfig>();
  auto* places = reinterpret_cast<int32_t*>(call.scratch);
  const T* x = call.in[0].as<T>();
  T* values = call.out[0].as<T>();
  auto* found = call.out[1].as<int32_t>();
  const int64_t rows = call.count * (call.in[0].size / c.extent);
  for (int64_t r = 0; r < rows; ++r, x += c.extent) {
    std::iota(places, places + c.extent, 0);
    std::partial_sort(places, places + c.k, places + c.extent, [x](int32_t a, int32_t b) {
      return ahead(x[a], x[b], false) || (!ahead(x[b], x[a], false) && a < b);
    });
    for (int64_t i = 0; i < c.k; ++i) {
      *values++ = x[places[i]];
      *found++ = places[i];
    }
  }
}

}  // namespace

extern const Kernel arg_extremum_kernel;
const Kernel arg_extremum_kernel{
    .f32 = {.rows = arg_extremum_rows<float>, .whole = one_sample<arg_extremum_rows<float>>},
    .f64 = {.rows = arg_extremum_rows<double>, .whole = one_sample<arg_extremum_rows<double>>}};

extern const Kernel top_k_kernel;
const Kernel top_k_kernel{.f32 = {.rows = top_k_rows<float>, .whole = one_sample<top_k_rows<float>>},
                          .f64 = {.rows = top_k_rows<double>, .whole = one_sample<top_k_rows<double>>},
                          .scratch = top_k_scratch,
                          .whole_scratch = top_k_scratch};

}  // namespace fastnn::cpu

#include "ops/constrain.h"

#include "cpu/broadcast.h"

namespace fastnn::cpu {

namespace {

using Config = ops::ConstrainConfig;
constexpr double kEpsilon = 1e-7;

// Scales w by factor(norm). Norms are summed in float64, in scratch.
template <class T, class Factor>
void scale_by_norm(const KernelCall& call, Factor factor) {
  const auto& c = call.configuration<Config>();
  const T* w = call.in[0].as<T>();
  T* out = call.out[0].as<T>();
  auto* norms = reinterpret_cast<double*>(call.scratch);
  for (int64_t i = 0; i < c.norms; ++i) norms[i] = 0;
  const int64_t count = c.nest.rank > 0 ? c.nest.dims[c.nest.rank - 1] : 1;
  const bool kept = c.nest.rank > 0 && c.nest.b[c.nest.rank - 1] != 0;
  for_rows(c.nest, 1, 1, [&](int64_t at, int64_t norm) {
    if (kept) {
      for (int64_t i = 0; i < count; ++i)
        norms[norm + i] += static_cast<double>(w[at + i]) * static_cast<double>(w[at + i]);
    } else {
      double sum = 0;
      for (int64_t i = 0; i < count; ++i)
        sum += static_cast<double>(w[at + i]) * static_cast<double>(w[at + i]);
      norms[norm] += sum;
    }
  });
  for (int64_t i = 0; i < c.norms; ++i) norms[i] = factor(std::sqrt(norms[i]));
  for_rows(c.nest, 1, 1, [&](int64_t at, int64_t norm) {
    for (int64_t i = 0; i < count; ++i) {
      out[at + i] = static_cast<T>(static_cast<double>(w[at + i]) * norms[kept ? norm + i : norm]);
    }
  });
}

int64_t norm_scratch(const KernelQuery& query) {
  return static_cast<const Config*>(query.config)->norms * static_cast<int64_t>(sizeof(double));
}

template <class T>
void max_norm(const KernelCall& call) {
  const double most = call.configuration<Config>().max_value;
  scale_by_norm<T>(call, [most](double norm) { return (norm < most ? norm : most) / (kEpsilon + norm); });
}

template <class T>
void unit_norm(const KernelCall& call) {
  scale_by_norm<T>(call, [](double norm) { return 1 / (kEpsilon + norm); });
}

template <class T>
void non_negative(const KernelCall& call) {
  // NaN stays, so that it is found.
  map_elements(call.in[0].as<T>(), call.out[0].as<T>(), call.out[0].size,
               []<class V>(V w) { return select(less(w, zero<V>()), zero<V>(), w); });
}

}  // namespace

extern const Kernel constrain_max_norm_kernel;
const Kernel constrain_max_norm_kernel{
    .f32 = {.whole = max_norm<float>}, .f64 = {.whole = max_norm<double>}, .whole_scratch = norm_scratch};

extern const Kernel constrain_unit_norm_kernel;
const Kernel constrain_unit_norm_kernel{
    .f32 = {.whole = unit_norm<float>}, .f64 = {.whole = unit_norm<double>}, .whole_scratch = norm_scratch};

extern const Kernel constrain_non_negative_kernel;
const Kernel constrain_non_negative_kernel{.f32 = {.whole = non_negative<float>},
                                           .f64 = {.whole = non_negative<double>}};

}  // namespace fastnn::cpu

// embedding and its gradient, in rows.
#include "ops/embedding.h"

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/labels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::EmbeddingConfig;

template <class T>
void embedding_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int32_t* ids = call.in[0].as<int32_t>();
  const T* table = call.in[1].as<T>();
  T* out = call.out[0].as<T>();
  for (int64_t n = 0; n < call.count; ++n) {
    for (int64_t p = 0; p < c.positions; ++p, out += c.width) {
      const int64_t id = *ids++;
      if (check_class(call, id, c.rows, n)) {
        std::copy_n(table + id * c.width, c.width, out);
      } else {
        std::fill_n(out, c.width, T(0));
      }
    }
  }
}

// Units are runs of the table's rows; each goes through all ids and adds those that are its own. So that no
// sum depends on how units are shared out, and the table is written by one thread a row.
constexpr int64_t kMostUnits = 64;

int64_t embedding_grad_units(const KernelQuery& query) {
  return std::min(kMostUnits, static_cast<const Config*>(query.config)->rows);
}

template <class T>
void embedding_grad_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t units = std::min(kMostUnits, c.rows);
  const int64_t first = c.rows * call.unit_begin / units;
  const int64_t last = c.rows * call.unit_end / units;
  const int32_t* ids = call.in[0].as<int32_t>();
  const T* dy = call.in[1].as<T>();
  T* out = call.out[0].as<T>();
  std::fill_n(out + first * c.width, (last - first) * c.width, T(0));
  for (int64_t i = 0; i < call.count * c.positions; ++i) {
    const int64_t id = ids[i];
    if (id < first || id >= last) continue;
    T* to = out + id * c.width;
    const T* from = dy + i * c.width;
    for (int64_t j = 0; j < c.width; ++j) to[j] += from[j];
  }
}

}  // namespace

extern const Kernel embedding_kernel;
const Kernel embedding_kernel{.f32 = {.rows = embedding_rows<float>},
                              .f64 = {.rows = embedding_rows<double>}};

extern const Kernel embedding_grad_kernel;
const Kernel embedding_grad_kernel{.f32 = {.whole = embedding_grad_whole<float>},
                                   .f64 = {.whole = embedding_grad_whole<double>},
                                   .units = embedding_grad_units,
                                   .whole_rows_inputs = 0b11};

}  // namespace fastnn::cpu

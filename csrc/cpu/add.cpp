#include "ops/add.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T>
void add_elements(const T* a, const T* b, T* out, int64_t count) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  int64_t i = 0;
  for (; i + L <= count; i += L) store(out + i, load<V>(a + i) + load<V>(b + i));
  for (; i < count; ++i) out[i] = a[i] + b[i];
}

template <class T, int L>
struct AddTile {
  static void run(const KernelCall& call) {
    add_elements(call.in[0].as<T>(), call.in[1].as<T>(), call.out[0].as<T>(), tile_elements<L>(call, call.out[0]));
  }
};

template <class T>
void add_whole(const KernelCall& call) {
  add_elements(call.in[0].as<T>(), call.in[1].as<T>(), call.out[0].as<T>(), call.out[0].size);
}

}  // namespace

extern const Kernel add_kernel;
const Kernel add_kernel{
    .f32 = {.rows = AddTile<float, 1>::run, .lanes = AddTile<float, vector_lanes<float>>::run, .whole = add_whole<float>},
    .f64 = {.rows = AddTile<double, 1>::run,
            .lanes = AddTile<double, vector_lanes<double>>::run,
            .whole = add_whole<double>}};

}  // namespace fastnn::cpu

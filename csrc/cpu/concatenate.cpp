// The f32 kernels serve every 4-byte type, the f64 kernels every 8-byte type. Lanes only make elements wider.
#include "ops/concatenate.h"

#include <cstring>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::ConcatenateConfig;

template <class T, int E>
struct Concatenate {
  static void groups(const KernelCall& call, int64_t count) {
    const auto& c = call.configuration<Config>();
    const int64_t row = call.out[0].size / c.outer * E;
    T* out = call.out[0].as<T>();
    for (int32_t i = 0; i < call.in_count; ++i) {
      const int64_t run = call.in[i].size / c.outer * E;
      const T* x = call.in[i].as<T>();
      for (int64_t r = 0; r < count * c.outer; ++r) {
        std::memcpy(out + r * row, x + r * run, static_cast<size_t>(run) * sizeof(T));
      }
      out += run;
    }
  }
  static void run(const KernelCall& call) { groups(call, call.groups(E)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
};

template <class T>
constexpr KernelSet concatenate_set() {
  return {.rows = Concatenate<T, 1>::run,
          .lanes = Concatenate<T, vector_lanes<T>>::run,
          .whole = Concatenate<T, 1>::whole};
}

}  // namespace

extern const Kernel concatenate_kernel;
const Kernel concatenate_kernel{.f32 = concatenate_set<float>(), .f64 = concatenate_set<double>()};

}  // namespace fastnn::cpu

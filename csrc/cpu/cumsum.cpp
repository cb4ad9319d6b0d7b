// Along the axis run vectors of what lies behind it (inner elements and lanes).
#include "ops/cumsum.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct Cumsum {
  static void groups(const KernelCall& call, int64_t groups) {
    const auto& c = call.configuration<ops::CumsumConfig>();
    const int64_t run = c.axis.inner * L, block = c.axis.extent * run;
    for (int64_t o = 0; o < groups * c.axis.outer; ++o) {
      const T* x = call.in[0].as<T>() + o * block;
      T* y = call.out[0].as<T>() + o * block;
      if (run == 1) {
        row(c, x, y);
        continue;
      }
      for (int64_t i = 0; i < c.axis.extent; ++i) {
        const int64_t at = (c.reverse ? c.axis.extent - 1 - i : i) * run;
        const int64_t last = c.reverse ? at + run : at - run;  // where the sum so far is
        for (int64_t j = 0; j < run; ++j) {
          const T before = i == 0 ? T(0) : y[last + j];
          const T term = !c.exclusive ? x[at + j] : (i == 0 ? T(0) : x[last + j]);
          y[at + j] = before + term;
        }
      }
    }
  }
  // Where nothing lies behind the axis, the sum stays in a register.
  static void row(const ops::CumsumConfig& c, const T* x, T* y) {
    T sum = 0;
    for (int64_t i = 0; i < c.axis.extent; ++i) {
      const int64_t at = c.reverse ? c.axis.extent - 1 - i : i;
      const T before = sum;
      sum = before + x[at];
      y[at] = c.exclusive ? before : sum;
    }
  }
  static void run(const KernelCall& call) { groups(call, call.groups(L)); }
  static void whole(const KernelCall& call) { groups(call, 1); }
};

template <class T>
constexpr KernelSet cumsum_set() {
  return {.rows = Cumsum<T, 1>::run, .lanes = Cumsum<T, vector_lanes<T>>::run, .whole = Cumsum<T, 1>::whole};
}

}  // namespace

extern const Kernel cumsum_kernel;
const Kernel cumsum_kernel{.f32 = cumsum_set<float>(), .f64 = cumsum_set<double>()};

}  // namespace fastnn::cpu

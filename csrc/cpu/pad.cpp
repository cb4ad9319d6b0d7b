// The f32 kernels serve every 4-byte type, the f64 kernels every 8-byte type. Lanes only make elements wider.
#include "ops/pad.h"

#include <algorithm>
#include <cstring>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::PadConfig;

template <class T>
T filling(const KernelCall& call) {
  const double value = call.configuration<Config>().value;
  if (call.out[0].dtype == DType::i32) {
    const auto whole = static_cast<int32_t>(value);
    T bits{};
    std::memcpy(&bits, &whole, sizeof(whole));
    return bits;
  }
  return static_cast<T>(value);
}

// Dims from `dim` on of one sample. T's bits are only moved, so an int32 may pass as a float.
template <class T>
void pad_dims(const Config& c, int32_t dim, int64_t run, const T* x, T* y, T value) {
  if (dim == c.rank) {
    std::memcpy(y, x, static_cast<size_t>(run) * sizeof(T));
    return;
  }
  int64_t in_step = run, out_step = run;
  for (int32_t d = dim + 1; d < c.rank; ++d) {
    in_step *= c.in[d];
    out_step *= c.out[d];
  }
  const int64_t before = c.before[dim];
  const int64_t first = std::max<int64_t>(before, 0);
  const int64_t end = std::min(c.out[dim], c.in[dim] + before);
  std::fill_n(y, first * out_step, value);
  if (dim + 1 == c.rank) {
    std::memcpy(y + first * run, x + (first - before) * run,
                static_cast<size_t>((end - first) * run) * sizeof(T));
  } else {
    for (int64_t i = first; i < end; ++i) {
      pad_dims(c, dim + 1, run, x + (i - before) * in_step, y + i * out_step, value);
    }
  }
  std::fill(y + end * out_step, y + c.out[dim] * out_step, value);
}

template <class T, int E>
struct Pad {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    for (int64_t g = 0; g < call.groups(E); ++g) {
      pad_dims(c, 0, c.run * E, call.in[0].as<T>() + g * call.in[0].size * E,
               call.out[0].as<T>() + g * call.out[0].size * E, filling<T>(call));
    }
  }
  static void whole(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    pad_dims(c, 0, c.run, call.in[0].as<T>(), call.out[0].as<T>(), filling<T>(call));
  }
};

template <class T>
constexpr KernelSet pad_set() {
  return {.rows = Pad<T, 1>::run, .lanes = Pad<T, vector_lanes<T>>::run, .whole = Pad<T, 1>::whole};
}

}  // namespace

extern const Kernel pad_kernel;
const Kernel pad_kernel{.f32 = pad_set<float>(), .f64 = pad_set<double>()};

}  // namespace fastnn::cpu

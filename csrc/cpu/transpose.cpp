// f32 kernels serve every 4-byte type, f64 kernels every 8-byte type.
#include "ops/transpose.h"

#include <cstring>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::TransposeConfig;

// Calls body(in offset, out offset) for every combination of the dims but `skip` and `also_skip`.
template <class Body>
void for_others(const Config& c, int32_t skip, int32_t also_skip, Body body) {
  int64_t index[ops::kMostTransposeDims] = {};
  int64_t in = 0, out = 0;
  while (true) {
    body(in, out);
    int32_t d = c.rank - 1;
    for (; d >= 0; --d) {
      if (d == skip || d == also_skip) continue;
      in += c.in_strides[d];
      out += c.out_strides[d];
      if (++index[d] < c.dims[d]) break;
      in -= c.in_strides[d] * c.dims[d];
      out -= c.out_strides[d] * c.dims[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

// out[i * out_stride + j] = in[j * in_stride + i] for i < rows, j < columns
template <class T>
void transpose_block(const T* in, int64_t in_stride, T* out, int64_t out_stride, int64_t rows,
                     int64_t columns) {
  constexpr int L = vector_lanes<T>;
  for (int64_t j = 0; j < columns; j += L) {
    const auto width = static_cast<int>(columns - j < L ? columns - j : L);
    for (int64_t i = 0; i < rows; i += L) {
      const auto height = static_cast<int>(rows - i < L ? rows - i : L);
      const T* source = in + j * in_stride + i;
      T* target = out + i * out_stride + j;
      if (width == L && height == L) {
        transpose<T, L>(source, in_stride, target, out_stride);
      } else {
        transpose_partial<T, L>(source, in_stride, width, height, target, out_stride);
      }
    }
  }
}

template <class T, int L>
void transpose_group(const Config& c, const T* x, T* y) {
  if (c.rank == 0) {
    store(y, load<Vec<T, L>>(x));
    return;
  }
  const int32_t last = c.rank - 1;
  const int64_t count = c.dims[last];
  if (c.in_strides[last] == 1) {
    for_others(c, last, last, [&](int64_t in, int64_t out) {
      std::memcpy(y + out * L, x + in * L, static_cast<size_t>(count * L) * sizeof(T));
    });
  } else if constexpr (L == 1) {
    int32_t fast = 0;  // the dim that lies contiguously in x
    while (c.in_strides[fast] != 1) ++fast;
    for_others(c, last, fast, [&](int64_t in, int64_t out) {
      transpose_block(x + in, c.in_strides[last], y + out, c.out_strides[fast], c.dims[fast], count);
    });
  } else {
    const int64_t stride = c.in_strides[last] * L;
    for_others(c, last, last, [&](int64_t in, int64_t out) {
      for (int64_t j = 0; j < count; ++j) store(y + (out + j) * L, load<Vec<T, L>>(x + in * L + j * stride));
    });
  }
}

template <class T, int L>
struct Transpose {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t size = call.in[0].size * L;
    for (int64_t g = 0; g < call.groups(L); ++g) {
      transpose_group<T, L>(c, call.in[0].as<T>() + g * size, call.out[0].as<T>() + g * size);
    }
  }
  static void whole(const KernelCall& call) {
    transpose_group<T, 1>(call.configuration<Config>(), call.in[0].as<T>(), call.out[0].as<T>());
  }
};

template <class T>
constexpr KernelSet transpose_set() {
  return {.rows = Transpose<T, 1>::run,
          .lanes = Transpose<T, vector_lanes<T>>::run,
          .whole = Transpose<T, 1>::whole};
}

}  // namespace

extern const Kernel transpose_kernel;
const Kernel transpose_kernel{.f32 = transpose_set<float>(), .f64 = transpose_set<double>()};

}  // namespace fastnn::cpu

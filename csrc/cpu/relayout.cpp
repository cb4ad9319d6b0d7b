// Copies a tile between layouts. f32 kernels serve every 4-byte type and bytes, f64 kernels every 8-byte
// type.
#include "ops/relayout.h"

#include <cstring>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

// [groups][size][L] -> [count][size]
template <class T, int L>
void to_rows(const T* in, T* out, int64_t count, int64_t size) {
  for (int64_t first = 0; first < count; first += L) {
    const T* source = in + first * size;
    T* target = out + first * size;
    const auto lanes = static_cast<int>(count - first < L ? count - first : L);
    int64_t e = 0;
    if (lanes == L) {
      for (; e + L <= size; e += L) transpose<T, L>(source + e * L, L, target + e, size);
    }
    for (; e < size; ++e) {
      for (int lane = 0; lane < lanes; ++lane) target[lane * size + e] = source[e * L + lane];
    }
  }
}

// [count][size] -> [groups][size][L]; lanes past the last sample repeat it
template <class T, int L>
void to_lanes(const T* in, T* out, int64_t count, int64_t size) {
  for (int64_t first = 0; first < count; first += L) {
    const T* source = in + first * size;
    T* target = out + first * size;
    const auto lanes = static_cast<int>(count - first < L ? count - first : L);
    int64_t e = 0;
    if (lanes == L) {
      for (; e + L <= size; e += L) transpose<T, L>(source + e, size, target + e * L, L);
    }
    for (; e < size; ++e) {
      for (int lane = 0; lane < L; ++lane)
        target[e * L + lane] = source[(lane < lanes ? lane : lanes - 1) * size + e];
    }
  }
}

// Between two widths, as where float32 and float64 meet.
template <class T>
void to_other_lanes(const View& in, const View& out, int64_t count) {
  const int64_t width = out.lanes;
  for (int64_t i = 0; i < (count + width - 1) / width * width; ++i) {
    const int64_t sample = i < count ? i : count - 1;
    const T* source = in.as<T>() + sample / in.lanes * in.lanes * in.size + sample % in.lanes;
    T* target = out.as<T>() + i / width * width * out.size + i % width;
    for (int64_t e = 0; e < in.size; ++e) target[e * width] = source[e * in.lanes];
  }
}

template <class T>
void relayout_tile(const KernelCall& call) {
  const View& in = call.in[0];
  const View& out = call.out[0];
  if (dtype_size(in.dtype) == 1) return to_other_lanes<uint8_t>(in, out, call.count);
  constexpr int kFloat = vector_lanes<float>;
  constexpr int kDouble = vector_lanes<double>;
  if (in.lanes == out.lanes) {
    std::memcpy(out.data, in.data,
                static_cast<size_t>(call.groups(in.lanes) * in.lanes * in.size) * sizeof(T));
  } else if (out.lanes == 1) {
    if (in.lanes == kFloat) to_rows<T, kFloat>(in.as<T>(), out.as<T>(), call.count, in.size);
    if (in.lanes == kDouble) to_rows<T, kDouble>(in.as<T>(), out.as<T>(), call.count, in.size);
  } else if (in.lanes != 1) {
    to_other_lanes<T>(in, out, call.count);
  } else {
    if (out.lanes == kFloat) to_lanes<T, kFloat>(in.as<T>(), out.as<T>(), call.count, in.size);
    if (out.lanes == kDouble) to_lanes<T, kDouble>(in.as<T>(), out.as<T>(), call.count, in.size);
  }
}

template <class T>
void copy_whole(const KernelCall& call) {
  std::memcpy(call.out[0].data, call.in[0].data,
              static_cast<size_t>(call.in[0].size * dtype_size(call.in[0].dtype)));
}

}  // namespace

extern const Kernel relayout_kernel;
const Kernel relayout_kernel{
    .f32 = {.rows = relayout_tile<float>, .lanes = relayout_tile<float>, .whole = copy_whole<float>},
    .f64 = {.rows = relayout_tile<double>, .lanes = relayout_tile<double>, .whole = copy_whole<double>}};

}  // namespace fastnn::cpu

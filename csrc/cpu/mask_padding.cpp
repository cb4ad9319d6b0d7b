#include "ops/mask_padding.h"

#include <cstring>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

// A copy in which the lanes without a sample are 0, or repeat the last one.
template <class T, int L, bool Repeat>
void set_padding(const KernelCall& call) {
  const View& x = call.in[0];
  T* out = call.out[0].as<T>();
  std::memcpy(out, x.data, static_cast<size_t>(tile_elements<L>(call, x)) * sizeof(T));
  const int64_t valid = call.count % L;
  if (L == 1 || valid == 0) return;
  T* last = out + (call.groups(L) - 1) * x.size * L;
  for (int64_t e = 0; e < x.size; ++e) {
    const T rest = Repeat ? last[e * L + valid - 1] : T(0);
    for (int64_t lane = valid; lane < L; ++lane) last[e * L + lane] = rest;
  }
}

template <class T, int L>
struct MaskPadding {
  static void run(const KernelCall& call) { set_padding<T, L, false>(call); }
};
template <class T, int L>
struct RepeatPadding {
  static void run(const KernelCall& call) { set_padding<T, L, true>(call); }
};

}  // namespace

extern const Kernel mask_padding_kernel;
const Kernel mask_padding_kernel{.f32 = tile_kernels_f32<MaskPadding>(),
                                 .f64 = tile_kernels_f64<MaskPadding>()};

extern const Kernel repeat_padding_kernel;
const Kernel repeat_padding_kernel{.f32 = tile_kernels_f32<RepeatPadding>(),
                                   .f64 = tile_kernels_f64<RepeatPadding>()};

}  // namespace fastnn::cpu

#include "ops/mask_padding.h"

#include <cstring>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct MaskPadding {
  static void run(const KernelCall& call) {
    const View& x = call.in[0];
    T* out = call.out[0].as<T>();
    std::memcpy(out, x.data, static_cast<size_t>(tile_elements<L>(call, x)) * sizeof(T));
    const int64_t valid = call.count % L;
    if (L == 1 || valid == 0) return;
    T* last = out + (call.groups(L) - 1) * x.size * L;
    for (int64_t e = 0; e < x.size; ++e) {
      for (int64_t lane = valid; lane < L; ++lane) last[e * L + lane] = T(0);
    }
  }
};

}  // namespace

extern const Kernel mask_padding_kernel;
const Kernel mask_padding_kernel{.f32 = tile_kernels_f32<MaskPadding>(),
                                 .f64 = tile_kernels_f64<MaskPadding>()};

}  // namespace fastnn::cpu

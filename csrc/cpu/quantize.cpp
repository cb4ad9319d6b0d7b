#include "ops/quantize.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

void quantize_elements(const KernelCall& call, int64_t count) {
  constexpr int L = vector_lanes<float>;
  using V = Vec<float, L>;
  using I = Vec<int32_t, L>;
  using Bytes = Vec<uint8_t, L>;
  const auto& c = call.configuration<ops::ByteScale>();
  const float* x = call.in[0].as<float>();
  uint8_t* out = call.out[0].as<uint8_t>();
  const V inverse = broadcast<V>(c.inverse()), zero_byte = broadcast<V>(static_cast<float>(c.zero));
  const auto bytes = [&](V v) {
    const V bounded = min(max(round(v * inverse) + zero_byte, zero<V>()), broadcast<V>(255.0f));
    return __builtin_convertvector(convert<I>(bounded), Bytes);
  };
  int64_t i = 0;
  for (; i + L <= count; i += L) store(out + i, bytes(load<V>(x + i)));
  if (i == count) return;
  uint8_t rest[L];
  store(rest, bytes(load_partial<V>(x + i, count - i)));
  for (int64_t j = 0; j < count - i; ++j) out[i + j] = rest[j];
}

void quantize_rows(const KernelCall& call) { quantize_elements(call, tile_elements<1>(call, call.out[0])); }
void quantize_whole(const KernelCall& call) { quantize_elements(call, call.out[0].size); }

}  // namespace

// In rows alone: bytes are for kernels that work in rows.
extern const Kernel quantize_kernel;
const Kernel quantize_kernel{.f32 = {.rows = quantize_rows, .whole = quantize_whole}, .f64 = {}};

}  // namespace fastnn::cpu

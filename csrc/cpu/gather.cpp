#include "cpu/gather.h"

#include "cpu/simd.h"

namespace fastnn::cpu {

namespace {

template <class To, class From, int L>
void gather_rows(const GatherCall& call) {
  To* out = static_cast<To*>(call.out);
  const auto row = [&](int64_t i) {
    const int64_t number = call.rows != nullptr ? call.rows[i] : call.first_row + i;
    return reinterpret_cast<const From*>(call.source + number * call.row_stride);
  };
  if constexpr (L == 1) {
    for (int64_t i = 0; i < call.count; ++i) {
      const From* source = row(i);
      To* target = out + i * call.size;
      for (int64_t e = 0; e < call.size; ++e) target[e] = static_cast<To>(source[e]);
    }
  } else {
    using V = Vec<To, L>;
    for (int64_t group = 0; group * L < call.count; ++group) {
      const From* source[L];
      for (int lane = 0; lane < L; ++lane) {
        const int64_t i = group * L + lane;
        source[lane] = row(i < call.count ? i : call.count - 1);
      }
      To* target = out + group * call.size * L;
      alignas(64) To block[L * L];
      int64_t e = 0;
      for (; e + L <= call.size; e += L) {
        for (int lane = 0; lane < L; ++lane) {
          for (int j = 0; j < L; ++j) block[lane * L + j] = static_cast<To>(source[lane][e + j]);
        }
        transpose<To, L>(block, L, target + e * L, L);
      }
      for (; e < call.size; ++e) {
        for (int lane = 0; lane < L; ++lane) target[e * L + lane] = static_cast<To>(source[lane][e]);
      }
      (void)sizeof(V);
    }
  }
}

template <class To, class From>
void gather_layout(const GatherCall& call) {
  if (call.lanes == 1) {
    gather_rows<To, From, 1>(call);
  } else if (call.lanes == vector_lanes<float>) {
    gather_rows<To, From, vector_lanes<float>>(call);
  } else {
    gather_rows<To, From, vector_lanes<double>>(call);
  }
}

template <class To>
void gather_from(const GatherCall& call) {
  switch (call.source_type) {
    case DType::f32:
      return gather_layout<To, float>(call);
    case DType::f64:
      return gather_layout<To, double>(call);
    case DType::i32:
      return gather_layout<To, int32_t>(call);
    case DType::i64:
      return gather_layout<To, int64_t>(call);
    case DType::u8:
    case DType::boolean:
      return gather_layout<To, uint8_t>(call);
  }
}

}  // namespace

void gather(const GatherCall& call) {
  switch (call.type) {
    case DType::f32:
      return gather_from<float>(call);
    case DType::f64:
      return gather_from<double>(call);
    case DType::i32:
      return gather_from<int32_t>(call);
    case DType::i64:
      return gather_from<int64_t>(call);
    default:
      return;
  }
}

}  // namespace fastnn::cpu

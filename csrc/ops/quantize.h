// quantize(x; scale, zero) -> bytes: min(max(round(x / scale) + zero, 0), 255), halves rounded to even.
//   x (None, ...) float32 -> (None, ...) uint8
// A byte b stands for (b - zero) * scale. x / scale is computed as x * (1 / scale), in float32. NaN becomes
// 0.
#pragma once

#include <cmath>

#include "ops/op.h"

namespace fastnn::ops {

/// How bytes stand for numbers.
struct ByteScale {
  float scale;
  int32_t zero;
  float inverse() const { return 1.0f / scale; }
};

/// Reads a scale and the byte that stands for 0 from attributes.
inline ByteScale byte_scale(const std::string& node, const Attributes& attributes, const std::string& scale,
                            const std::string& zero) {
  const ByteScale found{static_cast<float>(attributes.real(scale, 1.0)),
                        static_cast<int32_t>(attributes.integer(zero, 0))};
  if (!(found.scale > 0) || !std::isfinite(found.scale) || !std::isfinite(found.inverse())) {
    throw_value(node, ": ", scale, " must be a positive number, got ", attributes.real(scale, 1.0));
  }
  if (attributes.integer(zero, 0) < 0 || attributes.integer(zero, 0) > 255) {
    throw_value(node, ": ", zero, " must be from 0 to 255, got ", attributes.integer(zero, 0));
  }
  return found;
}

inline const Op quantize{
    .name = "quantize",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (c.in[0].dtype != DType::f32) {
            throw_type(c.node, ": quantize needs float32, got ", dtype_name(c.in[0].dtype));
          }
          byte_scale(c.node, c.attributes, "scale", "zero");
          c.out = {{DType::u8, c.in[0].dims, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(byte_scale("quantize", n.attributes, "scale", "zero"));
        },
};

}  // namespace fastnn::ops

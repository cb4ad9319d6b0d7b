// What dense_int8 and conv2d_int8 share: bytes times int8 weights, summed in int32, finished in float32.
//
//   sum[j] = the sum over k of (x[k] - input_zero) * kernel[k, j]                       exact, in int32
//   y[j] = activation(float(sum[j]) * (input_scale * kernel_scale[j]) + bias[j])        in float32
//   with output_scale: bytes min(max(round(y / output_scale) + output_zero, 0), 255), as quantize makes them
// Weights are int8, held as uint8: the bytes of two's complement.
#pragma once

#include <optional>

#include "ops/activation.h"
#include "ops/quantize.h"

namespace fastnn::ops {

struct Int8Layer {
  ByteScale input;
  ActivationConfig activation;
  bool has_bias;
  bool to_bytes;
  ByteScale output;
};

/// More products of a byte and a weight might not fit int32: 65536 * 255 * 127 < 2^31.
constexpr int64_t kInt8MostTerms = 65536;

inline Int8Layer int8_layer(const std::string& node, const Attributes& attributes, bool has_bias) {
  Int8Layer c{};
  c.input = byte_scale(node, attributes, "input_scale", "input_zero");
  c.activation = activation_config(
      node, {{"kind", attributes.str("activation", "linear")}, {"alpha", attributes.real("alpha", 1.0)}});
  c.has_bias = has_bias;
  c.to_bytes = attributes.has("output_scale");
  c.output = byte_scale(node, attributes, "output_scale", "output_zero");
  return c;
}

/// Checks the operands' types and shapes; returns the output's element type.
inline DType expect_int8_layer(const InferContext& c, int64_t outputs, int64_t terms) {
  const TensorType &x = c.in[0], &kernel = c.in[1], &scale = c.in[2], &bias = c.in[3];
  if (x.dtype != DType::u8 || kernel.dtype != DType::u8) {
    throw_type(c.node, ": needs x in uint8 and a kernel in int8 (held as uint8), got ", dtype_name(x.dtype),
               " and ", dtype_name(kernel.dtype));
  }
  if (terms > kInt8MostTerms) {
    throw_value(c.node, ": sums of ", terms, " products could outgrow int32, at most ", kInt8MostTerms,
                " are taken");
  }
  for (const TensorType* vector : {&scale, &bias}) {
    if (vector == &bias && bias.size() == 0) continue;
    if (vector->dtype != DType::f32 || vector->batched || vector->dims != Shape{outputs}) {
      throw_value(c.node, ": ", vector == &scale ? "kernel_scale" : "bias", " must be float32 of shape ",
                  shape_text({outputs}), ", got ", dtype_name(vector->dtype), " ", vector->str());
    }
  }
  return int8_layer(c.node, c.attributes, bias.size() != 0).to_bytes ? DType::u8 : DType::f32;
}

}  // namespace fastnn::ops

// What the kernels of dense_int8 and conv2d_int8 share.
#pragma once

#include "core/kernel.h"
#include "cpu/int8_product.h"
#include "ops/int8_layer.h"

namespace fastnn::cpu {

/// A product that finishes as the layer says, into the call's output.
inline Int8Product int8_product_of(const ops::Int8Layer& layer, const KernelCall& call,
                                   std::int64_t outputs) {
  Int8Product p;
  p.packed = call.in[1].as<std::int8_t>();
  p.n = outputs;
  p.end_panel = int8_panels(outputs);
  p.out = call.out[0].data;
  p.finish.zero = layer.input.zero;
  p.finish.scale = layer.input.scale;
  p.finish.weight_scale = call.in[2].as<float>();
  p.finish.bias = layer.has_bias ? call.in[3].as<float>() : nullptr;
  p.finish.activation = layer.activation;
  p.finish.to_bytes = layer.to_bytes;
  p.finish.out_inverse = layer.output.inverse();
  p.finish.out_zero = layer.output.zero;
  return p;
}

}  // namespace fastnn::cpu

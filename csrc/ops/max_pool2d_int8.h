// max_pool2d_int8(x) -> the largest byte of each window: max_pool2d of what the bytes stand for. Attributes
// are max_pool2d's.
//   x (None, H, W, C) uint8 -> (None, OH, OW, C) uint8
#pragma once

#include "ops/pooling2d.h"

namespace fastnn::ops {

inline Pool2dConfig max_pool2d_int8_config(const std::string& node, const TensorType& x,
                                           const Attributes& attributes) {
  return pool2d_config(node, {DType::f32, x.dims, x.batched}, attributes);
}

inline const Op max_pool2d_int8{
    .name = "max_pool2d_int8",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (c.in[0].dtype != DType::u8) {
            throw_type(c.node, ": pooling of bytes needs uint8, got ", dtype_name(c.in[0].dtype));
          }
          c.out = {
              pool2d_output(c.in[0], max_pool2d_int8_config(c.node, c.in[0], c.attributes), c.attributes)};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(max_pool2d_int8_config("pooling", n.in[0], n.attributes));
        },
    .cost =
        [](const NodeInfo& n) {
          return pool2d_cost(max_pool2d_int8_config("max_pool2d_int8", n.in[0], n.attributes));
        },
};

}  // namespace fastnn::ops

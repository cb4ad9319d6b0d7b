// Which ops compute each element of their output from those at the same place of their operands. Such ops can
// run on blocks of elements, several ops one after the other on each block (graph/chain.h): their kernels
// read no more of a View than data, size, dtype and whether it is batched.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

/// Where an op's configuration tells in what way operands are repeated.
enum class Elementwise : uint8_t {
  no,         ///< it is another kind of op
  same,       ///< nowhere: operands are of the output's shape
  broadcast,  ///< it is a BroadcastConfig
  choice      ///< it is a ChoiceConfig
};

Elementwise elementwise(const Op& op);

}  // namespace fastnn::ops

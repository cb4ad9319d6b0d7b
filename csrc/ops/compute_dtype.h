// The attribute compute_dtype of ops that are products. Absent: they compute in their operands' type.
// "bfloat16": both operands, float32 in memory, are rounded to bfloat16 (to nearest, halves to even) as they
// are read; products are exact and sums are float32. Gradients of such a node are computed likewise.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

/// Checks the attribute against the operands.
inline void check_compute_dtype(const InferContext& c) {
  if (!c.attributes.has("compute_dtype")) return;
  const std::string asked = c.attributes.str("compute_dtype", "");
  if (asked != "bfloat16") {
    throw_value(c.node, ": compute_dtype must be 'bfloat16' or absent, got '", asked, "'");
  }
  for (const TensorType& operand : c.in) {
    if (operand.dtype == DType::f64) {
      throw_value(c.node, ": compute_dtype 'bfloat16' is for float32 operands, got ", operand.str(),
                  " in float64. Give the layer the dtype policy 'float64', or float32 inputs.");
    }
  }
}

/// `attributes` of a gradient's node, which computes as the node does.
inline Attributes with_compute_dtype(const Attributes& node, Attributes attributes) {
  if (const AttributeValue* value = node.find("compute_dtype")) attributes.set("compute_dtype", *value);
  return attributes;
}

}  // namespace fastnn::ops

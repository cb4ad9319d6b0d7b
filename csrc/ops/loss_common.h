// Shared by the contracts of losses and metrics: checks of predictions, labels and weights.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/op.h"

namespace fastnn::ops {

/// Keras' epsilon: probabilities are clipped to [kLossEpsilon, 1 - kLossEpsilon].
inline constexpr double kLossEpsilon = 1e-7;

/// Extent of the last per-sample axis; 1 where a sample is a single number.
inline int64_t last_extent(const Shape& dims) { return dims.empty() ? 1 : dims.back(); }

inline Shape without_last(Shape dims) {
  if (!dims.empty()) dims.pop_back();
  return dims;
}

inline bool is_absent(const TensorType& type) { return type.size() == 0; }

inline void expect_scores(const InferContext& c, const TensorType& scores, const char* what) {
  if (!scores.batched || !is_floating(scores.dtype)) {
    throw_type(c.node, ": ", what, " must be floating point with a batch dimension, got ",
               dtype_name(scores.dtype), " ", scores.str());
  }
}

/// Operands 0 and 1: predictions and targets of the same type.
inline void expect_predictions_and_targets(const InferContext& c) {
  expect_scores(c, c.in[0], "predictions");
  if (c.in[0] != c.in[1]) {
    throw_value(c.node, ": targets must be ", dtype_name(c.in[0].dtype), " of the predictions' shape ",
                c.in[0].str(), ", got ", dtype_name(c.in[1].dtype), " ", c.in[1].str());
  }
}

/// Operands 0 and 1: scores (None, ..., classes) and class ids int32 (None, ...).
inline void expect_scores_and_ids(const InferContext& c) {
  expect_scores(c, c.in[0], "predictions");
  if (c.in[0].dims.empty()) {
    throw_value(c.node, ": predictions need classes in the last dimension, got ", c.in[0].str());
  }
  const Shape dims = without_last(c.in[0].dims);
  if (c.in[1].dims != dims || c.in[1].dtype != DType::i32 || !c.in[1].batched) {
    throw_value(c.node, ": labels must be int32 of shape ", shape_text(dims, true), ", got ",
                dtype_name(c.in[1].dtype), " ", c.in[1].str());
  }
}

/// Operands 0 and 1: scores and either class ids or targets of the scores' type.
inline void expect_scores_and_labels(const InferContext& c) {
  if (c.in[1].dtype == DType::i32) {
    expect_scores_and_ids(c);
  } else {
    expect_predictions_and_targets(c);
  }
}

/// A weight for each sample, or for each of its leading positions: its dims begin those of `dims`.
inline void expect_weight(const InferContext& c, const TensorType& weight, const Shape& dims, DType dtype) {
  if (is_absent(weight)) return;
  const bool fits =
      weight.dims.size() <= dims.size() && std::equal(weight.dims.begin(), weight.dims.end(), dims.begin());
  if (!weight.batched || weight.dtype != dtype || !fits) {
    throw_value(c.node, ": weights must be ", dtype_name(dtype), " of shape ", shape_text({}, true), " or ",
                shape_text(dims, true), ", got ", dtype_name(weight.dtype), " ", weight.str());
  }
}

/// Positions that share one weight; 0 where there are no weights.
inline int64_t positions_per_weight(const TensorType& weight, int64_t positions) {
  return is_absent(weight) ? 0 : positions / weight.size();
}

inline double expect_fraction(const InferContext& c, const char* name) {
  const double value = c.attributes.real(name, 0.0);
  if (!(value >= 0.0 && value < 1.0)) throw_value(c.node, ": ", name, " must be in [0, 1), got ", value);
  return value;
}

inline double expect_not_negative(const InferContext& c, const char* name, double fallback) {
  const double value = c.attributes.real(name, fallback);
  if (!(value >= 0.0) || std::isinf(value))
    throw_value(c.node, ": ", name, " must be a number of at least 0, got ", value);
  return value;
}

/// For gradient rules of ops that cannot be differentiated with respect to an operand.
inline void refuse_gradient(const GradientContext& g, size_t operand, const char* what) {
  if (operand < g.wanted.size() && g.wanted[operand]) {
    throw_value(g.node, ": there is no gradient with respect to the ", what, "; make them a graph input");
  }
}

}  // namespace fastnn::ops

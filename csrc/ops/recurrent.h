// What simple_rnn, gru and lstm share: operands, attributes and their checks.
//
// Every one takes xw (None, steps, gates * units), the inputs already projected for all steps (one dense op);
// the recurrent kernel (units, gates * units); the initial state, or none for zeros; `mask` (None, steps), 0
// where a step is to be left out; and `keep` (None, units), by which the state is multiplied before the
// recurrent product (dropout), the same for all steps. Attributes:
//   activation, recurrent_activation   kinds whose derivative follows from the output
//   reverse                            steps are taken from the last to the first
//   sequences                          y holds every step's output, else the last one's alone
//   processed_order                    outputs lie in the order in which they were made (matters in reverse)
// A step that is masked copies the state and repeats the output before it; before the first step that is not,
// the output is 0. What the gradients need is saved in further outputs, at the steps' own places.
#pragma once

#include "ops/activation.h"
#include "ops/op.h"

namespace fastnn::ops {

struct RecurrentConfig {
  int64_t steps;
  int64_t units;
  ActivationConfig activation;
  ActivationConfig recurrent_activation;
  bool reverse;
  bool sequences;
  bool processed_order;
  bool initial_gradient;  ///< gradients: is the initial state's asked for?
  bool reset_after;       ///< gru
};

/// Can the derivative be had from the output? (Of more kinds than `derivative_from_output` knows.)
constexpr bool recurrent_kind(ActivationKind kind) {
  return derivative_from_output(kind) || kind == ActivationKind::hard_sigmoid ||
         kind == ActivationKind::softsign;
}

inline ActivationConfig recurrent_activation(const std::string& node, const Attributes& attributes,
                                             const char* name, const char* usual) {
  const std::string kind = attributes.str(name, usual);
  const ActivationConfig config = activation_config(node, {{"kind", kind}});
  if (!recurrent_kind(config.kind)) {
    throw_value(
        node, ": ", name, " '", kind,
        "' is not offered by the fused recurrent layers; use tanh, sigmoid, relu, linear, leaky_relu, "
        "hard_sigmoid, softsign or exponential, or the cell in a generic RNN");
  }
  return config;
}

inline RecurrentConfig recurrent_config(const Attributes& attributes, int64_t steps, int64_t units) {
  return {steps,
          units,
          recurrent_activation("recurrent", attributes, "activation", "tanh"),
          recurrent_activation("recurrent", attributes, "recurrent_activation", "sigmoid"),
          attributes.flag("reverse", false),
          attributes.flag("sequences", true),
          attributes.flag("processed_order", false),
          attributes.flag("initial_gradient", false),
          attributes.flag("reset_after", true)};
}

/// Checks xw and the recurrent kernel; returns (steps, units).
inline std::pair<int64_t, int64_t> check_recurrent(InferContext& c, int64_t gates) {
  const TensorType& xw = c.in[0];
  const TensorType& kernel = c.in[1];
  recurrent_activation(c.node, c.attributes, "activation", "tanh");
  recurrent_activation(c.node, c.attributes, "recurrent_activation", "sigmoid");
  if (!is_floating(xw.dtype)) throw_type(c.node, ": recurrent input must be floating point");
  if (!xw.batched || xw.dims.size() != 2 || kernel.dims.size() != 2 || kernel.batched ||
      kernel.dims[1] != gates * kernel.dims[0] || xw.dims[1] != kernel.dims[1]) {
    throw_value(c.node, ": expected projected inputs (None, steps, ", gates,
                " * units) and a recurrent kernel (units, ", gates, " * units), got ", xw.str(), " and ",
                kernel.str());
  }
  return {xw.dims[0], kernel.dims[0]};
}

/// Checks an optional operand of per-sample shape `dims`.
inline void check_optional(const InferContext& c, size_t index, const char* what, const Shape& dims) {
  const TensorType& given = c.in[index];
  if (given.dims == Shape{0}) return;  // absent
  if (!given.batched || given.dims != dims || given.dtype != c.in[0].dtype) {
    throw_value(c.node, ": ", what, " must have shape ", shape_text(dims, true), " and dtype ",
                dtype_name(c.in[0].dtype), ", got ", given.str(), " and ", dtype_name(given.dtype));
  }
}

/// Refuses gradients of outputs that are there for the gradient's own sake.
inline void check_saved(const GradientContext& g, const std::vector<size_t>& saved) {
  for (size_t index : saved) {
    if (g.out_gradients[index] != kNoTensor) {
      throw_value(g.node, ": output ", index, " of a recurrent op has no gradient");
    }
  }
}

}  // namespace fastnn::ops

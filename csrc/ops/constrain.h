// Constraints on weights, applied after an update; unbatched, without gradient. Norms are Euclidean, over
// `axis` (a list; default 0), and 1e-7 is added where one divides by them.
//   constrain_max_norm(w; max_value, axis)    scales down what has a larger norm
//   constrain_unit_norm(w; axis)              scales to norm 1
//   constrain_non_negative(w)                 sets negative weights to 0
#pragma once

#include "ops/axis.h"
#include "ops/broadcast.h"

namespace fastnn::ops {

struct ConstrainConfig {
  BroadcastConfig nest;  ///< `a` are strides of w, `b` of the norms
  int64_t norms;
  double max_value;
};

/// Shape of the norms: w's, with 1 along the summed axes.
inline Shape norm_shape(const std::string& node, const Shape& dims, const Attributes& attributes) {
  Shape kept = dims;
  for (int64_t axis : attributes.integers("axis", {0}))
    kept[static_cast<size_t>(axis_of(node, axis, dims.size()))] = 1;
  return kept;
}

inline Configuration constrain_config(const NodeInfo& n) {
  const Shape kept = norm_shape("constraint", n.in[0].dims, n.attributes);
  return make_configuration(ConstrainConfig{broadcast_config(n.in[0].dims, n.in[0].dims, kept),
                                            element_count(kept), n.attributes.real("max_value", 2.0)});
}

inline void infer_constraint(InferContext& c) {
  c.expect_inputs(1, 1);
  if (!is_floating(c.in[0].dtype))
    throw_type(c.node, ": a constraint needs floating point, got ", dtype_name(c.in[0].dtype));
  c.out = {c.in[0]};
}

inline void infer_norm_constraint(InferContext& c) {
  infer_constraint(c);
  norm_shape(c.node, c.in[0].dims, c.attributes);
  const double max_value = c.attributes.real("max_value", 2.0);
  if (!(max_value >= 0)) throw_value(c.node, ": max_value must be at least 0, got ", max_value);
}

inline const Op constrain_max_norm{.name = "constrain_max_norm",
                                   .kind = OpKind::unbatched,
                                   .infer = infer_norm_constraint,
                                   .configure = constrain_config};

inline const Op constrain_unit_norm{.name = "constrain_unit_norm",
                                    .kind = OpKind::unbatched,
                                    .infer = infer_norm_constraint,
                                    .configure = constrain_config};

inline const Op constrain_non_negative{
    .name = "constrain_non_negative", .kind = OpKind::unbatched, .infer = infer_constraint, .in_place = true};

}  // namespace fastnn::ops

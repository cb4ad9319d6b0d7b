// label_weight(labels, like, weight?; weights, ignore_index) -> (None, ...) of like's dtype: a weight by
// class. labels are class ids, int32 (None, ...), or targets (None, ..., classes) whose largest element names
// the class; with one class the target itself does. Result: weights[class] (1 without that attribute) times
// weight, and 0 for ignore_index. An id that has no weight is an error.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct LabelWeightConfig {
  int64_t positions;
  int64_t classes;     ///< extent of the labels' last axis; 0: labels are ids
  int64_t per_weight;  ///< positions that share a weight; 0: no weights
  int64_t ignore_index;
  bool has_ignore;
  std::vector<double> weights;
};

inline const Op label_weight{
    .name = "label_weight",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          expect_scores(c, c.in[1], "the operand that gives the dtype");
          const bool ids = c.in[0].dtype == DType::i32;
          if (!ids) expect_scores(c, c.in[0], "labels that are no int32 ids");
          const Shape dims = ids ? c.in[0].dims : without_last(c.in[0].dims);
          if (!ids && c.in[0].dtype != c.in[1].dtype) {
            throw_type(c.node, ": labels must be int32 or ", dtype_name(c.in[1].dtype), ", got ",
                       dtype_name(c.in[0].dtype));
          }
          expect_weight(c, c.in[2], dims, c.in[1].dtype);
          for (double weight : c.attributes.reals("weights", {})) {
            if (!std::isfinite(weight)) throw_value(c.node, ": class weights must be finite, got ", weight);
          }
          c.out = {{c.in[1].dtype, dims, true}};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t positions = n.out[0].size();
          return make_configuration(LabelWeightConfig{
              positions, n.in[0].dtype == DType::i32 ? 0 : last_extent(n.in[0].dims),
              positions_per_weight(n.in[2], positions), n.attributes.integer("ignore_index", -1),
              n.attributes.has("ignore_index"), n.attributes.reals("weights", {})});
        },
};

}  // namespace fastnn::ops

// class_match(scores (None, ..., classes), labels; top_k) -> (None, ...): 1 where the label's class scores
// best, else 0. labels are ids, int32 (None, ...), or targets of the scores' type, whose first largest
// element names the class. top_k 0: the class must be the first largest score. top_k k: fewer than k scores
// may be greater. Scores with a NaN match nothing. Ids out of range are errors; ignore_index matches nothing.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct ClassMatchConfig {
  int64_t positions;
  int64_t classes;
  int64_t top_k;
  int64_t ignore_index;
  bool has_ignore;
};

inline const Op class_match{
    .name = "class_match",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          expect_scores_and_labels(c);
          if (c.in[0].dims.empty()) {
            throw_value(c.node, ": predictions need classes in the last dimension, got ", c.in[0].str());
          }
          if (c.attributes.integer("top_k", 0) < 0) {
            throw_value(c.node, ": top_k must be at least 0, got ", c.attributes.integer("top_k", 0));
          }
          c.out = {{c.in[0].dtype, without_last(c.in[0].dims), true}};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t classes = n.in[0].dims.back();
          return make_configuration(
              ClassMatchConfig{n.in[0].size() / classes, classes, n.attributes.integer("top_k", 0),
                               n.attributes.integer("ignore_index", -1), n.attributes.has("ignore_index")});
        },
    .cost = [](const NodeInfo& n) { return Cost{3.0 * static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

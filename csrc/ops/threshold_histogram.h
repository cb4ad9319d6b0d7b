// threshold_histogram(scores (None, ..., classes), labels, weight?; thresholds, per_class, class_id, top_k,
// from_logits)
//   -> (positive (k, t + 1), negative (k, t + 1), outside ()), float64
// Sums of weights of the elements whose label is 1, or is not, by how many of the t ascending thresholds
// their score exceeds. k is 1, or the number of classes with per_class. labels are targets of the scores'
// type (above 1/2 is 1), or ids, int32 (None, ...), that mark one class of each position. class_id counts
// that class alone, top_k takes only the k largest scores of a position as they are and the others as minus
// infinity, from_logits takes the sigmoid of scores first. A NaN exceeds no threshold. `outside` counts
// scores outside [0, 1].
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct ThresholdHistogramConfig {
  int64_t positions;
  int64_t classes;
  int64_t per_weight;
  int64_t class_id;  ///< -1: all
  int64_t top_k;     ///< 0: all
  bool per_class;
  bool from_logits;
  std::vector<double> thresholds;
};

inline const Op threshold_histogram{
    .name = "threshold_histogram",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          expect_scores_and_labels(c);
          expect_weight(c, c.in[2], c.in[0].dims, c.in[0].dtype);
          const std::vector<double> thresholds = c.attributes.reals("thresholds", {0.5});
          if (thresholds.empty() || !std::is_sorted(thresholds.begin(), thresholds.end())) {
            throw_value(c.node, ": thresholds must be ascending numbers, at least one");
          }
          const int64_t classes = last_extent(c.in[0].dims);
          const int64_t class_id = c.attributes.integer("class_id", -1);
          if (class_id < -1 || class_id >= classes) {
            throw_value(c.node, ": class_id must be an integer from 0 to ", classes - 1, ", got ", class_id);
          }
          const int64_t top_k = c.attributes.integer("top_k", 0);
          if (top_k < 0 || top_k > classes) {
            throw_value(c.node, ": top_k must be an integer from 1 to ", classes,
                        " (the number of classes), got ", top_k);
          }
          const int64_t rows = c.attributes.flag("per_class", false) ? classes : 1;
          const TensorType table{DType::f64, {rows, static_cast<int64_t>(thresholds.size()) + 1}, false};
          c.out = {table, table, {DType::f64, {}, false}};
        },
    .configure =
        [](const NodeInfo& n) {
          const Attributes& a = n.attributes;
          const int64_t classes = last_extent(n.in[0].dims);
          return make_configuration(ThresholdHistogramConfig{
              n.in[0].size() / classes, classes, positions_per_weight(n.in[2], n.in[0].size()),
              a.integer("class_id", -1), a.integer("top_k", 0), a.flag("per_class", false),
              a.flag("from_logits", false), a.reals("thresholds", {0.5})});
        },
};

}  // namespace fastnn::ops

// Softmax followed by cross-entropy, from the logits, in the stable form: loss = logsumexp(z) - z[label].
// sparse_softmax_cross_entropy(logits (None, ..., classes), labels int32 (None, ...)) -> (None, ...)
//   Attributes: label_smoothing (0), ignore_index (none: -1 is then out of range too). Ignored positions give
//   0.
// softmax_cross_entropy(logits (None, ..., classes), labels of the logits' type) -> (None, ...)
//   loss = sum over classes of y (logsumexp(z) - z), y = label (1 - label_smoothing) + label_smoothing /
//   classes.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct SparseCrossEntropyConfig {
  int64_t positions;
  int64_t classes;
  double label_smoothing;
  int64_t ignore_index;
  bool has_ignore;
};

inline Configuration sparse_cross_entropy_config(const NodeInfo& n) {
  const int64_t classes = n.in[0].dims.back();
  return make_configuration(
      SparseCrossEntropyConfig{n.in[0].size() / classes, classes, n.attributes.real("label_smoothing", 0.0),
                               n.attributes.integer("ignore_index", -1), n.attributes.has("ignore_index")});
}

inline const Op sparse_softmax_cross_entropy{
    .name = "sparse_softmax_cross_entropy",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          expect_scores_and_ids(c);
          expect_fraction(c, "label_smoothing");
          c.out = {{c.in[0].dtype, without_last(c.in[0].dims), true}};
        },
    .configure = sparse_cross_entropy_config,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("sparse_softmax_cross_entropy_grad",
                                             {g.in[0], g.in[1], g.out_gradients[0]}, g.attributes),
                                       kNoTensor};
        },
    .cost = [](const NodeInfo& n) { return Cost{10.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op sparse_softmax_cross_entropy_grad{
    .name = "sparse_softmax_cross_entropy_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[0]};
        },
    .configure = sparse_cross_entropy_config,
    .cost = [](const NodeInfo& n) { return Cost{10.0 * static_cast<double>(n.in[0].size())}; },
};

struct CrossEntropyConfig {
  int64_t positions;
  int64_t classes;
  double label_smoothing;
};

inline Configuration cross_entropy_config(const NodeInfo& n) {
  const int64_t classes = last_extent(n.in[0].dims);
  return make_configuration(
      CrossEntropyConfig{n.in[0].size() / classes, classes, n.attributes.real("label_smoothing", 0.0)});
}

/// Predictions and labels (None, ..., classes) -> (None, ...), with attribute label_smoothing.
inline void infer_cross_entropy(InferContext& c) {
  c.expect_inputs(2, 2);
  expect_predictions_and_targets(c);
  expect_fraction(c, "label_smoothing");
  if (c.in[0].dims.empty()) {
    throw_value(c.node, ": predictions need classes in the last dimension, got ", c.in[0].str());
  }
  c.out = {{c.in[0].dtype, without_last(c.in[0].dims), true}};
}

inline const Op softmax_cross_entropy{
    .name = "softmax_cross_entropy",
    .infer = infer_cross_entropy,
    .configure = cross_entropy_config,
    .gradient =
        [](GradientContext& g) {
          refuse_gradient(g, 1, "labels");
          return std::vector<TensorId>{
              g.add("softmax_cross_entropy_grad", {g.in[0], g.in[1], g.out_gradients[0]}, g.attributes),
              kNoTensor};
        },
    .cost = [](const NodeInfo& n) { return Cost{12.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op softmax_cross_entropy_grad{
    .name = "softmax_cross_entropy_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[0]};
        },
    .configure = cross_entropy_config,
    .cost = [](const NodeInfo& n) { return Cost{12.0 * static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

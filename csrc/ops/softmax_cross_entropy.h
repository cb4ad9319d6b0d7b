// Softmax followed by cross-entropy, from the logits, in the stable form: loss = logsumexp(z) - z[label].
// sparse_softmax_cross_entropy(logits (None, ..., classes), labels int (None, ...)) -> (None, ...)
// Attributes: label_smoothing (0), ignore_index (none: -1 is then out of range too).
#pragma once

#include "ops/op.h"

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
  return make_configuration(SparseCrossEntropyConfig{n.in[0].size() / classes, classes,
                                                     n.attributes.real("label_smoothing", 0.0),
                                                     n.attributes.integer("ignore_index", -1),
                                                     n.attributes.has("ignore_index")});
}

inline const Op sparse_softmax_cross_entropy{
    .name = "sparse_softmax_cross_entropy",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const TensorType& logits = c.in[0];
          if (logits.dims.empty() || !is_floating(logits.dtype)) {
            throw_value(c.node, ": logits must be floating point with classes in the last dimension, got ", logits.str());
          }
          Shape dims = logits.dims;
          dims.pop_back();
          if (c.in[1].dims != dims || c.in[1].dtype != DType::i32) {
            throw_value(c.node, ": labels must be int32 of shape ", shape_text(dims, true), ", got ",
                        dtype_name(c.in[1].dtype), " ", c.in[1].str());
          }
          const double smoothing = c.attributes.real("label_smoothing", 0.0);
          if (!(smoothing >= 0.0 && smoothing < 1.0)) throw_value(c.node, ": label_smoothing must be in [0, 1), got ", smoothing);
          c.out = {{logits.dtype, dims, true}};
        },
    .configure = sparse_cross_entropy_config,
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("sparse_softmax_cross_entropy_grad", {g.in[0], g.in[1], g.out_gradients[0]}, g.attributes), kNoTensor};
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

}  // namespace fastnn::ops

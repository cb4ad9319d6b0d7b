// ctc(logits, labels, mask?; blank) -> loss (None,): the negative logarithm of the probability that the steps
// spell the labels (Graves et al. 2006), where a step's probabilities are the softmax of its logits, steps
// may say `blank` (default 0), and a label that is said several times in a row counts once.
//   logits (None, T, classes); labels int32 (None, U): the labels come first, `blank` or a negative number
//   ends them. mask (None, T), of the logits' type: steps with 0 are left out. Labels that cannot be spelled
//   in the steps that there are give an infinite loss and no gradient. Computed in float64, in logarithms.
// ctc_grad(dloss, logits, labels, mask?; blank) -> dlogits
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct CtcConfig {
  int64_t steps;
  int64_t classes;
  int64_t labels;  ///< the most of a sample
  int64_t blank;
};

inline Configuration ctc_config(const TensorType& logits, const TensorType& labels,
                                const Attributes& attributes) {
  return make_configuration(
      CtcConfig{logits.dims[0], logits.dims[1], labels.dims[0], attributes.integer("blank", 0)});
}

inline const Op ctc{
    .name = "ctc",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          expect_scores(c, c.in[0], "logits");
          const TensorType& logits = c.in[0];
          const TensorType& labels = c.in[1];
          const TensorType& mask = c.in[2];
          if (logits.dims.size() != 2 || labels.dims.size() != 1 || labels.dtype != DType::i32 ||
              !labels.batched) {
            throw_value(c.node,
                        ": ctc needs logits (None, steps, classes) and int32 labels (None, length), got ",
                        logits.str(), " and ", dtype_name(labels.dtype), " ", labels.str());
          }
          if (!is_absent(mask) &&
              (mask.dims != Shape{logits.dims[0]} || mask.dtype != logits.dtype || !mask.batched)) {
            throw_value(c.node, ": the mask must be ", dtype_name(logits.dtype), " (None, ", logits.dims[0],
                        "), got ", dtype_name(mask.dtype), " ", mask.str());
          }
          const int64_t blank = c.attributes.integer("blank", 0);
          if (blank < 0 || blank >= logits.dims[1]) {
            throw_value(c.node, ": blank must be a class, 0 to ", logits.dims[1] - 1, ", got ", blank);
          }
          c.out = {{logits.dtype, {}, true}};
        },
    .configure = [](const NodeInfo& n) { return ctc_config(n.in[0], n.in[1], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(3, kNoTensor);
          result[0] = g.add("ctc_grad", {g.out_gradients[0], g.in[0], g.in[1], g.in[2]}, g.attributes);
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto steps = static_cast<double>(n.in[0].dims[0]);
          return Cost{steps * (20.0 * static_cast<double>(n.in[0].dims[1]) +
                               100.0 * static_cast<double>(n.in[1].dims[0]))};
        },
};

inline const Op ctc_grad{
    .name = "ctc_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return ctc_config(n.in[1], n.in[2], n.attributes); },
    .cost =
        [](const NodeInfo& n) {
          const auto steps = static_cast<double>(n.in[1].dims[0]);
          return Cost{steps * (30.0 * static_cast<double>(n.in[1].dims[1]) +
                               200.0 * static_cast<double>(n.in[2].dims[0]))};
        },
};

}  // namespace fastnn::ops

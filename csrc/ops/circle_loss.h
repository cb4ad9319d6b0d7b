// circle_loss(x, labels; gamma, margin, remove_diagonal) -> loss (None,): the circle loss of a batch (Sun et
// al. 2020). x (None, features) are vectors of length 1, whose products are the cosines s; labels int32
// (None,). With P the samples of i's label (without i itself if remove_diagonal, the default) and N the
// others,
//   loss_i = log(1 + sum over P of exp(-gamma [1 + margin - s]+ (s - 1 + margin))
//                  * sum over N of exp( gamma [s + margin]+     (s - margin))),
// 0 where P or N is empty. gamma > 0 (default 80), margin (default 0.4). The gradient passes through the
// factors in brackets, too.
// circle_loss_grad(dloss, x, labels; gamma, margin, remove_diagonal) -> dx
// The whole batch is needed at once: results depend on how samples are put into batches.
#pragma once

#include <cmath>

#include "ops/op.h"

namespace fastnn::ops {

struct CircleLossConfig {
  int64_t features;
  double gamma;
  double margin;
  bool remove_diagonal;
};

inline Configuration circle_loss_config(const TensorType& x, const Attributes& attributes) {
  return make_configuration(CircleLossConfig{x.dims[0], attributes.real("gamma", 80.0),
                                             attributes.real("margin", 0.4),
                                             attributes.flag("remove_diagonal", true)});
}

inline const Op circle_loss{
    .name = "circle_loss",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const TensorType& x = c.in[0];
          const TensorType& labels = c.in[1];
          if (!is_floating(x.dtype) || !x.batched || x.dims.size() != 1) {
            throw_value(c.node, ": circle_loss needs floating-point x (None, features), got ",
                        dtype_name(x.dtype), " ", x.str());
          }
          if (labels.dtype != DType::i32 || !labels.batched || !labels.dims.empty()) {
            throw_value(c.node, ": circle_loss needs int32 labels (None,), got ", dtype_name(labels.dtype),
                        " ", labels.str());
          }
          const double gamma = c.attributes.real("gamma", 80.0);
          if (!(gamma > 0) || std::isinf(gamma)) {
            throw_value(c.node, ": gamma must be finite and above 0, got ", gamma);
          }
          const double margin = c.attributes.real("margin", 0.4);
          if (!std::isfinite(margin)) throw_value(c.node, ": margin must be finite, got ", margin);
          c.out = {{x.dtype, {}, true}};
        },
    .configure = [](const NodeInfo& n) { return circle_loss_config(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("circle_loss_grad", {g.out_gradients[0], g.in[0], g.in[1]}, g.attributes), kNoTensor};
        },
    .cost = [](const NodeInfo& n) { return Cost{100.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op circle_loss_grad{
    .name = "circle_loss_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return circle_loss_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{300.0 * static_cast<double>(n.in[1].size())}; },
};

}  // namespace fastnn::ops

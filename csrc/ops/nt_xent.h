// nt_xent(x; temperature) -> loss (None,): the normalised, temperature-scaled cross-entropy of views of
// samples (Chen et al. 2020). x (None, views, features) holds at least two views of each sample of the batch.
// Each view is compared with all other views of the batch by the cosine of their angle over `temperature`
// (default 0.5); its loss is the cross-entropy of finding a view of the same sample, averaged over those, and
// a sample's loss the mean over its views. nt_xent_grad(dloss, x; temperature) -> dx The whole batch is
// needed at once: results depend on how samples are put into batches.
#pragma once

#include <cmath>

#include "ops/op.h"

namespace fastnn::ops {

struct NtXentConfig {
  int64_t views;
  int64_t features;
  double temperature;
};

inline Configuration nt_xent_config(const TensorType& x, const Attributes& attributes) {
  return make_configuration(NtXentConfig{x.dims[0], x.dims[1], attributes.real("temperature", 0.5)});
}

inline const Op nt_xent{
    .name = "nt_xent",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype) || !x.batched || x.dims.size() != 2 || x.dims[0] < 2) {
            throw_value(
                c.node,
                ": nt_xent needs floating-point x (None, views, features) with at least 2 views, got ",
                dtype_name(x.dtype), " ", x.str());
          }
          const double temperature = c.attributes.real("temperature", 0.5);
          if (!(temperature > 0) || std::isinf(temperature)) {
            throw_value(c.node, ": temperature must be above 0, got ", temperature);
          }
          c.out = {{x.dtype, {}, true}};
        },
    .configure = [](const NodeInfo& n) { return nt_xent_config(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{g.add("nt_xent_grad", {g.out_gradients[0], g.in[0]}, g.attributes)};
        },
    .cost = [](const NodeInfo& n) { return Cost{100.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op nt_xent_grad{
    .name = "nt_xent_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return nt_xent_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{300.0 * static_cast<double>(n.in[1].size())}; },
};

}  // namespace fastnn::ops

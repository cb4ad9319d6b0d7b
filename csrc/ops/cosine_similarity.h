// cosine_similarity(a (None, ..., n), b of its type) -> (None, ...): a . b / (|a| |b|) over the last axis.
// Attribute: negative (false), for a loss. A norm below 1e-12 counts as 1e-12, so that a zero vector gives 0.
// cosine_similarity_grad(g, a, b; negative) -> gradient of a.
#pragma once

#include "ops/loss_common.h"

namespace fastnn::ops {

struct CosineSimilarityConfig {
  int64_t positions;
  int64_t extent;
  bool negative;
};

inline Configuration cosine_similarity_config(const TensorType& a, const Attributes& attributes) {
  const int64_t extent = last_extent(a.dims);
  return make_configuration(
      CosineSimilarityConfig{a.size() / extent, extent, attributes.flag("negative", false)});
}

inline const Op cosine_similarity{
    .name = "cosine_similarity",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          expect_predictions_and_targets(c);
          c.out = {{c.in[0].dtype, without_last(c.in[0].dims), true}};
        },
    .configure = [](const NodeInfo& n) { return cosine_similarity_config(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          for (size_t i = 0; i < 2; ++i) {
            if (g.wanted[i]) {
              result[i] =
                  g.add("cosine_similarity_grad", {g.out_gradients[0], g.in[i], g.in[1 - i]}, g.attributes);
            }
          }
          return result;
        },
    .cost = [](const NodeInfo& n) { return Cost{6.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op cosine_similarity_grad{
    .name = "cosine_similarity_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return cosine_similarity_config(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{8.0 * static_cast<double>(n.in[1].size())}; },
};

}  // namespace fastnn::ops

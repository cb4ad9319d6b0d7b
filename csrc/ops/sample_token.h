// sample_token(logits; temperature, top_k, top_p, seed) -> int32 (None,): a class for each sample of logits
// (None, n), drawn with the probabilities softmax(logits / temperature).
//   temperature 0 takes the largest logit, the first of equal ones. top_k (0: all) and top_p (1: all) keep
//   the most probable classes only: so many, and the fewest whose probabilities together reach top_p; one at
//   least. The random number is keyed by the run's seed and step, the attribute `seed`, the node and the
//   sample.
// No gradient.
#pragma once

#include "ops/dropout.h"

namespace fastnn::ops {

struct SampleTokenConfig {
  int64_t classes;
  double temperature;
  int64_t top_k;
  double top_p;
  uint64_t seed;
};

inline SampleTokenConfig sample_token_config(int64_t classes, const Attributes& attributes) {
  return {classes, attributes.real("temperature", 1.0), attributes.integer("top_k", 0),
          attributes.real("top_p", 1.0), noise_seed(attributes)};
}

inline const Op sample_token{
    .name = "sample_token",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype) || !x.batched || x.dims.size() != 1) {
            throw_value(c.node, ": sample_token needs floating-point logits (None, n), got ",
                        dtype_name(x.dtype), " ", x.str());
          }
          const SampleTokenConfig config = sample_token_config(x.dims[0], c.attributes);
          if (!(config.temperature >= 0)) {
            throw_value(c.node, ": temperature must be at least 0, got ", config.temperature);
          }
          if (config.top_k < 0) throw_value(c.node, ": top_k must be at least 0, got ", config.top_k);
          if (!(config.top_p > 0 && config.top_p <= 1)) {
            throw_value(c.node, ": top_p must be above 0 and at most 1, got ", config.top_p);
          }
          c.out = {{DType::i32, {}, true}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(sample_token_config(n.in[0].dims[0], n.attributes));
        },
    .cost = [](const NodeInfo& n) { return Cost{20.0 * static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops

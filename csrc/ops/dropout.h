// Noise for training graphs. Random numbers are keyed by the run's seed and step, the attribute `seed`, the
// node, the sample's place in its batch and the element: the same for every layout, tile and number of
// threads.
//   dropout(x; rate, noise_shape?, seed?) -> 0 with probability rate, else x / (1 - rate)
//     noise_shape: per-sample shape of the pattern; where it is 1, elements share it (spatial dropout).
//     The gradient is the same op with the same pattern: attribute `node` names the node that drew it.
//   gaussian_noise(x; stddev, seed?) -> x + stddev * standard normal numbers
#pragma once

#include "ops/broadcast.h"

namespace fastnn::ops {

struct DropoutConfig {
  BroadcastConfig nest;  ///< of x and the pattern
  int64_t pattern;       ///< elements of the pattern in a sample
  double rate;
  uint64_t seed;
  int64_t node;  ///< whose pattern is used; -1: the node's own
};

struct GaussianNoiseConfig {
  double stddev;
  uint64_t seed;
};

inline uint64_t noise_seed(const Attributes& attributes) {
  return static_cast<uint64_t>(attributes.integer("seed", 0)) * 0x9E3779B97F4A7C15u;
}

inline const Op dropout{
    .name = "dropout",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const TensorType& x = c.in[0];
          if (!is_floating(x.dtype))
            throw_type(c.node, ": dropout needs floating point, got ", dtype_name(x.dtype));
          const double rate = c.attributes.real("rate", 0.0);
          if (!(rate >= 0.0 && rate < 1.0)) throw_value(c.node, ": rate must be in [0, 1), got ", rate);
          const Shape noise = c.attributes.integers("noise_shape", x.dims);
          if (noise.size() != x.dims.size() || !broadcasts_to(noise, x.dims)) {
            throw_value(c.node, ": noise_shape ", shape_text(noise, true), " does not fit the input shape ",
                        x.str());
          }
          if (!x.batched) throw_value(c.node, ": dropout is of batched values, got shape ", x.str());
          c.out = {x};
        },
    .configure =
        [](const NodeInfo& n) {
          const Shape& dims = n.in[0].dims;
          const Shape noise = n.attributes.integers("noise_shape", dims);
          return make_configuration(DropoutConfig{broadcast_config(dims, dims, noise), element_count(noise),
                                                  n.attributes.real("rate", 0.0), noise_seed(n.attributes),
                                                  n.attributes.integer("node", -1)});
        },
    .gradient =
        [](GradientContext& g) {
          Attributes attributes = g.attributes;
          if (!attributes.has("node")) attributes.set("node", int64_t{g.number});
          return std::vector<TensorId>{g.add("dropout", {g.out_gradients[0]}, attributes)};
        },
    .cost = [](const NodeInfo& n) { return Cost{6.0 * static_cast<double>(n.in[0].size())}; },
    .in_place = true,
};

inline const Op gaussian_noise{
    .name = "gaussian_noise",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          if (!is_floating(c.in[0].dtype))
            throw_type(c.node, ": noise needs floating point, got ", dtype_name(c.in[0].dtype));
          if (!c.in[0].batched)
            throw_value(c.node, ": noise is for batched values, got shape ", c.in[0].str());
          const double stddev = c.attributes.real("stddev", 1.0);
          if (!(stddev >= 0.0)) throw_value(c.node, ": stddev must be at least 0, got ", stddev);
          c.out = {c.in[0]};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(
              GaussianNoiseConfig{n.attributes.real("stddev", 1.0), noise_seed(n.attributes)});
        },
    .gradient = [](GradientContext& g) { return g.out_gradients; },
    .cost = [](const NodeInfo& n) { return Cost{30.0 * static_cast<double>(n.in[0].size())}; },
    .in_place = true,
};

}  // namespace fastnn::ops

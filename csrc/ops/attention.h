// attention(queries, keys, values, mask?; causal, scale, dropout, seed) -> y, log_sum
//   queries (None, T, H, D), keys (None, S, K, D), values (None, S, K, E), where K divides H: query head h
//   looks at key head h / (H / K). y (None, T, H, E) = sum over s of p(t, s) values(s), where p(t, .) is the
//   softmax over s of scale * queries(t) . keys(s); log_sum (None, T, H) is the logarithm of the softmax's
//   denominator. mask: broadcast against (H, T, S), of the queries' type, int32 or bool; a key is seen where
//   it is not 0. causal: query t sees the keys 0 ... t only. scale: default 1 / sqrt(D). A query that sees no
//   key gives 0, and so do the gradients through it. dropout: part of the probabilities that is left out, the
//   others are divided by 1 - dropout; the pattern is drawn where it is used, from the run's seed and step,
//   the attribute `seed`, the node, sample, head, query and key.
// attention_grad(dy, queries, keys, values, mask?, y, log_sum) -> dqueries, dkeys, dvalues
//   Probabilities are computed again, block by block; neither op ever holds all of them.
// The gradient does not pass through log_sum.
#pragma once

#include <cmath>

#include "ops/broadcast.h"
#include "ops/dropout.h"

namespace fastnn::ops {

struct AttentionConfig {
  int64_t queries;
  int64_t keys;
  int64_t heads;
  int64_t key_heads;
  int64_t size;        ///< of a query and a key
  int64_t value_size;  ///< of a value
  int64_t mask_head;   ///< strides of the mask, 0 along what it does not depend on
  int64_t mask_query;
  int64_t mask_key;
  bool causal;
  double scale;
  double dropout;
  uint64_t seed;
  int64_t node;  ///< whose pattern of dropout is used; -1: the node's own
};

/// Throws unless the shapes of queries, keys, values and mask go together.
inline void check_attention(const std::string& node, const TensorType& queries, const TensorType& keys,
                            const TensorType& values, const TensorType& mask, const Attributes& attributes) {
  const Shape& q = queries.dims;
  const Shape& k = keys.dims;
  const Shape& v = values.dims;
  if (q.size() != 3 || k.size() != 3 || v.size() != 3 || q[2] != k[2] || k[0] != v[0] || k[1] != v[1]) {
    throw_value(
        node,
        ": attention needs queries (None, T, heads, size), keys (None, S, key heads, size) and values "
        "(None, S, key heads, value size), got ",
        queries.str(), ", ", keys.str(), " and ", values.str());
  }
  if (q[1] % k[1] != 0) {
    throw_value(node, ": ", q[1], " query heads cannot share ", k[1],
                " key heads evenly; the number of query heads must be a multiple of that of key heads");
  }
  if (!is_floating(queries.dtype) || keys.dtype != queries.dtype || values.dtype != queries.dtype) {
    throw_type(node, ": queries, keys and values must be of one floating-point type, got ",
               dtype_name(queries.dtype), ", ", dtype_name(keys.dtype), " and ", dtype_name(values.dtype));
  }
  if (!queries.batched || !keys.batched || !values.batched) {
    throw_value(node, ": queries, keys and values must be batched, got ", queries.str(), ", ", keys.str(),
                " and ", values.str());
  }
  if (mask.size() != 0) {
    if (!broadcasts_to(mask.dims, {q[1], q[0], k[0]})) {
      throw_value(node, ": mask ", mask.str(), " does not fit ", q[1], " heads, ", q[0], " queries and ",
                  k[0], " keys: expected (None, ", k[0], "), (None, ", q[0], ", ", k[0], ") or (None, ", q[1],
                  ", ", q[0], ", ", k[0], "), or extents of 1");
    }
    if (mask.dtype != queries.dtype && mask.dtype != DType::i32 && mask.dtype != DType::boolean) {
      throw_type(node, ": mask must be of type ", dtype_name(queries.dtype), ", int32 or bool, got ",
                 dtype_name(mask.dtype));
    }
  }
  const double rate = attributes.real("dropout", 0.0);
  if (!(rate >= 0.0 && rate < 1.0)) throw_value(node, ": dropout must be in [0, 1), got ", rate);
  const double scale = attributes.real("scale", 1.0);
  if (!std::isfinite(scale)) throw_value(node, ": scale must be finite, got ", scale);
}

inline Configuration attention_config(const TensorType& queries, const TensorType& keys,
                                      const TensorType& values, const TensorType& mask,
                                      const Attributes& attributes) {
  AttentionConfig c{};
  c.queries = queries.dims[0];
  c.keys = keys.dims[0];
  c.heads = queries.dims[1];
  c.key_heads = keys.dims[1];
  c.size = queries.dims[2];
  c.value_size = values.dims[2];
  int64_t stride = 1;
  int64_t* const strides[] = {&c.mask_key, &c.mask_query, &c.mask_head};
  for (size_t i = 0; mask.size() != 0 && i < mask.dims.size(); ++i) {
    const int64_t extent = mask.dims[mask.dims.size() - 1 - i];
    if (extent > 1) *strides[i] = stride;
    stride *= extent;
  }
  c.causal = attributes.flag("causal", false);
  c.scale = attributes.real("scale", 1.0 / std::sqrt(static_cast<double>(c.size)));
  c.dropout = attributes.real("dropout", 0.0);
  c.seed = noise_seed(attributes);
  c.node = attributes.integer("node", -1);
  return make_configuration(c);
}

/// Products of all queries with all keys they may see, each of one multiply-add an element.
inline double attention_flops(const TensorType& queries, const TensorType& keys, double sizes,
                              const Attributes& attributes) {
  const double pairs = static_cast<double>(queries.dims[0] * queries.dims[1] * keys.dims[0]);
  return 2.0 * pairs * sizes * (attributes.flag("causal", false) ? 0.5 : 1.0);
}

inline const Op attention{
    .name = "attention",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(4, 4);
          check_attention(c.node, c.in[0], c.in[1], c.in[2], c.in[3], c.attributes);
          TensorType y = c.in[0];
          y.dims[2] = c.in[2].dims[2];
          TensorType log_sum = c.in[0];
          log_sum.dims.pop_back();
          c.out = {y, log_sum};
        },
    .configure =
        [](const NodeInfo& n) { return attention_config(n.in[0], n.in[1], n.in[2], n.in[3], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(4, kNoTensor);
          const TensorId dy = g.out_gradients[0];
          if (dy == kNoTensor) return result;
          Attributes attributes = g.attributes;
          if (!attributes.has("node")) attributes.set("node", int64_t{g.number});
          const std::vector<TensorId> found =
              g.graph.add("attention_grad", {dy, g.in[0], g.in[1], g.in[2], g.in[3], g.out[0], g.out[1]},
                          attributes, g.node);
          for (size_t i = 0; i < 3; ++i) {
            if (g.wanted[i]) result[i] = found[i];
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto sizes = static_cast<double>(n.in[0].dims[2] + n.in[2].dims[2]);
          return Cost{attention_flops(n.in[0], n.in[1], sizes, n.attributes)};
        },
};

inline const Op attention_grad{
    .name = "attention_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(7, 7);
          c.out = {c.in[1], c.in[2], c.in[3]};
        },
    .configure =
        [](const NodeInfo& n) { return attention_config(n.in[1], n.in[2], n.in[3], n.in[4], n.attributes); },
    .cost =
        [](const NodeInfo& n) {
          const auto sizes = static_cast<double>(3 * n.in[1].dims[2] + 2 * n.in[3].dims[2]);
          return Cost{attention_flops(n.in[1], n.in[2], sizes, n.attributes)};
        },
};

}  // namespace fastnn::ops

// matmul(a, b; transpose_a, transpose_b) -> a . b over the last two per-sample dims, a (..., m, k) and
// b (..., k, n), or their transposes; leading dims are broadcast. Either operand may be unbatched.
// For x (None, ..., k) times one matrix see dense.h.
#pragma once

#include "ops/broadcast.h"
#include "ops/compute_dtype.h"

namespace fastnn::ops {

struct MatmulConfig {
  int64_t m, k, n;
  bool transpose_a, transpose_b;
  int64_t stacks;
  BroadcastConfig leading;  ///< strides count matrices
};

/// Type whose dims are the leading ones.
inline TensorType leading_type(TensorType type) {
  type.dims.resize(type.dims.size() - 2);
  return type;
}

inline MatmulConfig matmul_config(const std::string& node, const TensorType& a, const TensorType& b,
                                  const Attributes& attributes) {
  MatmulConfig c;
  c.transpose_a = attributes.flag("transpose_a", false);
  c.transpose_b = attributes.flag("transpose_b", false);
  const size_t last_a = a.dims.size() - 1, last_b = b.dims.size() - 1;
  c.m = a.dims[c.transpose_a ? last_a : last_a - 1];
  c.k = a.dims[c.transpose_a ? last_a - 1 : last_a];
  c.n = b.dims[c.transpose_b ? last_b - 1 : last_b];
  const TensorType of_a = leading_type(a), of_b = leading_type(b);
  const Shape out = broadcast_shape(node, of_a, of_b);
  c.stacks = element_count(out);
  c.leading = broadcast_config(out, of_a.dims, of_b.dims);
  return c;
}

inline const Op matmul{
    .name = "matmul",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const TensorType& a = c.in[0];
          const TensorType& b = c.in[1];
          if (a.dtype != b.dtype || !is_floating(a.dtype)) {
            throw_type(c.node, ": matmul needs operands of one floating-point type, got ",
                       dtype_name(a.dtype), " and ", dtype_name(b.dtype));
          }
          if (a.dims.size() < 2 || b.dims.size() < 2) {
            throw_value(c.node, ": matmul needs two dimensions beside the batch, got ", a.str(), " and ",
                        b.str());
          }
          const MatmulConfig config = matmul_config(c.node, a, b, c.attributes);
          const int64_t rows = b.dims[b.dims.size() - (config.transpose_b ? 1 : 2)];
          if (rows != config.k) {
            throw_value(c.node, ": cannot multiply ", a.str(), config.transpose_a ? " (transposed)" : "",
                        " and ", b.str(), config.transpose_b ? " (transposed)" : "", ": ", config.k,
                        " columns against ", rows, " rows");
          }
          check_compute_dtype(c);
          Shape dims = broadcast_shape(c.node, leading_type(a), leading_type(b));
          dims.push_back(config.m);
          dims.push_back(config.n);
          c.out = {{a.dtype, dims, a.batched || b.batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(matmul_config("matmul", n.in[0], n.in[1], n.attributes));
        },
    .gradient =
        [](GradientContext& g) {
          const TensorId dy = g.out_gradients[0], a = g.in[0], b = g.in[1];
          const bool ta = g.attributes.flag("transpose_a", false);
          const bool tb = g.attributes.flag("transpose_b", false);
          const auto product = [&](TensorId x, bool tx, TensorId y, bool ty) {
            return g.add("matmul", {x, y},
                         with_compute_dtype(g.attributes, {{"transpose_a", tx}, {"transpose_b", ty}}));
          };
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0])
            result[0] = sum_to_operand(g, ta ? product(b, tb, dy, true) : product(dy, false, b, !tb), a);
          if (g.wanted[1])
            result[1] = sum_to_operand(g, tb ? product(dy, true, a, ta) : product(a, !ta, dy, false), b);
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const int64_t k =
              n.in[0].dims[n.in[0].dims.size() - (n.attributes.flag("transpose_a", false) ? 2 : 1)];
          return Cost{2.0 * static_cast<double>(n.out[0].size() * k)};
        },
};

}  // namespace fastnn::ops

// NumPy's broadcasting over per-sample dims, aligned at the last one. A batched operand meets an unbatched
// one as if the latter were there for every sample. Shared by all ops of two operands.
#pragma once

#include <algorithm>

#include "ops/op.h"

namespace fastnn::ops {

constexpr int kMostBroadcastDims = 8;

/// Loop nest over the output's elements, neighbouring dims merged where both operands allow it.
struct BroadcastConfig {
  int32_t rank = 0;   ///< 0: a single element
  bool flat = false;  ///< both operands have the output's elements, one for one
  int64_t dims[kMostBroadcastDims];
  int64_t a[kMostBroadcastDims];  ///< strides in elements, 0 along dims in which the operand is repeated
  int64_t b[kMostBroadcastDims];
};

/// Shape of the result; throws if the shapes do not fit.
inline Shape broadcast_shape(const std::string& node, const TensorType& a, const TensorType& b) {
  Shape out(std::max(a.dims.size(), b.dims.size()), 1);
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t from_end = out.size() - i;
    const int64_t of_a = from_end <= a.dims.size() ? a.dims[a.dims.size() - from_end] : 1;
    const int64_t of_b = from_end <= b.dims.size() ? b.dims[b.dims.size() - from_end] : 1;
    if (of_a != of_b && of_a != 1 && of_b != 1) {
      throw_value(node, ": shapes ", a.str(), " and ", b.str(), " do not broadcast: ", of_a, " against ",
                  of_b);
    }
    out[i] = of_a == 1 ? of_b : of_a;
  }
  return out;
}

/// Can `from` be repeated to give `to`?
inline bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t target = to[to.size() - from.size() + i];
    if (from[i] != target && from[i] != 1) return false;
  }
  return true;
}

inline BroadcastConfig broadcast_config(const Shape& out, const Shape& a, const Shape& b) {
  BroadcastConfig config;
  int64_t stride_a = 1, stride_b = 1;
  // From the last dim to the first; the nest is kept in reverse until the end.
  for (size_t from_end = 1; from_end <= out.size(); ++from_end) {
    const int64_t extent = out[out.size() - from_end];
    if (extent == 1) continue;
    const auto step = [&](const Shape& dims, int64_t& stride) -> int64_t {
      if (from_end > dims.size() || dims[dims.size() - from_end] == 1) return 0;
      const int64_t own = stride;
      stride *= extent;
      return own;
    };
    const int64_t of_a = step(a, stride_a);
    const int64_t of_b = step(b, stride_b);
    const int32_t inner = config.rank - 1;
    if (inner >= 0 && of_a == config.a[inner] * config.dims[inner] &&
        of_b == config.b[inner] * config.dims[inner]) {
      config.dims[inner] *= extent;
      continue;
    }
    if (config.rank == kMostBroadcastDims)
      throw_value("broadcasting in more than ", kMostBroadcastDims, " dimensions");
    config.dims[config.rank] = extent;
    config.a[config.rank] = of_a;
    config.b[config.rank] = of_b;
    ++config.rank;
  }
  std::reverse(config.dims, config.dims + config.rank);
  std::reverse(config.a, config.a + config.rank);
  std::reverse(config.b, config.b + config.rank);
  config.flat = config.rank == 0 || (config.rank == 1 && config.a[0] == 1 && config.b[0] == 1);
  return config;
}

/// Op::infer of ops with two broadcast operands of one floating type.
inline void infer_broadcast(InferContext& c) {
  c.expect_inputs(2, 2);
  if (c.in[0].dtype != c.in[1].dtype || !is_floating(c.in[0].dtype)) {
    throw_type(c.node, ": operands must be of one floating-point type, got ", dtype_name(c.in[0].dtype),
               " and ", dtype_name(c.in[1].dtype));
  }
  c.out = {{c.in[0].dtype, broadcast_shape(c.node, c.in[0], c.in[1]), c.in[0].batched || c.in[1].batched}};
}

/// The same for ops that take int32, too.
inline void infer_broadcast_numbers(InferContext& c) {
  c.expect_inputs(2, 2);
  if (c.in[0].dtype != DType::i32 || c.in[1].dtype != DType::i32) return infer_broadcast(c);
  c.out = {{DType::i32, broadcast_shape(c.node, c.in[0], c.in[1]), c.in[0].batched || c.in[1].batched}};
}

/// Op::configure of the same.
inline Configuration configure_broadcast(const NodeInfo& n) {
  BroadcastConfig config = broadcast_config(n.out[0].dims, n.in[0].dims, n.in[1].dims);
  config.flat = config.flat && n.in[0].batched == n.out[0].batched && n.in[1].batched == n.out[0].batched;
  return make_configuration(config);
}

/// Sums a gradient over what its operand was repeated along: dims, and samples for an unbatched operand.
inline TensorId sum_to_operand(const GradientContext& g, TensorId gradient, TensorId operand) {
  const TensorType type = g.graph.type(operand);  // copies: adding nodes moves the graph's tensors
  if (g.graph.type(gradient).dims != type.dims)
    gradient = g.add("sum_to", {gradient}, {{"shape", type.dims}});
  if (g.graph.type(gradient).batched && !type.batched) gradient = g.add("sample_sum", {gradient});
  return gradient;
}

}  // namespace fastnn::ops

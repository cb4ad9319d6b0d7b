// Ops about truth, bool in and out, broadcast as in broadcast.h:
//   compare(a, b; kind) -> bool        kinds equal, not_equal, less, less_equal, greater, greater_equal
//   logical(a, b?; kind) -> bool       kinds and, or, xor, not
//   where(mask, a, b) -> a where mask is true, else b; a and b of one dtype
#pragma once

#include <array>
#include <string_view>

#include "ops/binary.h"

namespace fastnn::ops {

enum class CompareKind : int32_t { equal, not_equal, less, less_equal, greater, greater_equal, count };
enum class LogicalKind : int32_t { both, either, one, none, count };

inline constexpr std::array<std::string_view, 6> kCompareNames{"equal",      "not_equal", "less",
                                                               "less_equal", "greater",   "greater_equal"};
inline constexpr std::array<std::string_view, 4> kLogicalNames{"and", "or", "xor", "not"};

/// Loop nest over the output's elements for up to three operands, neighbouring dims merged.
struct ChoiceConfig {
  int32_t kind = 0;
  int32_t rank = 0;   ///< at least 1
  bool flat = false;  ///< all operands have the output's elements, one for one
  int64_t dims[kMostBroadcastDims];
  int64_t strides[3][kMostBroadcastDims];
};

template <size_t N>
int32_t kind_of(const std::string& node, const Attributes& attributes,
                const std::array<std::string_view, N>& names) {
  const std::string name = attributes.str("kind", "");
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<int32_t>(i);
  }
  throw_value(node, ": unknown kind '", name, "'");
}

inline ChoiceConfig choice_config(const NodeInfo& n, int32_t kind) {
  ChoiceConfig c;
  c.kind = kind;
  const Shape& out = n.out[0].dims;
  c.flat = true;
  for (const TensorType& in : n.in) c.flat &= in.dims == out && in.batched == n.out[0].batched;
  int64_t running[3] = {1, 1, 1};
  for (size_t from_end = 1; from_end <= out.size(); ++from_end) {
    const int64_t extent = out[out.size() - from_end];
    if (extent == 1) continue;
    int64_t step[3] = {0, 0, 0};
    bool merges = c.rank > 0;
    for (size_t i = 0; i < n.in.size(); ++i) {
      const Shape& dims = n.in[i].dims;
      if (from_end <= dims.size() && dims[dims.size() - from_end] != 1) {
        step[i] = running[i];
        running[i] *= extent;
      }
      merges = merges && step[i] == c.strides[i][c.rank - 1] * c.dims[c.rank - 1];
    }
    if (merges) {
      c.dims[c.rank - 1] *= extent;
      continue;
    }
    if (c.rank == kMostBroadcastDims)
      throw_value("broadcasting in more than ", kMostBroadcastDims, " dimensions");
    c.dims[c.rank] = extent;
    for (size_t i = 0; i < 3; ++i) c.strides[i][c.rank] = step[i];
    ++c.rank;
  }
  if (c.rank == 0) {
    c.rank = 1;
    c.dims[0] = 1;
    for (auto& stride : c.strides) stride[0] = 0;
  }
  std::reverse(c.dims, c.dims + c.rank);
  for (auto& stride : c.strides) std::reverse(stride, stride + c.rank);
  return c;
}

inline const Op compare{
    .name = "compare",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          kind_of(c.node, c.attributes, kCompareNames);
          const TensorType &a = c.in[0], &b = c.in[1];
          if (a.dtype != b.dtype || (!is_floating(a.dtype) && a.dtype != DType::i32)) {
            throw_type(c.node, ": cannot compare ", dtype_name(a.dtype), " and ", dtype_name(b.dtype),
                       "; cast them to one type");
          }
          c.out = {{DType::boolean, broadcast_shape(c.node, a, b), a.batched || b.batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(choice_config(n, kind_of("compare", n.attributes, kCompareNames)));
        },
    .gradient = no_gradient,
};

inline const Op logical{
    .name = "logical",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 2);
          const bool negation = kind_of(c.node, c.attributes, kLogicalNames) == 3;
          c.expect_inputs(negation ? 1 : 2, negation ? 1 : 2);
          bool batched = false;
          for (const TensorType& in : c.in) {
            batched |= in.batched;
            if (in.dtype != DType::boolean)
              throw_type(c.node, ": logical ops need bool, got ", dtype_name(in.dtype), "; compare first");
          }
          c.out = {
              {DType::boolean, negation ? c.in[0].dims : broadcast_shape(c.node, c.in[0], c.in[1]), batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(choice_config(n, kind_of("logical", n.attributes, kLogicalNames)));
        },
    .gradient = no_gradient,
};

inline const Op where{
    .name = "where",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType &mask = c.in[0], &a = c.in[1], &b = c.in[2];
          if (mask.dtype != DType::boolean)
            throw_type(c.node, ": where needs a bool mask, got ", dtype_name(mask.dtype), "; compare first");
          if (a.dtype != b.dtype) {
            throw_type(c.node, ": where needs operands of one dtype, got ", dtype_name(a.dtype), " and ",
                       dtype_name(b.dtype));
          }
          const TensorType both{a.dtype, broadcast_shape(c.node, a, b), a.batched || b.batched};
          c.out = {{a.dtype, broadcast_shape(c.node, mask, both), mask.batched || both.batched}};
        },
    .configure = [](const NodeInfo& n) { return make_configuration(choice_config(n, 0)); },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(3, kNoTensor);
          const TensorId dy = g.out_gradients[0];
          const std::string dtype = dtype_name(g.graph.type(dy).dtype);
          const TensorId nothing = g.add("fill", {}, {{"value", 0.0}, {"shape", Shape{}}, {"dtype", dtype}});
          if (g.wanted[1]) result[1] = sum_to_operand(g, g.add("where", {g.in[0], dy, nothing}), g.in[1]);
          if (g.wanted[2]) result[2] = sum_to_operand(g, g.add("where", {g.in[0], nothing, dy}), g.in[2]);
          return result;
        },
};

}  // namespace fastnn::ops

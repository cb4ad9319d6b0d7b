// take(x, ids int32; axis) -> x's elements at ids along a per-sample axis: x.dims[:axis] + ids.dims +
//   x.dims[axis + 1:]. x, ids or both may be batched. Negative ids count from the end; an id out of range is
//   reported with its sample.
// take_grad(dy, ids; axis, extent) -> dy added at ids to zeros, within each sample (or unbatched)
// take_grad_sum(dy, ids; axis, extent) -> the same, summed over samples too: of an unbatched x
// take_along(x, ids; axis) -> out[..., i, ...] = x[..., ids[..., i, ...], ...]; ids has x's dims but for axis
// take_along_grad(dy, ids; axis, extent) -> dy added to zeros where ids say
#pragma once

#include "ops/axis.h"

namespace fastnn::ops {

struct TakeConfig {
  int64_t outer;
  int64_t extent;
  int64_t inner;
  int64_t count;  ///< ids along the axis
};

inline TakeConfig take_config(const Shape& whole, int64_t axis, int64_t count) {
  const AxisConfig c = axis_config(whole, axis);
  return {c.outer, c.extent, c.inner, count};
}

inline void check_ids(const InferContext& c) {
  c.expect_inputs(2, 2);
  if (c.in[1].dtype != DType::i32)
    throw_type(c.node, ": indices must be int32, got ", dtype_name(c.in[1].dtype));
}

/// Dims with those of ids in the place of an axis.
inline Shape taken_dims(const Shape& whole, size_t axis, const Shape& ids) {
  Shape dims(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(axis));
  dims.insert(dims.end(), ids.begin(), ids.end());
  dims.insert(dims.end(), whole.begin() + static_cast<std::ptrdiff_t>(axis) + 1, whole.end());
  return dims;
}

/// Inverse of taken_dims: what x was, from dy.
inline Shape untaken_dims(const InferContext& c) {
  const TensorType &dy = c.in[0], &ids = c.in[1];
  const int64_t axis = c.attributes.integer("axis", 0), extent = c.attributes.integer("extent", 0);
  const size_t rank = ids.dims.size(), place = static_cast<size_t>(axis);
  if (axis < 0 || extent < 1 || dy.dims.size() < place + rank ||
      !std::equal(ids.dims.begin(), ids.dims.end(), dy.dims.begin() + static_cast<std::ptrdiff_t>(place))) {
    throw_value(c.node, ": values ", dy.str(), " do not belong to indices ", ids.str(), " along axis ", axis,
                " of ", extent, " elements (batch not counted)");
  }
  Shape dims = dy.dims;
  const auto first = dims.begin() + static_cast<std::ptrdiff_t>(place);
  dims.erase(first, first + static_cast<std::ptrdiff_t>(rank));
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(place), extent);
  return dims;
}

inline Attributes take_attributes(const Shape& whole, int64_t axis) {
  return {{"axis", axis}, {"extent", whole[static_cast<size_t>(axis)]}};
}

inline const Op take{
    .name = "take",
    .infer =
        [](InferContext& c) {
          check_ids(c);
          const int64_t axis = axis_of(c.node, c.attributes.integer("axis", 0), c.in[0].dims.size());
          c.out = {{c.in[0].dtype, taken_dims(c.in[0].dims, static_cast<size_t>(axis), c.in[1].dims),
                    c.in[0].batched || c.in[1].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t axis = axis_of("take", n.attributes.integer("axis", 0), n.in[0].dims.size());
          return make_configuration(take_config(n.in[0].dims, axis, n.in[1].size()));
        },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          if (!g.wanted[0]) return result;
          const TensorType x = g.graph.type(g.in[0]);
          const int64_t axis = axis_of(g.node, g.attributes.integer("axis", 0), x.dims.size());
          const bool summed = !x.batched && g.graph.type(g.out_gradients[0]).batched;
          result[0] = g.add(summed ? "take_grad_sum" : "take_grad", {g.out_gradients[0], g.in[1]},
                            take_attributes(x.dims, axis));
          return result;
        },
};

/// Of take_grad and take_grad_sum, which are linear in dy.
inline std::vector<TensorId> take_again(GradientContext& g) {
  std::vector<TensorId> result(2, kNoTensor);
  if (g.wanted[0])
    result[0] = g.add("take", {g.out_gradients[0], g.in[1]}, {{"axis", g.attributes.integer("axis", 0)}});
  return result;
}

inline Configuration configure_take_grad(const NodeInfo& n) {
  return make_configuration(take_config(n.out[0].dims, n.attributes.integer("axis", 0), n.in[1].size()));
}

inline const Op take_grad{
    .name = "take_grad",
    .infer =
        [](InferContext& c) {
          check_ids(c);
          if (c.in[1].batched && !c.in[0].batched)
            throw_value(c.node, ": values for batched indices must be batched, got ", c.in[0].str());
          c.out = {{c.in[0].dtype, untaken_dims(c), c.in[0].batched}};
        },
    .configure = configure_take_grad,
    .gradient = take_again,
};

inline const Op take_grad_sum{
    .name = "take_grad_sum",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          check_ids(c);
          c.out = {{c.in[0].dtype, untaken_dims(c), false}};
        },
    .configure = configure_take_grad,
    .gradient = take_again,
};

/// Checks ids against the dims they index; returns the axis.
inline int64_t check_along(const InferContext& c, const char* what) {
  check_ids(c);
  const TensorType &x = c.in[0], &ids = c.in[1];
  const int64_t axis = axis_of(c.node, c.attributes.integer("axis", -1), x.dims.size());
  Shape expected = x.dims;
  if (ids.dims.size() == expected.size())
    expected[static_cast<size_t>(axis)] = ids.dims[static_cast<size_t>(axis)];
  if (ids.dims != expected || (ids.batched && !x.batched)) {
    throw_value(c.node, ": indices ", ids.str(), " do not fit ", what, " ", x.str(), " along axis ", axis,
                " (batch not counted): all other extents must be equal");
  }
  return axis;
}

inline const Op take_along{
    .name = "take_along",
    .infer =
        [](InferContext& c) {
          check_along(c, "elements");
          c.out = {{c.in[0].dtype, c.in[1].dims, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t axis = axis_of("take_along", n.attributes.integer("axis", -1), n.in[0].dims.size());
          return make_configuration(take_config(n.in[0].dims, axis, n.in[1].dims[static_cast<size_t>(axis)]));
        },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          const Shape dims = g.graph.type(g.in[0]).dims;
          const int64_t axis = axis_of(g.node, g.attributes.integer("axis", -1), dims.size());
          if (g.wanted[0])
            result[0] = g.add("take_along_grad", {g.out_gradients[0], g.in[1]}, take_attributes(dims, axis));
          return result;
        },
};

inline const Op take_along_grad{
    .name = "take_along_grad",
    .infer =
        [](InferContext& c) {
          const int64_t axis = check_along(c, "values");
          const int64_t extent = c.attributes.integer("extent", 0);
          if (c.in[0].dims != c.in[1].dims || extent < 1)
            throw_value(c.node, ": values ", c.in[0].str(), " do not fit indices ", c.in[1].str());
          c.out = {c.in[0]};
          c.out[0].dims[static_cast<size_t>(axis)] = extent;
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t axis =
              axis_of("take_along_grad", n.attributes.integer("axis", -1), n.in[0].dims.size());
          return make_configuration(
              take_config(n.out[0].dims, axis, n.in[1].dims[static_cast<size_t>(axis)]));
        },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          const Attributes axis{{"axis", g.attributes.integer("axis", -1)}};
          if (g.wanted[0]) result[0] = g.add("take_along", {g.out_gradients[0], g.in[1]}, axis);
          return result;
        },
};

}  // namespace fastnn::ops

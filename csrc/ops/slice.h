// slice(x; begin, stride, size) -> out[i] = x[begin + i * stride] in every per-sample dim; strides may be
// negative. place(x; begin, stride, shape, fill) -> its inverse: x put into dims `shape`, `fill` (0)
// elsewhere: padding. Each is the other's gradient. Per sample, or on unbatched operands; any dtype.
#pragma once

#include "ops/strided.h"

namespace fastnn::ops {

/// Attributes begin and stride, checked against the sliced dims and the slice's.
inline void check_slice(const InferContext& c, const Shape& whole, const Shape& part) {
  const Shape begin = c.attributes.integers("begin", Shape(whole.size(), 0));
  const Shape step = c.attributes.integers("stride", Shape(whole.size(), 1));
  bool fits = part.size() == whole.size() && begin.size() == whole.size() && step.size() == whole.size();
  for (size_t d = 0; fits && d < whole.size(); ++d) {
    const int64_t last = begin[d] + (part[d] - 1) * step[d];
    fits =
        part[d] >= 1 && step[d] != 0 && std::min(begin[d], last) >= 0 && std::max(begin[d], last) < whole[d];
  }
  if (!fits) {
    throw_value(c.node, ": a slice of shape ", shape_text(part), " beginning at ", shape_text(begin),
                " in steps of ", shape_text(step), " does not lie in ", shape_text(whole),
                " (batch not counted)");
  }
}

/// Nest over the slice's elements; `slice` reads them from the whole, `place` writes them there.
inline StridedConfig slice_config(const std::string& node, const Attributes& attributes, const Shape& whole,
                                  const Shape& part, bool reads) {
  const Shape begin = attributes.integers("begin", Shape(whole.size(), 0));
  const Shape step = attributes.integers("stride", Shape(whole.size(), 1));
  Shape stepped = contiguous_strides(whole);
  int64_t offset = 0;
  for (size_t d = 0; d < whole.size(); ++d) {
    offset += begin[d] * stepped[d];
    stepped[d] *= step[d];
  }
  const Shape plain = contiguous_strides(part);
  StridedConfig c = strided_config(node, part, reads ? stepped : plain, reads ? plain : stepped);
  (reads ? c.from_offset : c.to_offset) = offset;
  return c;
}

/// begin and stride alone, for the inverse op.
inline Attributes slice_position(const Attributes& attributes, const Shape& whole) {
  return {{"begin", attributes.integers("begin", Shape(whole.size(), 0))},
          {"stride", attributes.integers("stride", Shape(whole.size(), 1))}};
}

inline const Op slice{
    .name = "slice",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const Shape size = c.attributes.integers("size", {});
          check_slice(c, c.in[0].dims, size);
          c.out = {{c.in[0].dtype, size, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(slice_config("slice", n.attributes, n.in[0].dims, n.out[0].dims, true));
        },
    .gradient =
        [](GradientContext& g) {
          const Shape whole = g.graph.type(g.in[0]).dims;
          Attributes attributes = slice_position(g.attributes, whole);
          attributes.set("shape", whole);
          return std::vector<TensorId>{g.add("place", {g.out_gradients[0]}, attributes)};
        },
};

inline const Op place{
    .name = "place",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const Shape shape = c.attributes.integers("shape", {});
          check_slice(c, shape, c.in[0].dims);
          c.out = {{c.in[0].dtype, shape, c.in[0].batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          StridedConfig c = slice_config("place", n.attributes, n.out[0].dims, n.in[0].dims, false);
          c.fill = n.attributes.real("fill", 0.0);
          return make_configuration(c);
        },
    .gradient =
        [](GradientContext& g) {
          Attributes attributes = slice_position(g.attributes, g.graph.type(g.out[0]).dims);
          attributes.set("size", g.graph.type(g.in[0]).dims);
          return std::vector<TensorId>{g.add("slice", {g.out_gradients[0]}, attributes)};
        },
};

}  // namespace fastnn::ops

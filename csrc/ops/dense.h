// dense(x, kernel, bias?; activation) -> activation(x . kernel + bias)
//   x (None, ..., in), kernel (in, out), bias (out,) -> (None, ..., out)
// `in` and `out` may be several dims each, as those of attention's heads: the attribute in_dims (default 1)
// says how many of the kernel's dims are x's last ones. activation: "linear" or a kind whose derivative
// follows from its output (see activation.h). dense_grad_input(dy, kernel; in_dims) -> dx
// dense_grad_kernel(x, dy; in_dims, out_dims) -> (in, out), summed over samples
// All three take compute_dtype, see compute_dtype.h.
#pragma once

#include "ops/activation.h"
#include "ops/compute_dtype.h"
#include "ops/op.h"

namespace fastnn::ops {

struct DenseConfig {
  int64_t positions;  ///< product of the leading per-sample dims: rows of x in a sample
  int64_t in;
  int64_t out;
  ActivationConfig activation;
  bool has_bias;
};

/// The dims [begin, end) of a shape.
inline Shape dims_between(const Shape& dims, size_t begin, size_t end) {
  return {dims.begin() + static_cast<std::ptrdiff_t>(begin), dims.begin() + static_cast<std::ptrdiff_t>(end)};
}
inline Shape last_dims(const Shape& dims, size_t count) {
  return dims_between(dims, dims.size() - count, dims.size());
}
/// A shape with other dims in the place of its last `count`.
inline Shape with_last_dims(const Shape& dims, size_t count, const Shape& others) {
  Shape result = dims_between(dims, 0, dims.size() - count);
  result.insert(result.end(), others.begin(), others.end());
  return result;
}

/// Configuration of dense and its gradients, from the kernel's dims.
inline DenseConfig dense_config(const Shape& kernel, const Attributes& attributes) {
  const auto in_dims = static_cast<size_t>(attributes.integer("in_dims", 1));
  DenseConfig c{};
  c.in = c.out = 1;
  for (size_t i = 0; i < kernel.size(); ++i) (i < in_dims ? c.in : c.out) *= kernel[i];
  return c;
}

inline const Op dense{
    .name = "dense",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType& x = c.in[0];
          const TensorType& kernel = c.in[1];
          const int64_t asked = c.attributes.integer("in_dims", 1);
          const auto in_dims = static_cast<size_t>(asked);
          if (asked < 1 || x.dims.size() < in_dims || kernel.dims.size() <= in_dims) {
            throw_value(c.node, ": dense needs x (None, ..., in) and kernel (in, out), got ", x.str(),
                        " and ", kernel.str());
          }
          const Shape features = last_dims(x.dims, in_dims);
          const Shape built = dims_between(kernel.dims, 0, in_dims);
          if (features != built) {
            throw_value(c.node, ": input has ",
                        in_dims == 1 ? std::to_string(features[0]) : shape_text(features),
                        " features, but the kernel was built for ",
                        in_dims == 1 ? std::to_string(built[0]) : shape_text(built), " (input shape ",
                        x.str(), "). Flatten or reshape the input, or rebuild the layer.");
          }
          const Shape out = dims_between(kernel.dims, in_dims, kernel.dims.size());
          if (c.in[2].size() != 0 && c.in[2].dims != out) {
            throw_value(c.node, ": bias must have shape ", shape_text(out), ", got ", c.in[2].str());
          }
          const ActivationConfig activation =
              activation_config(c.node, c.attributes.has("activation")
                                            ? Attributes{{"kind", c.attributes.str("activation", "")}}
                                            : Attributes{});
          if (!derivative_from_output(activation.kind)) {
            throw_value(c.node, ": activation '", c.attributes.str("activation", ""),
                        "' cannot be fused into dense");
          }
          check_compute_dtype(c);
          c.out = {{x.dtype, with_last_dims(x.dims, in_dims, out), x.batched}};
        },
    .configure =
        [](const NodeInfo& n) {
          DenseConfig c = dense_config(n.in[1].dims, n.attributes);
          c.positions = n.in[0].size() / c.in;
          c.activation = activation_config("dense", {{"kind", n.attributes.str("activation", "linear")}});
          c.has_bias = n.in[2].size() != 0;
          return make_configuration(c);
        },
    .gradient =
        [](GradientContext& g) {
          const ActivationConfig activation =
              activation_config(g.node, {{"kind", g.attributes.str("activation", "linear")}});
          const TensorId dz = activation_gradient(g, activation, g.out_gradients[0], kNoTensor, g.out[0]);
          std::vector<TensorId> result(3, kNoTensor);
          const int64_t in_dims = g.attributes.integer("in_dims", 1);
          const int64_t out_dims = static_cast<int64_t>(g.graph.type(g.in[1]).dims.size()) - in_dims;
          if (g.wanted[0]) {
            result[0] = g.add("dense_grad_input", {dz, g.in[1]},
                              with_compute_dtype(g.attributes, {{"in_dims", in_dims}}));
          }
          if (g.wanted[1]) {
            result[1] =
                g.add("dense_grad_kernel", {g.in[0], dz},
                      with_compute_dtype(g.attributes, {{"in_dims", in_dims}, {"out_dims", out_dims}}));
          }
          if (g.wanted[2]) result[2] = g.add("bias_grad", {dz}, {{"dims", out_dims}});
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto out = static_cast<double>(dense_config(n.in[1].dims, n.attributes).out);
          return Cost{2.0 * static_cast<double>(n.in[0].size()) * out};
        },
};

inline const Op dense_grad_input{
    .name = "dense_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const Shape& kernel = c.in[1].dims;
          const auto in_dims = static_cast<size_t>(c.attributes.integer("in_dims", 1));
          check_compute_dtype(c);
          c.out = {c.in[0]};
          c.out[0].dims =
              with_last_dims(c.in[0].dims, kernel.size() - in_dims, dims_between(kernel, 0, in_dims));
        },
    .configure =
        [](const NodeInfo& n) {
          DenseConfig c = dense_config(n.in[1].dims, n.attributes);
          c.positions = n.in[0].size() / c.out;
          return make_configuration(c);
        },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          const int64_t in_dims = g.attributes.integer("in_dims", 1);
          const int64_t out_dims = static_cast<int64_t>(g.graph.type(g.in[1]).dims.size()) - in_dims;
          if (g.wanted[0]) {
            result[0] = g.add("dense", {g.out_gradients[0], g.in[1], kNoTensor},
                              with_compute_dtype(g.attributes, {{"in_dims", in_dims}}));
          }
          if (g.wanted[1]) {
            result[1] =
                g.add("dense_grad_kernel", {g.out_gradients[0], g.in[0]},
                      with_compute_dtype(g.attributes, {{"in_dims", in_dims}, {"out_dims", out_dims}}));
          }
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto in = static_cast<double>(dense_config(n.in[1].dims, n.attributes).in);
          return Cost{2.0 * static_cast<double>(n.in[0].size()) * in};
        },
};

inline const Op dense_grad_kernel{
    .name = "dense_grad_kernel",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const Shape& x = c.in[0].dims;
          const Shape& dy = c.in[1].dims;
          const auto in_dims = static_cast<size_t>(c.attributes.integer("in_dims", 1));
          const auto out_dims = static_cast<size_t>(c.attributes.integer("out_dims", 1));
          check_compute_dtype(c);
          c.out = {{c.in[0].dtype, with_last_dims(last_dims(x, in_dims), 0, last_dims(dy, out_dims)), false}};
        },
    .configure =
        [](const NodeInfo& n) {
          DenseConfig c = dense_config(n.out[0].dims, n.attributes);
          c.positions = n.in[0].size() / c.in;
          return make_configuration(c);
        },
    .gradient =
        [](GradientContext& g) {
          const Attributes in_dims =
              with_compute_dtype(g.attributes, {{"in_dims", g.attributes.integer("in_dims", 1)}});
          const TensorId upper = g.out_gradients[0];
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("dense_grad_input", {g.in[1], upper}, in_dims);
          if (g.wanted[1]) result[1] = g.add("dense", {g.in[0], upper, kNoTensor}, in_dims);
          return result;
        },
    .cost =
        [](const NodeInfo& n) {
          const auto out = static_cast<double>(dense_config(n.out[0].dims, n.attributes).out);
          return Cost{2.0 * static_cast<double>(n.in[0].size()) * out};
        },
    .sums_positions = true,
};

}  // namespace fastnn::ops

// dense(x, kernel, bias?; activation) -> activation(x . kernel + bias)
//   x (None, ..., in), kernel (in, out), bias (out,) -> (None, ..., out)
// activation: "linear" or a kind whose derivative follows from its output (see activation.h).
// dense_grad_input(dy, kernel) -> dx        dense_grad_kernel(x, dy) -> (in, out), summed over samples
#pragma once

#include "ops/activation.h"
#include "ops/op.h"

namespace fastnn::ops {

struct DenseConfig {
  int64_t positions;  ///< product of the leading per-sample dims: rows of x in a sample
  int64_t in;
  int64_t out;
  ActivationConfig activation;
  bool has_bias;
};

inline const Op dense{
    .name = "dense",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType& x = c.in[0];
          const TensorType& kernel = c.in[1];
          if (x.dims.empty() || kernel.dims.size() != 2) {
            throw_value(c.node, ": dense needs x (None, ..., in) and kernel (in, out), got ", x.str(),
                        " and ", kernel.str());
          }
          if (x.dims.back() != kernel.dims[0]) {
            throw_value(c.node, ": input has ", x.dims.back(), " features, but the kernel was built for ",
                        kernel.dims[0], " (input shape ", x.str(),
                        "). Flatten or reshape the input, or rebuild the layer.");
          }
          const ActivationConfig activation =
              activation_config(c.node, c.attributes.has("activation")
                                            ? Attributes{{"kind", c.attributes.str("activation", "")}}
                                            : Attributes{});
          if (!derivative_from_output(activation.kind)) {
            throw_value(c.node, ": activation '", c.attributes.str("activation", ""),
                        "' cannot be fused into dense");
          }
          c.out = {x};
          c.out[0].dims.back() = kernel.dims[1];
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t in = n.in[1].dims[0];
          const Attributes kind{{"kind", n.attributes.str("activation", "linear")}};
          return make_configuration(DenseConfig{n.in[0].size() / in, in, n.in[1].dims[1],
                                                activation_config("dense", kind), n.in[2].size() != 0});
        },
    .gradient =
        [](GradientContext& g) {
          const ActivationConfig activation =
              activation_config(g.node, {{"kind", g.attributes.str("activation", "linear")}});
          const TensorId dz = activation_gradient(g, activation, g.out_gradients[0], kNoTensor, g.out[0]);
          std::vector<TensorId> result(3, kNoTensor);
          if (g.wanted[0]) result[0] = g.add("dense_grad_input", {dz, g.in[1]});
          if (g.wanted[1]) result[1] = g.add("dense_grad_kernel", {g.in[0], dz});
          if (g.wanted[2]) result[2] = g.add("bias_grad", {dz});
          return result;
        },
    .cost =
        [](const NodeInfo& n) { return Cost{2.0 * static_cast<double>(n.in[0].size() * n.in[1].dims[1])}; },
};

inline const Op dense_grad_input{
    .name = "dense_grad_input",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {c.in[0]};
          c.out[0].dims.back() = c.in[1].dims[0];
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t out = n.in[1].dims[1];
          return make_configuration(DenseConfig{n.in[0].size() / out, n.in[1].dims[0], out, {}, false});
        },
    .gradient =
        [](GradientContext& g) {
          std::vector<TensorId> result(2, kNoTensor);
          if (g.wanted[0]) {
            result[0] = g.add("dense", {g.out_gradients[0], g.in[1], kNoTensor});
          }
          if (g.wanted[1]) result[1] = g.add("dense_grad_kernel", {g.out_gradients[0], g.in[0]});
          return result;
        },
    .cost =
        [](const NodeInfo& n) { return Cost{2.0 * static_cast<double>(n.in[0].size() * n.in[1].dims[0])}; },
};

inline const Op dense_grad_kernel{
    .name = "dense_grad_kernel",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          c.out = {{c.in[0].dtype, {c.in[0].dims.back(), c.in[1].dims.back()}, false}};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t in = n.in[0].dims.back();
          return make_configuration(DenseConfig{n.in[0].size() / in, in, n.in[1].dims.back(), {}, false});
        },
    .cost =
        [](const NodeInfo& n) {
          return Cost{2.0 * static_cast<double>(n.in[0].size() * n.in[1].dims.back())};
        },
};

}  // namespace fastnn::ops

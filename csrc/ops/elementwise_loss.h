// elementwise_loss(predictions (None, ..., n), targets of their type; kind, ...) -> (None, ...)
// A function of each element and its target, averaged over the last axis (summed for kl_divergence). Metrics
// that count agreements (equal, threshold_equal) are of this family, too; they have no gradient.
// elementwise_loss_grad(g (None, ...), predictions, targets; same) -> gradient of the predictions.
// Probabilities are clipped as in Keras: to [1e-7, 1 - 1e-7] in cross-entropies, to [1e-7, 1] in
// kl_divergence.
#pragma once

#include <array>
#include <string_view>

#include "ops/loss_common.h"

namespace fastnn::ops {

enum class LossKind : int32_t {
  squared_error,
  absolute_error,
  absolute_percentage_error,  // 100 |p - t| / max(|t|, 1e-7)
  squared_logarithmic_error,  // (log(1 + p) - log(1 + t))^2, both at least 1e-7
  huber,                      // quadratic within delta, linear beyond
  log_cosh,
  poisson,  // p - t log(p + 1e-7)
  hinge,    // max(1 - t p, 0); targets -1 or 1, 0 is taken as -1
  squared_hinge,
  kl_divergence,                // t log(t / p), summed
  binary_cross_entropy,         // of probabilities; label_smoothing
  binary_cross_entropy_logits,  // of logits
  binary_focal,                 // (1 - p_t)^gamma times cross-entropy; balanced: alpha for 1, 1 - alpha for 0
  binary_focal_logits,
  equal,            // 1 where p == t
  threshold_equal,  // 1 where p > threshold and t > 1/2 agree; a NaN agrees with nothing
  count
};

inline constexpr std::array<std::string_view, static_cast<size_t>(LossKind::count)> kLossNames{
    "squared_error",
    "absolute_error",
    "absolute_percentage_error",
    "squared_logarithmic_error",
    "huber",
    "log_cosh",
    "poisson",
    "hinge",
    "squared_hinge",
    "kl_divergence",
    "binary_cross_entropy",
    "binary_cross_entropy_logits",
    "binary_focal",
    "binary_focal_logits",
    "equal",
    "threshold_equal"};

/// Is f(p, t) == f(t, p), so that the gradient of the targets is that of the predictions, swapped?
constexpr bool is_symmetric(LossKind kind) {
  return kind == LossKind::squared_error || kind == LossKind::absolute_error || kind == LossKind::huber ||
         kind == LossKind::log_cosh || kind == LossKind::squared_logarithmic_error;
}

struct ElementwiseLossConfig {
  LossKind kind;
  int64_t positions;
  int64_t extent;
  double delta;
  double label_smoothing;
  double gamma;
  double alpha;
  double threshold;
  bool balanced;
};

inline LossKind loss_kind(const std::string& node, const Attributes& attributes) {
  const std::string name = attributes.str("kind", "squared_error");
  for (size_t i = 0; i < kLossNames.size(); ++i) {
    if (kLossNames[i] == name) return static_cast<LossKind>(i);
  }
  throw_value(node, ": unknown kind of loss '", name, "'");
}

inline Configuration elementwise_loss_configuration(const TensorType& predictions, const Attributes& a) {
  const int64_t extent = last_extent(predictions.dims);
  return make_configuration(
      ElementwiseLossConfig{loss_kind("elementwise_loss", a), predictions.size() / extent, extent,
                            a.real("delta", 1.0), a.real("label_smoothing", 0.0), a.real("gamma", 2.0),
                            a.real("alpha", 0.25), a.real("threshold", 0.5), a.flag("balanced", false)});
}

inline const Op elementwise_loss{
    .name = "elementwise_loss",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          loss_kind(c.node, c.attributes);
          expect_predictions_and_targets(c);
          expect_fraction(c, "label_smoothing");
          expect_not_negative(c, "gamma", 2.0);
          if (!(c.attributes.real("delta", 1.0) > 0.0)) {
            throw_value(c.node, ": delta must be greater than 0, got ", c.attributes.real("delta", 1.0));
          }
          c.out = {{c.in[0].dtype, without_last(c.in[0].dims), true}};
        },
    .configure = [](const NodeInfo& n) { return elementwise_loss_configuration(n.in[0], n.attributes); },
    .gradient =
        [](GradientContext& g) {
          const LossKind kind = loss_kind(g.node, g.attributes);
          if (kind == LossKind::equal || kind == LossKind::threshold_equal) {
            throw_value(g.node, ": a count of agreements has no gradient; it is a metric, not a loss");
          }
          if (!is_symmetric(kind)) refuse_gradient(g, 1, "targets");
          std::vector<TensorId> result(2, kNoTensor);
          for (size_t i = 0; i < 2; ++i) {
            if (g.wanted[i]) {
              result[i] =
                  g.add("elementwise_loss_grad", {g.out_gradients[0], g.in[i], g.in[1 - i]}, g.attributes);
            }
          }
          return result;
        },
    .cost = [](const NodeInfo& n) { return Cost{8.0 * static_cast<double>(n.in[0].size())}; },
};

inline const Op elementwise_loss_grad{
    .name = "elementwise_loss_grad",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          c.out = {c.in[1]};
        },
    .configure = [](const NodeInfo& n) { return elementwise_loss_configuration(n.in[1], n.attributes); },
    .cost = [](const NodeInfo& n) { return Cost{8.0 * static_cast<double>(n.in[1].size())}; },
};

}  // namespace fastnn::ops

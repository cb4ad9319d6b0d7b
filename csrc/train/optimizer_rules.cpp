// What configurations of optimizers may hold, and which kernel and slots belong to them.
#include "train/optimizer_rules.h"

#include <cmath>
#include <iterator>

#include "core/error.h"

namespace fastnn {

namespace {

constexpr const char* kKindNames[] = {"sgd",   "adagrad", "adadelta", "rmsprop", "adam",     "adamax",
                                      "nadam", "lion",    "ftrl",     "lamb",    "adafactor"};

}  // namespace

void check_config(const OptimizerConfig& c) {
  const char* who = optimizer_kind_name(c.kind);
  const auto fraction = [&](const char* name, double value) {
    if (!(value >= 0 && value < 1))
      throw_value(who, ": ", name, " must be at least 0 and below 1, got ", value);
  };
  const auto not_negative = [&](const char* name, double value) {
    if (!(value >= 0) || !std::isfinite(value))
      throw_value(who, ": ", name, " must be finite and not negative, got ", value);
  };
  fraction("momentum", c.momentum);
  fraction("rho", c.rho);
  fraction("beta_1", c.beta1);
  fraction("beta_2", c.beta2);
  not_negative("momentum_decay", c.momentum_decay);
  not_negative("epsilon", c.epsilon);
  not_negative("initial_accumulator_value", c.initial_accumulator);
  not_negative("weight_decay", c.weight_decay);
  not_negative("clipvalue", c.clip_value);
  not_negative("clipnorm", c.clip_norm);
  not_negative("global_clipnorm", c.global_clip_norm);
  if (!(c.ema_momentum >= 0 && c.ema_momentum <= 1)) {
    throw_value(who, ": ema_momentum must be between 0 and 1, got ", c.ema_momentum);
  }
  if (c.ema_overwrite_frequency < 0) {
    throw_value(who, ": ema_overwrite_frequency must not be negative, got ", c.ema_overwrite_frequency);
  }
  if (c.gradient_accumulation_steps < 1) {
    throw_value(who, ": gradient_accumulation_steps must be at least 1, got ", c.gradient_accumulation_steps);
  }
  if ((c.clip_value > 0) + (c.clip_norm > 0) + (c.global_clip_norm > 0) > 1) {
    throw_value(who, ": only one of clipnorm, clipvalue and global_clipnorm may be set");
  }
  not_negative("l1_regularization_strength", c.l1);
  not_negative("l2_regularization_strength", c.l2);
  not_negative("l2_shrinkage_regularization_strength", c.l2_shrinkage);
  not_negative("beta", c.beta);
  not_negative("epsilon_1", c.epsilon1);
  not_negative("epsilon_2", c.epsilon2);
  if (!(c.learning_rate_power <= 0) || !std::isfinite(c.learning_rate_power)) {
    throw_value(who, ": learning_rate_power must be finite and not above 0, got ", c.learning_rate_power);
  }
  if (!(c.beta2_decay < 0) || !std::isfinite(c.beta2_decay)) {
    throw_value(who, ": beta_2_decay must be finite and below 0, got ", c.beta2_decay);
  }
  if (!(c.clip_threshold > 0)) {
    throw_value(who, ": clip_threshold must be above 0, got ", c.clip_threshold);
  }
  if (c.nesterov && c.momentum == 0) throw_value(who, ": nesterov needs a momentum above 0");
}

UpdateKind update_kind(const OptimizerConfig& c) {
  switch (c.kind) {
    case OptimizerKind::sgd:
      return c.momentum == 0 ? UpdateKind::sgd
             : c.nesterov    ? UpdateKind::sgd_nesterov
                             : UpdateKind::sgd_momentum;
    case OptimizerKind::adagrad:
      return UpdateKind::adagrad;
    case OptimizerKind::adadelta:
      return UpdateKind::adadelta;
    case OptimizerKind::rmsprop:
      if (c.centered)
        return c.momentum == 0 ? UpdateKind::rmsprop_centered : UpdateKind::rmsprop_centered_momentum;
      return c.momentum == 0 ? UpdateKind::rmsprop : UpdateKind::rmsprop_momentum;
    case OptimizerKind::adam:
      return c.amsgrad ? UpdateKind::adam_amsgrad : UpdateKind::adam;
    case OptimizerKind::adamax:
      return UpdateKind::adamax;
    case OptimizerKind::nadam:
      return UpdateKind::nadam;
    case OptimizerKind::lion:
      return UpdateKind::lion;
    case OptimizerKind::ftrl:
      return UpdateKind::ftrl;
    case OptimizerKind::lamb:
      return UpdateKind::lamb_direction;
    case OptimizerKind::adafactor:
      return UpdateKind::adafactor_direction;
  }
  return UpdateKind::sgd;
}

std::vector<std::string> rule_slots(UpdateKind kind) {
  switch (kind) {
    case UpdateKind::sgd_momentum:
    case UpdateKind::sgd_nesterov:
    case UpdateKind::lion:
      return {"momentum"};
    case UpdateKind::adagrad:
      return {"accumulator"};
    case UpdateKind::adadelta:
      return {"accumulated_grad", "accumulated_delta_var"};
    case UpdateKind::rmsprop:
    case UpdateKind::adafactor_direction:
      return {"velocity"};
    case UpdateKind::rmsprop_momentum:
      return {"velocity", "momentum"};
    case UpdateKind::rmsprop_centered:
      return {"velocity", "average_gradient"};
    case UpdateKind::rmsprop_centered_momentum:
      return {"velocity", "average_gradient", "momentum"};
    case UpdateKind::adam:
    case UpdateKind::nadam:
    case UpdateKind::lamb_direction:
      return {"momentum", "velocity"};
    case UpdateKind::ftrl:
      return {"accumulator", "linear"};
    case UpdateKind::adam_amsgrad:
      return {"momentum", "velocity", "velocity_hat"};
    case UpdateKind::adamax:
      return {"momentum", "norm"};
    default:
      return {};
  }
}

double nadam_momentum(const OptimizerConfig& c, int64_t t) {
  return c.beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * c.momentum_decay));
}

const char* optimizer_kind_name(OptimizerKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

OptimizerKind optimizer_kind_from_name(const std::string& name) {
  for (size_t i = 0; i < std::size(kKindNames); ++i) {
    if (name == kKindNames[i]) return static_cast<OptimizerKind>(i);
  }
  std::string known;
  for (const char* kind : kKindNames) known += (known.empty() ? "" : ", ") + std::string(kind);
  throw_value("unknown optimizer '", name, "'; known: ", known);
}

}  // namespace fastnn

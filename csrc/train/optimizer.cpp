#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "core/error.h"
#include "graph/backend.h"

namespace fastnn {

namespace {

// Elements that one kernel call takes: small enough to share a small net among threads, large enough that the
// call costs nothing. Fixed, because sums of squares are taken chunk by chunk.
constexpr int64_t kChunk = 2048;
// What a call costs beside its elements, in elements: balances many small arrays against few large ones.
constexpr double kCallCost = 64;

constexpr const char* kKindNames[] = {"sgd",  "adagrad", "adadelta", "rmsprop",
                                      "adam", "adamax",  "nadam",    "lion"};

void check(const OptimizerConfig& c) {
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
      return {"velocity"};
    case UpdateKind::rmsprop_momentum:
      return {"velocity", "momentum"};
    case UpdateKind::rmsprop_centered:
      return {"velocity", "average_gradient"};
    case UpdateKind::rmsprop_centered_momentum:
      return {"velocity", "average_gradient", "momentum"};
    case UpdateKind::adam:
    case UpdateKind::nadam:
      return {"momentum", "velocity"};
    case UpdateKind::adam_amsgrad:
      return {"momentum", "velocity", "velocity_hat"};
    case UpdateKind::adamax:
      return {"momentum", "norm"};
    default:
      return {};
  }
}

// Nadam's momentum of update t (from 1).
double nadam_momentum(const OptimizerConfig& c, int64_t t) {
  return c.beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * c.momentum_decay));
}

template <class T>
void fill(std::byte* data, int64_t count, double value) {
  std::fill_n(reinterpret_cast<T*>(data), count, static_cast<T>(value));
}

}  // namespace

const char* optimizer_kind_name(OptimizerKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

OptimizerKind optimizer_kind_from_name(const std::string& name) {
  for (size_t i = 0; i < std::size(kKindNames); ++i) {
    if (name == kKindNames[i]) return static_cast<OptimizerKind>(i);
  }
  std::string known;
  for (const char* kind : kKindNames) known += (known.empty() ? "" : ", ") + std::string(kind);
  throw_value("unknown optimizer '", name, "'; known: ", known);
}

Optimizer::Optimizer(const OptimizerConfig& config, std::vector<OptimizedParameter> parameters)
    : config_(config), parameters_(std::move(parameters)) {
  check(config_);
  update_kind_ = update_kind(config_);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const OptimizedParameter& parameter = parameters_[i];
    if (!parameter.store) throw_value("parameter ", i, " has no store");
    if (parameter.entry < 0 || static_cast<size_t>(parameter.entry) >= parameter.store->entries().size()) {
      throw_value("parameter ", i, ": its store has no entry ", parameter.entry);
    }
    const Store::Entry& found = entry(i);
    if (!is_floating(found.dtype)) {
      throw_type("parameter '", found.name, "' is ", dtype_name(found.dtype),
                 "; optimizers change float32 and float64");
    }
    if (!(parameter.rate_multiplier >= 0) || !std::isfinite(parameter.rate_multiplier)) {
      throw_value("parameter '", found.name,
                  "': the learning-rate multiplier must be finite and not negative, got ",
                  parameter.rate_multiplier);
    }
    for (size_t j = 0; j < i; ++j) {
      if (parameters_[j].store == parameter.store && parameters_[j].entry == parameter.entry) {
        throw_value("parameter '", found.name, "' is listed twice");
      }
    }
    if (std::find(stores_.begin(), stores_.end(), parameter.store.get()) == stores_.end()) {
      stores_.push_back(parameter.store.get());
    }
    offsets_.push_back(flat_bytes_);
    counts_.push_back(element_count(found.shape));
    flat_bytes_ += align_up(found.bytes);
  }
  gradients_ = Buffer(flat_bytes_ + kAlignment);
  add_slots();
  make_chunks();
}

const Store::Entry& Optimizer::entry(size_t parameter) const {
  const OptimizedParameter& found = parameters_[parameter];
  return found.store->entries()[static_cast<size_t>(found.entry)];
}

void Optimizer::add_slots() {
  slot_names_ = rule_slots(update_kind_);
  rule_slots_ = slot_names_.size();
  if (config_.use_ema) {
    average_slot_ = static_cast<int>(slot_names_.size());
    slot_names_.emplace_back("average");
    set_aside_ = Buffer(flat_bytes_ + kAlignment);
  }
  if (config_.gradient_accumulation_steps > 1) {
    accumulator_slot_ = static_cast<int>(slot_names_.size());
    slot_names_.emplace_back("gradient_accumulator");
  }
  for (size_t i = 0; i < slot_names_.size(); ++i) slots_.emplace_back(flat_bytes_ + kAlignment);
  if (update_kind_ == UpdateKind::adagrad) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const auto put = entry(i).dtype == DType::f64 ? fill<double> : fill<float>;
      put(slot(0, i), counts_[i], config_.initial_accumulator);
    }
  }
}

double Optimizer::chunk_cost(const Chunk& chunk) const {
  return static_cast<double>(chunk.count * dtype_size(entry(static_cast<size_t>(chunk.parameter)).dtype)) /
             4 +
         kCallCost;
}

void Optimizer::make_chunks() {
  double cost = 0;
  chunk_cost_.push_back(0);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    first_chunk_.push_back(chunks_.size());
    for (int64_t begin = 0; begin < counts_[i]; begin += kChunk) {
      const int64_t count = std::min(kChunk, counts_[i] - begin);
      chunks_.push_back({static_cast<int32_t>(i), begin, count});
      cost += chunk_cost(chunks_.back());
      chunk_cost_.push_back(cost);
    }
  }
  first_chunk_.push_back(chunks_.size());
  chunk_squares_.assign(chunks_.size(), 0.0);
}

Optimizer::Others::Others(const Optimizer& optimizer, const std::vector<char>& updated_in_parts) {
  for (size_t c = 0; c < optimizer.chunks_.size(); ++c) {
    const Chunk& chunk = optimizer.chunks_[c];
    if (updated_in_parts[static_cast<size_t>(chunk.parameter)] != 0) continue;
    chunks.push_back(c);
    cost.push_back(cost.back() + optimizer.chunk_cost(chunk));
  }
}

// The chunks of one thread, from their running cost: every element's result is the same whoever computes it.
std::pair<size_t, size_t> Optimizer::share(const std::vector<double>& cost, int thread, int threads) {
  const auto bound = [&](int part) {
    const double target = cost.back() * part / threads;
    const auto found = std::lower_bound(cost.begin(), cost.end(), target);
    return part == threads ? cost.size() - 1 : static_cast<size_t>(found - cost.begin());
  };
  return {bound(thread), bound(thread + 1)};
}

void Optimizer::run(UpdateCall call, const Chunk& chunk) const {
  const auto p = static_cast<size_t>(chunk.parameter);
  const bool wide = entry(p).dtype == DType::f64;
  const int64_t offset = chunk.begin * (wide ? 8 : 4);
  call.count = chunk.count;
  call.parameter = parameters_[p].store->data(parameters_[p].entry) + offset;
  call.gradient = gradients_.data() + offsets_[p] + offset;
  for (size_t s = 0; s < rule_slots_; ++s) call.slots[s] = slot(s, p) + offset;
  (wide ? kernel_table().update_f64 : kernel_table().update_f32)(call);
}

void Optimizer::run_on_slot(UpdateCall call, const Chunk& chunk, int which) const {
  const auto p = static_cast<size_t>(chunk.parameter);
  const bool wide = entry(p).dtype == DType::f64;
  const int64_t offset = chunk.begin * (wide ? 8 : 4);
  call.count = chunk.count;
  call.parameter = parameters_[p].store->data(parameters_[p].entry) + offset;
  call.gradient = gradients_.data() + offsets_[p] + offset;
  if (which >= 0) call.slots[0] = slot(static_cast<size_t>(which), p) + offset;
  (wide ? kernel_table().update_f64 : kernel_table().update_f32)(call);
}

UpdateCall Optimizer::update_call() const {
  const OptimizerConfig& c = config_;
  const int64_t update = iterations() + 1;
  const auto t = static_cast<double>(update);
  UpdateCall call;
  call.kind = update_kind_;
  call.clip = c.clip_value > 0 ? c.clip_value : std::numeric_limits<double>::infinity();
  call.beta1 = c.beta1;
  call.beta2 = c.beta2;
  call.epsilon = c.epsilon;
  switch (c.kind) {
    case OptimizerKind::sgd:
      call.beta1 = c.momentum;
      break;
    case OptimizerKind::adadelta:
    case OptimizerKind::rmsprop:
      call.beta1 = c.momentum;
      call.beta2 = c.rho;
      break;
    case OptimizerKind::adam:
    case OptimizerKind::adamax:
      call.correction1 = 1 / (1 - std::pow(c.beta1, t));
      call.correction2 = 1 / std::sqrt(1 - std::pow(c.beta2, t));
      break;
    case OptimizerKind::nadam: {
      const double now = nadam_momentum(c, update);
      const double next = nadam_momentum(c, update + 1);
      const double product = momentum_product_ * now;
      call.correction1 = next / (1 - product * next);
      call.look_ahead = (1 - now) / (1 - product);
      call.correction2 = 1 / std::sqrt(1 - std::pow(c.beta2, t));
      break;
    }
    case OptimizerKind::adagrad:
    case OptimizerKind::lion:
      break;
  }
  return call;
}

double Optimizer::norm_scale(size_t first_chunk, size_t last_chunk, double limit) const {
  double sum = 0;
  for (size_t c = first_chunk; c < last_chunk; ++c) sum += chunk_squares_[c];
  const double norm = std::sqrt(sum);
  return norm > limit ? limit / norm : norm == norm ? 1.0 : norm;
}

void Optimizer::set_parameter(UpdateCall& call, size_t parameter, double learning_rate) const {
  call.rate = learning_rate * parameters_[parameter].rate_multiplier;
  call.keep = parameters_[parameter].decay ? 1 - call.rate * config_.weight_decay : 1.0;
}

bool Optimizer::updates_parts() const {
  return config_.clip_norm == 0 && config_.global_clip_norm == 0 && average_slot_ < 0 &&
         accumulator_slot_ < 0;
}

void Optimizer::update_part(size_t parameter, const OutputPart& part, double learning_rate) const {
  UpdateCall call = update_call();
  set_parameter(call, parameter, learning_rate);
  for (int64_t row = 0; row < part.rows; ++row) {
    run(call, {static_cast<int32_t>(parameter), part.first + row * part.row_length, part.columns});
  }
}

void Optimizer::update(Team& team, int thread, double learning_rate, const Others* others) {
  const auto [first, last] = share(others == nullptr ? chunk_cost_ : others->cost, thread, team.size);
  UpdateCall call = update_call();
  if (accumulator_slot_ >= 0) {
    UpdateCall mean;
    mean.kind = UpdateKind::take_mean;
    mean.scale = static_cast<double>(config_.gradient_accumulation_steps);
    for (size_t c = first; c < last; ++c) run_on_slot(mean, chunks_[c], accumulator_slot_);
  }
  const bool global = config_.global_clip_norm > 0;
  const bool single = config_.clip_norm > 0;
  if (global || single) {
    UpdateCall squares;
    squares.kind = UpdateKind::sum_of_squares;
    squares.clip = call.clip;
    for (size_t c = first; c < last; ++c) {
      squares.result = &chunk_squares_[c];
      run_on_slot(squares, chunks_[c], -1);
    }
    team.barrier.wait();
    if (global) call.scale = norm_scale(0, chunks_.size(), config_.global_clip_norm);
  }
  UpdateCall average;
  average.kind = UpdateKind::move_average;
  average.beta1 = iterations() == 0 ? 0 : config_.ema_momentum;
  UpdateCall overwrite;
  overwrite.kind = UpdateKind::overwrite;
  const int64_t every = config_.ema_overwrite_frequency;
  const bool overwrites = every > 0 && (iterations() + 1) % every == 0;

  int32_t parameter = -1;
  for (size_t c = first; c < last; ++c) {
    const Chunk& chunk = chunks_[others == nullptr ? c : others->chunks[c]];
    if (chunk.parameter != parameter) {
      parameter = chunk.parameter;
      const auto p = static_cast<size_t>(parameter);
      set_parameter(call, p, learning_rate);
      if (single) call.scale = norm_scale(first_chunk_[p], first_chunk_[p + 1], config_.clip_norm);
    }
    run(call, chunk);
    if (average_slot_ >= 0) {
      run_on_slot(average, chunk, average_slot_);
      if (overwrites) run_on_slot(overwrite, chunk, average_slot_);
    }
  }
}

void Optimizer::apply(Team& team, int thread, double learning_rate, const Others* others) {
  const bool updates = is_update_step();
  if (updates) {
    update(team, thread, learning_rate, others);
  } else {
    UpdateCall call;
    call.kind = UpdateKind::accumulate;
    const auto [first, last] = share(chunk_cost_, thread, team.size);
    for (size_t c = first; c < last; ++c) run_on_slot(call, chunks_[c], accumulator_slot_);
  }
  team.barrier.wait();
  // After the barrier, so that no thread sees the new count in this step; the next begins with a barrier.
  if (thread == 0) {
    if (updates) {
      for (Store* store : stores_) store->touch();  // all threads have written
      momentum_product_ *= nadam_momentum(config_, iterations() + 1);
    }
    ++steps_;
    has_set_aside_ = false;
  }
}

void Optimizer::apply(int threads, double learning_rate) {
  std::lock_guard lock(mutex_);
  parallel(threads, [&](Team& team, int thread) { apply(team, thread, learning_rate); });
}

void Optimizer::set_steps(int64_t steps) {
  if (steps < 0) throw_value("the number of steps must not be negative, got ", steps);
  steps_ = steps;
  momentum_product_ = 1;
  if (config_.kind != OptimizerKind::nadam) return;
  for (int64_t t = 1; t <= iterations(); ++t) momentum_product_ *= nadam_momentum(config_, t);
}

void Optimizer::overwrite_with_averages() {
  if (average_slot_ < 0 || iterations() == 0 || has_set_aside_) return;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    std::memcpy(set_aside(i), parameters_[i].store->data(parameters_[i].entry),
                static_cast<size_t>(entry(i).bytes));
  }
  has_set_aside_ = true;
  UpdateCall overwrite;
  overwrite.kind = UpdateKind::overwrite;
  for (const Chunk& chunk : chunks_) run_on_slot(overwrite, chunk, average_slot_);
  for (Store* store : stores_) store->touch();
}

void Optimizer::take_back_from_averages() {
  if (!has_set_aside_) return;
  has_set_aside_ = false;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const std::byte* now = parameters_[i].store->data(parameters_[i].entry);
    const std::byte* average = slot(static_cast<size_t>(average_slot_), i);
    if (std::memcmp(now, average, static_cast<size_t>(entry(i).bytes)) != 0) return;
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    std::memcpy(parameters_[i].store->data(parameters_[i].entry), set_aside(i),
                static_cast<size_t>(entry(i).bytes));
  }
  for (Store* store : stores_) store->touch();
}

}  // namespace fastnn

#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "graph/backend.h"
#include "train/optimizer_rules.h"

namespace fastnn {

namespace {

// Elements that one kernel call takes: small enough to share a small net among threads, large enough that the
// call costs nothing. Fixed, because sums of squares are taken chunk by chunk.
constexpr int64_t kChunk = 2048;
// Rows of a factored parameter that share one array of its columns' sums (in float64), so that these stay
// small against the parameter.
constexpr int64_t kChunkRows = 64;
// What a call costs beside its elements, in elements: balances many small arrays against few large ones.
constexpr double kCallCost = 64;

template <class T>
void fill(std::byte* data, int64_t count, double value) {
  std::fill_n(reinterpret_cast<T*>(data), count, static_cast<T>(value));
}

}  // namespace

Optimizer::Optimizer(const OptimizerConfig& config, std::vector<OptimizedParameter> parameters)
    : config_(config), parameters_(std::move(parameters)) {
  check_config(config_);
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
  int64_t first_bytes = flat_bytes_;
  if (config_.kind == OptimizerKind::adafactor) {
    first_bytes = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      velocity_offsets_.push_back(first_bytes);
      first_bytes += align_up(element_count(slot_shape(0, i)) * dtype_size(entry(i).dtype));
    }
  }
  for (size_t i = 0; i < slot_names_.size(); ++i) {
    slots_.emplace_back((i == 0 ? first_bytes : flat_bytes_) + kAlignment);
  }
  if (update_kind_ == UpdateKind::adagrad || update_kind_ == UpdateKind::ftrl) {
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
    // Of a factored parameter a chunk is whole rows of one matrix.
    const int64_t columns = factored(i) ? entry(i).shape.back() : 1;
    const int64_t matrix = factored(i) ? columns * entry(i).shape.rbegin()[1] : counts_[i];
    const int64_t size = std::max(kChunk / columns, factored(i) ? kChunkRows : 1) * columns;
    for (int64_t begin = 0, left = matrix; begin < counts_[i];) {
      const int64_t count = std::min(size, left);
      chunks_.push_back({static_cast<int32_t>(i), begin, count});
      cost += chunk_cost(chunks_.back());
      chunk_cost_.push_back(cost);
      begin += count;
      left = left == count ? matrix : left - count;
    }
  }
  first_chunk_.push_back(chunks_.size());
  chunk_squares_.assign(chunks_.size(), 0.0);
  if (needs_directions(update_kind_)) reserve_sums();
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
  // Of Ftrl the linear slot is divided by the rate: without one all stays as it is.
  if (call.kind == UpdateKind::ftrl && call.rate == 0) return;
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
    case OptimizerKind::lamb:
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
    case OptimizerKind::ftrl:
      call.power = -c.learning_rate_power;
      call.l1 = c.l1;
      call.shrinkage = 2 * c.l2_shrinkage;
      break;
    case OptimizerKind::adafactor:
      call.beta2 = 1 - std::pow(t, c.beta2_decay);
      call.epsilon = c.epsilon1;
      break;
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
  call.l2 = 2 * call.rate * config_.l2 + config_.beta;
}

bool Optimizer::updates_parts() const {
  return config_.clip_norm == 0 && config_.global_clip_norm == 0 && average_slot_ < 0 &&
         accumulator_slot_ < 0 && !needs_directions(update_kind_);
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
  const bool directions = needs_directions(update_kind_);
  if (directions) make_directions(team, thread, learning_rate, call);
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
      if (directions) {
        call = follow_direction(p, learning_rate);
      } else {
        aim(call, p, learning_rate);
      }
    }
    run(call, chunk);
    if (average_slot_ >= 0) {
      run_on_slot(average, chunk, average_slot_);
      if (overwrites) run_on_slot(overwrite, chunk, average_slot_);
    }
  }
}

void Optimizer::aim(UpdateCall& call, size_t p, double learning_rate) const {
  set_parameter(call, p, learning_rate);
  if (config_.clip_norm > 0) {
    call.scale = norm_scale(first_chunk_[p], first_chunk_[p + 1], config_.clip_norm);
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

// Optimizers: from flat gradients to changed parameters, by all threads of a team at once.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/kernel.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/turns.h"
#include "core/update.h"
#include "graph/store.h"

namespace fastnn {

enum class OptimizerKind : uint8_t {
  sgd,
  adagrad,
  adadelta,
  rmsprop,
  adam,
  adamax,
  nadam,
  lion,
  ftrl,
  lamb,
  adafactor
};

FASTNN_API const char* optimizer_kind_name(OptimizerKind kind);
FASTNN_API OptimizerKind optimizer_kind_from_name(const std::string& name);  ///< throws on unknown names

/// What an optimizer does, apart from the learning rate, which every step gives anew.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::sgd;
  double momentum = 0;            ///< sgd, rmsprop
  bool nesterov = false;          ///< sgd
  double rho = 0.9;               ///< rmsprop, adadelta (0.95 there)
  bool centered = false;          ///< rmsprop
  double beta1 = 0.9;             ///< adam, adamax, nadam, lion, lamb
  double beta2 = 0.999;           ///< adam, adamax, nadam, lamb; lion (0.99 there)
  double momentum_decay = 0.004;  ///< nadam
  bool amsgrad = false;           ///< adam
  double epsilon = 1e-7;
  double initial_accumulator = 0.1;  ///< adagrad, ftrl

  double learning_rate_power = -0.5;  ///< ftrl, as what follows
  double l1 = 0;
  double l2 = 0;
  double l2_shrinkage = 0;
  double beta = 0;

  double beta2_decay = -0.8;  ///< adafactor, as what follows
  double epsilon1 = 1e-30;
  double epsilon2 = 1e-3;
  double clip_threshold = 1;
  bool relative_step = true;

  double weight_decay =
      0;  ///< decoupled: parameters lose rate * weight_decay of themselves each update; 0: none
  double clip_value = 0;        ///< gradients are clamped to [-clip_value, clip_value]; 0: not
  double clip_norm = 0;         ///< each parameter's gradient is scaled down to this norm; 0: not
  double global_clip_norm = 0;  ///< all gradients together; 0: not

  bool use_ema = false;  ///< keep an exponential moving average of the parameters
  double ema_momentum = 0.99;
  int64_t ema_overwrite_frequency = 0;  ///< parameters become their averages every so many updates; 0: never

  int64_t gradient_accumulation_steps = 1;  ///< gradients are averaged over so many steps for one update
};

/// A parameter that an optimizer changes.
struct OptimizedParameter {
  std::shared_ptr<Store> store;
  int32_t entry = 0;
  bool decay = true;           ///< whether weight decay applies
  double rate_multiplier = 1;  ///< of the learning rate, for this parameter
};

/// Owns the flat gradients and slots of a list of float32 and float64 parameters, in the list's order.
///
/// All per-step results are the same bits for any number of threads.
class FASTNN_API Optimizer {
 public:
  /// Throws Error(value) naming the argument that is out of range.
  Optimizer(const OptimizerConfig& config, std::vector<OptimizedParameter> parameters);

  /// For those who train with it: one run at a time, whichever trainer's.
  Turns& turns() { return turns_; }

  const OptimizerConfig& config() const { return config_; }
  const std::vector<OptimizedParameter>& parameters() const { return parameters_; }

  /// The flat gradients: parameter i's begin at flat_offset(i), a multiple of 64 bytes. Zero at first.
  int64_t flat_bytes() const { return flat_bytes_; }
  int64_t flat_offset(size_t parameter) const { return offsets_[parameter]; }
  std::byte* gradients() const { return gradients_.data(); }

  /// May parts of a gradient be used before the others are known? Not with clipping by norms, averages of
  /// parameters, accumulated gradients or steps that depend on the whole of an array.
  bool updates_parts() const;
  /// Updates a part of a parameter as this step's `apply` would, which is to be told of it by `Others`.
  void update_part(size_t parameter, const OutputPart& part, double learning_rate) const;

  /// The chunks of the parameters that `apply` is to update where others were updated in parts, and how they
  /// are shared out.
  class Others {
   public:
    Others() = default;
    Others(const Optimizer& optimizer, const std::vector<char>& updated_in_parts);

   private:
    friend class Optimizer;
    std::vector<size_t> chunks;
    std::vector<double> cost{0.0};
  };

  /// Takes one step with the gradients, which it may overwrite. Every thread of the team calls it with the
  /// same rate, after a barrier; it ends with a barrier. Allocates nothing. Without `others` it updates all.
  void apply(Team& team, int thread, double learning_rate, const Others* others = nullptr);
  /// The same from outside a team, on up to `threads` threads; one caller at a time, others wait.
  void apply(int threads, double learning_rate);

  /// Calls of apply so far: what schedules count.
  int64_t steps() const { return steps_; }
  /// Updates so far: steps, unless gradients are accumulated.
  int64_t iterations() const { return steps_ / config_.gradient_accumulation_steps; }
  void set_steps(int64_t steps);

  /// Parameters become their moving averages, and what they were is set aside; nothing without use_ema.
  void overwrite_with_averages();
  /// Undoes that, if nobody has changed the parameters since: training goes on as if it had not ended.
  void take_back_from_averages();
  bool has_set_aside() const { return has_set_aside_; }
  void set_has_set_aside(bool has) { has_set_aside_ = has && average_slot_ >= 0; }
  std::byte* set_aside(size_t parameter) const { return set_aside_.data() + offsets_[parameter]; }

  /// Slot arrays, each in the layout of the gradients (but for Adafactor's first): "momentum", "velocity",
  /// ...; "average" with use_ema and "gradient_accumulator" with gradient accumulation come last.
  const std::vector<std::string>& slot_names() const { return slot_names_; }
  std::byte* slot(size_t which, size_t parameter) const {
    const bool own = which == 0 && !velocity_offsets_.empty();
    return slots_[which].data() + (own ? velocity_offsets_ : offsets_)[parameter];
  }
  /// The parameter's shape; of Adafactor's velocity (..., rows + columns) where it is kept as means of rows
  /// and of columns.
  Shape slot_shape(size_t which, size_t parameter) const;
  const Store::Entry& entry(size_t parameter) const;

 private:
  struct Chunk {
    int32_t parameter;
    int64_t begin;  // element
    int64_t count;
  };
  bool is_update_step() const { return (steps_ + 1) % config_.gradient_accumulation_steps == 0; }
  void add_slots();
  void make_chunks();
  double chunk_cost(const Chunk& chunk) const;
  static std::pair<size_t, size_t> share(const std::vector<double>& cost, int thread, int threads);
  void run(UpdateCall call, const Chunk& chunk) const;
  void run_on_slot(UpdateCall call, const Chunk& chunk, int slot) const;
  UpdateCall update_call() const;
  double norm_scale(size_t first_chunk, size_t last_chunk, double limit) const;
  void set_parameter(UpdateCall& call, size_t parameter, double learning_rate) const;
  void update(Team& team, int thread, double learning_rate, const Others* others);
  void aim(UpdateCall& call, size_t parameter, double learning_rate) const;
  // Of optimizers whose step depends on the whole of an array (optimizer_directions.cpp).
  bool factored(size_t parameter) const;
  void reserve_sums();
  void make_directions(Team& team, int thread, double learning_rate, const UpdateCall& call);
  template <class T>
  void take_means(size_t parameter, double beta2);
  UpdateCall follow_direction(size_t parameter, double learning_rate) const;

  OptimizerConfig config_;
  std::vector<OptimizedParameter> parameters_;
  UpdateKind update_kind_ = UpdateKind::sgd;
  std::vector<Store*> stores_;  // each once
  std::vector<int64_t> offsets_;
  std::vector<int64_t> counts_;
  int64_t flat_bytes_ = 0;
  Buffer gradients_;
  std::vector<std::string> slot_names_;
  std::vector<Buffer> slots_;
  size_t rule_slots_ = 0;  // the first slots are the rule's own
  int average_slot_ = -1;
  Buffer set_aside_;  // with use_ema: parameters as they were before they became their averages
  bool has_set_aside_ = false;
  int accumulator_slot_ = -1;
  std::vector<Chunk> chunks_;
  std::vector<size_t> first_chunk_;  // of each parameter, and one past the last
  std::vector<double> chunk_cost_;   // running sums, for sharing the chunks out
  std::vector<double> chunk_squares_;
  std::vector<double> chunk_sums_;         // with directions: of squares of parameters and directions
  std::vector<int64_t> velocity_offsets_;  // adafactor: of the first slot, as what follows
  std::vector<double> row_sums_;           // of factored parameters' rows, then the rows' factors
  std::vector<double> column_sums_;        // of each chunk's columns
  std::vector<double> column_factors_;     // of each matrix's columns
  std::vector<size_t> first_row_;          // of each parameter, in row_sums_
  std::vector<size_t> first_column_sum_;   // of each chunk
  std::vector<size_t> first_column_;       // of each parameter, in column_factors_
  int64_t steps_ = 0;
  double momentum_product_ = 1;  // nadam: of the updates so far
  std::mutex mutex_;
  Turns turns_;
};

}  // namespace fastnn

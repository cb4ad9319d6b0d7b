// The training loop: gather a batch, run the plan, look at the loss, update, assign state. Whole epochs run
// without coming back to the caller, in one long-lived parallel region; after the first step nothing is
// allocated.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "graph/executor.h"
#include "graph/profile.h"
#include "train/optimizer.h"

namespace fastnn {

/// What a loop computes in each step. Without an optimizer it evaluates: no gradients, no update, no state.
struct TrainerSpec {
  std::shared_ptr<const Graph> graph;
  TensorId loss = kNoTensor;           ///< unbatched float64 scalar
  std::vector<TensorId> accumulators;  ///< unbatched float64 tensors, added up over the steps (metrics)
  size_t means = 0;  ///< the first so many accumulators are means of a batch: each counts once a sample
  std::vector<TensorId> gradients;  ///< one for each of the optimizer's parameters; kNoTensor: zero
  std::vector<std::pair<TensorId, TensorId>> assignments;  ///< (state, its new value), done at a step's end
  std::shared_ptr<Optimizer> optimizer;
  /// Weight constraints: (parameter, constrained value), both tensors of `constraint_graph`, applied after
  /// updates.
  std::shared_ptr<const Graph> constraint_graph;
  std::vector<std::pair<TensorId, TensorId>> constraints;
  /// Memory that the runs have with those of other trainers and functions; null: the trainer has its own.
  std::shared_ptr<ArenaPool> arenas;
};

enum class OnNonFinite { raise, warn, ignore };

struct EpochResult {
  double loss = 0;  ///< mean over samples
  std::vector<std::vector<double>> accumulators;
  int64_t steps = 0;
  int64_t samples = 0;
  int64_t nonfinite_steps = 0;
  bool stopped = false;
};

struct EpochArguments {
  std::vector<BatchSource> sources;  ///< one for each of the graph's inputs
  int64_t samples = 0;               ///< rows of the sources
  int64_t batch_size = 32;           ///< also the plan's capacity, even if there are fewer samples
  int64_t max_steps = 0;             ///< stop after that many steps; 0: all rows once
  bool shuffle = false;              ///< by Philox, keyed by seed and epoch
  const int64_t* order = nullptr;    ///< `samples` row numbers to take in this order, instead of shuffling
  bool drop_remainder = false;
  std::vector<double> learning_rates;  ///< one a step (the last one holds on)
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t first_step = 0;  ///< of the whole training so far, for random numbers
  /// What messages call this epoch and its first step, from 1; epoch 0: one more than `epoch`.
  uint64_t shown_epoch = 0;
  uint64_t shown_step = 1;
  OnNonFinite on_nonfinite = OnNonFinite::raise;
  /// Called by the calling thread at most every `interval` seconds, with what there is so far; false stops
  /// after the current step.
  std::function<bool(const EpochResult&)> progress;
  double interval = 0.1;
  /// May change the flat gradients (see Optimizer::flat_offset) between reduction and update.
  std::function<void()> transform_gradients;
};

/// A loss that is NaN or Inf; says where it came from.
class FASTNN_API NonFiniteError : public Error {
 public:
  NonFiniteError(const std::string& message, uint64_t shown_step)
      : Error(ErrorKind::runtime, message), shown_step(shown_step) {}
  uint64_t shown_step;
};

class FASTNN_API Trainer {
 public:
  explicit Trainer(TrainerSpec spec);

  /// Threads that call it at once take turns, as do trainers with the same optimizer.
  EpochResult run_epoch(const EpochArguments& args);
  const TrainerSpec& spec() const { return spec_; }
  std::shared_ptr<const Plan> plan(int64_t capacity) { return planned(capacity).plan; }
  /// Bytes of the workspaces and of the idle arenas now held; those may be others', too.
  int64_t bytes() const;

  /// Switches timing on, from zero, or off, for all runs to come.
  void set_profiling(bool on);
  bool profiling() const { return profiling_; }
  /// Where the time went since then; the last row is the optimizer's update. Steps in `runs`, wall time of
  /// the runs in `seconds`.
  std::vector<ProfileRow> profile_rows() const;
  int64_t profiled_runs() const { return profiled_runs_; }
  double profiled_seconds() const { return profiled_seconds_; }

 private:
  struct Prepared {
    int64_t capacity = 0;
    std::shared_ptr<const Plan> plan;
    std::unique_ptr<Workspace> workspace;
  };
  Prepared& planned(int64_t capacity);
  /// Workspaces, the constraints' too, for so many threads: the number may have grown since the last run.
  void make_room(Prepared& use, int threads);
  void assign_state(const Workspace& workspace, size_t first_fetched);
  [[noreturn]] void explain_nonfinite(Prepared& use, RunArguments args, const EpochArguments& epoch,
                                      int64_t step, double loss);

  TrainerSpec spec_;
  Turns turns_;                                  // without an optimizer
  std::list<Prepared> plans_;                    // most recently used first
  std::shared_ptr<const Plan> constraint_plan_;  // null: no constraints
  std::unique_ptr<Workspace> constraint_workspace_;
  Arena constraint_arena_;
  bool profiling_ = false;
  int64_t profiled_runs_ = 0;
  double profiled_seconds_ = 0;
  double update_seconds_ = 0;  // of thread 0, times the threads
};

/// Numbers 0 .. count - 1 in an order keyed by seed and epoch (Fisher-Yates on Philox numbers).
FASTNN_API std::vector<int64_t> shuffled_rows(int64_t count, uint64_t seed, uint64_t epoch);

}  // namespace fastnn

// Runs plans. A Workspace is what one run needs besides the plan; many threads may run one plan at once, each
// with a workspace of its own (see WorkspacePool). Most of its memory is an arena's, in which other plans'
// runs take turns.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/parallel.h"
#include "graph/plan.h"

namespace fastnn {

/// Where one graph input's rows lie.
struct BatchSource {
  const std::byte* data = nullptr;
  int64_t row_stride = 0;  ///< bytes; 0 repeats one row for every sample
  DType dtype = DType::f32;
  const AugmentConfig* augment =
      nullptr;           ///< random changes (core/augment.h), or null; must outlive the runs
  int64_t row_base = 0;  ///< number in the data set of the source's first row: random changes are keyed by it
};

/// Uses up large gradients while they lie in the cache (see Step::taken): the optimizer, as the trainer has
/// it.
class GradientTaker {
 public:
  virtual ~GradientTaker() = default;
  /// May they be used? Asked when the loss is known; the same answer in every thread.
  virtual bool takes() const = 0;
  /// A part of a flat gradient is ready. Threads call it at the same time, with different parts.
  virtual void take(int32_t gradient, const OutputPart& part) const = 0;
};

/// One run: which samples, and where results go.
struct RunArguments {
  const BatchSource* sources = nullptr;  ///< one for each of the graph's inputs
  const int64_t* rows = nullptr;  ///< row numbers of the batch's samples; null: first_row, first_row + 1, ...
  int64_t first_row = 0;
  int64_t samples = 0;                    ///< 1 .. plan.request().capacity
  std::byte* const* externals = nullptr;  ///< [0] flat gradients, [1 ...] fetched batched outputs, in order
  uint64_t seed = 0;
  uint64_t step = 0;
  uint64_t epoch = 0;
  int64_t sample_base = 0;  ///< number in the caller's batch of the run's first sample, for keys and messages
  /// Plan::prologue() leaves out what follows from parameters alone and was made by the last run.
  int32_t first_slot = 0;
  int32_t end_slot = -1;                 ///< one past the last; -1: all
  const GradientTaker* taker = nullptr;  ///< null: gradients are only made
  bool find_nonfinite = false;  ///< look at every output and report the first NaN or Inf (slow; one thread)
};

/// Where one step of a plan spent its time, over all threads and runs since timing was switched on.
struct StepTime {
  int64_t calls = 0;
  int64_t samples = 0;  ///< tile steps: samples seen
  int64_t nanoseconds = 0;
};

class FASTNN_API Workspace {
 public:
  /// For up to `threads` threads. Needs an arena before it runs.
  Workspace(std::shared_ptr<const Plan> plan, int threads);

  const Plan& plan() const { return *plan_; }
  int threads() const { return static_cast<int>(threads_.size()); }
  /// Bytes that each thread's block of an arena must have; the shared one must have plan().shared_bytes().
  int64_t thread_bytes() const;
  /// Takes an arena, with room enough, for the next run, or a series of runs in which nobody else has it.
  void use(const Arena& arena);
  /// Refreshes the addresses of parameters. Call before a run, or a series of runs in which no store grows.
  void bind_parameters();
  /// Makes sure that there is scratch for what the sources ask for. Call before a run, or a series of runs.
  void bind_sources(const BatchSource* sources);
  /// First slot of the next run: past the prologue where that only packs parameters, and the last run of this
  /// workspace did so with the same values. Call after bind_parameters.
  int32_t first_slot();
  /// Value of an unbatched plan tensor after a run, as long as the arena is this workspace's.
  const std::byte* value(int32_t plan_tensor) const;
  Status& status() { return status_; }
  /// Throws the Error that a kernel reported, if one did, and clears it.
  void check_status();
  int64_t bytes() const;  ///< without the arena's
  /// Switches the timing of steps on, from zero, or off. Costs some 50 ns a kernel call.
  void time_steps(bool on);
  bool timing() const { return timing_; }
  /// Times of all steps, in order, of waiting at barriers and of taking gradients (GradientTaker) in the last
  /// two places; all threads added up.
  std::vector<StepTime> step_times() const;

 private:
  friend FASTNN_API void execute(Workspace&, const RunArguments&, Team&, int);
  friend FASTNN_API void execute_tiles(Workspace&, const RunArguments&, int64_t,
                                       const std::function<void(int64_t)>&, std::atomic<int64_t>&, int);

  // An operand of a tile step that lies elsewhere for each tile or shard.
  struct Moving {
    View* view;
    std::byte* data;       // for the first sample, the first shard
    int64_t sample_bytes;  // from sample to sample
    int64_t shard_bytes;   // from shard to shard
    int32_t gathered;      // a gathered tensor: it may lie in the caller's memory; -1: none
  };
  struct TileCall {
    KernelCall call;
    size_t first_moving, last_moving;
  };
  struct ThreadState {
    std::byte* memory = nullptr;   // tile memory, then scratch, in the arena
    Buffer augment;                // scratch of gathers that augment
    std::vector<View> views;       // operands of all steps, in order
    std::vector<std::byte*> base;  // of each plan tensor, for the current tile
    std::vector<TileCall> calls;   // of each tile step, made ready for a run of its slot
    std::vector<Moving> moving;    // of all tile steps of the slot
    std::vector<StepTime> times;   // of each step, of barriers, of taking gradients; empty unless timing
  };
  void run_tiles(const Slot& slot, const RunArguments& args, int threads, ThreadState& mine, int thread);
  void run_tile(const Slot& slot, const RunArguments& args, ThreadState& mine, int64_t tile, int64_t shard);
  void make_ready(const Slot& slot, const RunArguments& args, ThreadState& mine);
  void gather(const Step& step, const RunArguments& args, ThreadState& mine, int64_t first, int64_t count);
  void run_tile_step(const Step& step, size_t index, const RunArguments& args, ThreadState& mine,
                     int64_t first, int64_t count, int64_t shard);
  void run_whole_step(const Step& step, size_t index, const RunArguments& args, ThreadState& mine,
                      int threads, int thread);
  void run_and_take(const Step& step, size_t index, KernelCall call, const GradientTaker& taker,
                    ThreadState& mine);
  void look_for_nonfinite(const Step& step, const RunArguments& args, ThreadState& mine, int64_t first,
                          int64_t count);
  void search_chain(const Step& step, const KernelCall& call, int64_t first);
  void combine(const Step& step, const RunArguments& args, int64_t begin, int64_t end);
  std::byte* address(const PlanTensor& asked, const RunArguments& args, ThreadState& mine,
                     int64_t first) const;
  void fill_call(KernelCall& call, const Step& step, size_t index, const RunArguments& args,
                 ThreadState& mine) const;

  std::shared_ptr<const Plan> plan_;
  Buffer kept_;                  // what later runs read, too
  std::byte* shared_ = nullptr;  // in the arena
  bool has_constants_ = false;   // computed at the first use of an arena
  std::vector<ThreadState> threads_;
  std::vector<size_t> first_view_;         // of each step
  std::vector<std::byte*> store_address_;  // of each plan tensor in `store` space
  Status status_;
  uint64_t versions_ = 0;         // sum of the stores' versions, which grow at every change
  uint64_t packed_versions_ = 0;  // the same when the prologue was run last; 0: never
  bool timing_ = false;
};

/// Runs the plan; every thread of the team calls it, and it ends with a barrier.
FASTNN_API void execute(Workspace& workspace, const RunArguments& args, Team& team, int thread);

/// Runs all batches of `samples` samples past the prologue, for a plan with tiles_alone(): whichever thread
/// is free takes the next tile, from `next` on, which starts at 0. move_to(first sample) sets the thread's
/// args to a batch.
FASTNN_API void execute_tiles(Workspace& workspace, const RunArguments& args, int64_t samples,
                              const std::function<void(int64_t)>& move_to, std::atomic<int64_t>& next,
                              int thread);

/// Threads worth waking for a run of that much arithmetic, at most num_threads().
FASTNN_API int useful_threads(double flops, bool in_long_region);

/// Workspaces of one plan, leased to runs.
class FASTNN_API WorkspacePool {
 public:
  explicit WorkspacePool(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}
  std::unique_ptr<Workspace> lease(int threads);
  void give_back(std::unique_ptr<Workspace> workspace);

 private:
  std::shared_ptr<const Plan> plan_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace fastnn

// How to compute: a graph made ready for a batch capacity. A plan is immutable and shared by threads; what
// one run needs besides is its Workspace.
//
// Time is cut into slots with a barrier after each. In a slot every thread first takes tiles through the
// slot's tile steps, then its share of the slot's whole steps. A tile step may use what earlier tile steps of
// its slot made for the same tile; everything else that a step uses was finished in an earlier slot. A run of
// tile steps in one slot is a segment.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "graph/graph.h"

namespace fastnn {

/// Where a plan's tensor lies.
enum class Space : uint8_t {
  none,      ///< nothing uses it
  tile,      ///< in the thread's own tile memory
  batch,     ///< one block for the whole batch, in the run's arena
  value,     ///< unbatched, in the run's arena
  kept,      ///< unbatched, in the workspace for good: what later runs do not compute again
  store,     ///< a parameter
  external,  ///< the caller's memory: fetched outputs, flat gradients
  input  ///< the caller's batch itself, read in place (rows, no conversion needed); never planned, bound by
         ///< run
};

struct PlanTensor {
  TensorType type;
  TensorId source = kNoTensor;  ///< the graph's tensor
  int32_t lanes = 1;
  Space space = Space::none;
  int64_t offset = 0;     ///< bytes; in `tile` space for the plan's tile, else from the region's start
  int32_t external = -1;  ///< index into the run's external pointers
  int32_t alias_of = -1;  ///< shares that tensor's memory
  int32_t producer = -1;  ///< step
  int32_t slot = -1;      ///< slot in which it becomes ready; -1: before the run
  bool by_tile = false;   ///< made by a tile step: usable at once by tile steps of the same slot
  int32_t last_use = -1;  ///< last step (in order) that reads it
  int64_t bytes_per_sample() const { return type.size() * dtype_size(type.dtype); }
};

enum class StepKind : uint8_t {
  gather,   ///< tile: rows of an input into the plan's layout
  tile,     ///< tile: a per-sample kernel
  partial,  ///< tile: adds to the shard's accumulators
  combine,  ///< whole: sums the shards of a partial step in fixed order
  whole,    ///< whole: a kernel over the full batch, or over unbatched operands
  constant  ///< run once, before the workspace's first run
};

struct Step {
  StepKind kind = StepKind::tile;
  int32_t node = -1;  ///< graph node; for gather: index of the graph's input
  int32_t slot = 0;
  KernelFn kernel = nullptr;
  Configuration configuration;
  std::vector<int32_t> in;  ///< plan tensors, -1 for absent operands
  std::vector<int32_t> out;
  int64_t scratch = 0;  ///< bytes
  int64_t units = 1;
  int32_t lanes = 1;        ///< layout that the kernel works in
  int64_t accumulator = 0;  ///< partial, combine: offset of the accumulators in the shared region
  std::vector<int64_t> accumulator_elements;  ///< of each output, lanes included
  int64_t accumulator_bytes = 0;              ///< of one shard
  double flops = 0;                           ///< of one sample (tile steps) or of the step
  const char* op = "";
  bool winograd = false;  ///< what is computed is Winograd's form of it
  int32_t taken = -1;     ///< which of the flat gradients it makes, to be taken part by part; -1: none
  PartFn part = nullptr;  ///< which part of it a unit makes
  bool chain = false;     ///< several ops (graph/chain.h); `node` is the last of them
};

struct Slot {
  std::vector<int32_t> tile_steps;
  std::vector<int32_t> whole_steps;
  bool has_partials = false;
  bool backwards = false;  ///< takes its tiles from the last one on
};

/// Batch layout of a plan. `automatic` is the planner's choice; the others are for tests and measurements.
enum class Layout : uint8_t { automatic, rows, lanes };

/// What a caller wants out of a run, besides state.
struct PlanRequest {
  int64_t capacity = 1;         ///< largest number of samples in a run
  std::vector<TensorId> fetch;  ///< batched: rows written to the caller's memory; unbatched: Workspace::value
  bool fetch_out = false;       ///< unbatched ones are written to the caller's memory, too
  std::vector<TensorId> flat;  ///< unbatched tensors to be laid one after the other in external 0 (gradients)
  std::vector<int64_t> flat_offsets;  ///< bytes, one for each of `flat`
  /// The parameters that `flat` are gradients of (store and entry), if they may be updated within a run, each
  /// after its last reader and after all of `fetch` are known; else empty. See GradientTaker.
  std::vector<std::pair<const Store*, int32_t>> updated;
  Layout layout = Layout::automatic;
  bool keeps_packs =
      false;           ///< runs leave out the prologue where it only packs parameters that are as before
  bool alone = false;  ///< one thread runs it: tiles need not be small enough for several
};

class FASTNN_API Plan {
 public:
  Plan(std::shared_ptr<const Graph> graph, PlanRequest request);

  const Graph& graph() const { return *graph_; }
  const PlanRequest& request() const { return request_; }
  const std::vector<PlanTensor>& tensors() const { return tensors_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Slot>& slots() const { return slots_; }
  int64_t tile() const { return tile_; }  ///< samples of a tile
  int64_t shards() const { return shards_; }
  int64_t tile_bytes() const { return tile_bytes_; }
  int64_t scratch_bytes() const { return scratch_bytes_; }
  int64_t shared_bytes() const { return shared_bytes_; }
  int64_t kept_bytes() const { return kept_bytes_; }
  int32_t externals() const { return external_count_; }
  int32_t prologue() const { return prologue_; }  ///< slots that depend on parameters alone
  bool only_packs() const;                        ///< does the prologue do nothing but pack parameters?
  /// Behind such a prologue, is there nothing but tiles of one slot? Then no tile, and no batch, waits for
  /// another.
  bool tiles_alone() const;
  /// Which of a run's external pointers is the value of an unbatched input; -1: none is used.
  int32_t external_of_input(size_t index) const { return input_externals_[index]; }
  int32_t fetched(size_t index) const { return fetched_[index]; }  ///< plan tensor of request().fetch[index]
  /// Which of a run's external pointers a fetched tensor is written to; -1: it is a Workspace::value.
  int32_t external_of_fetched(size_t index) const { return fetched_externals_[index]; }
  double flops(int64_t samples) const;
  int64_t parts() const;  ///< most tiles or units of work that any step has: more threads would have none
  /// Table of steps for people: slot, kind, op, layout, operands' places.
  std::string describe() const;

 private:
  friend class Planner;
  std::shared_ptr<const Graph> graph_;
  PlanRequest request_;
  std::vector<PlanTensor> tensors_;
  std::vector<Step> steps_;
  std::vector<Slot> slots_;
  std::vector<int32_t> fetched_;
  std::vector<int32_t> fetched_externals_;
  std::vector<int32_t> input_externals_;
  int32_t prologue_ = 0;
  int64_t tile_ = 1;
  int64_t shards_ = 1;
  int64_t tile_bytes_ = 0;
  int64_t scratch_bytes_ = 0;
  int64_t shared_bytes_ = 0;
  int64_t kept_bytes_ = 0;
  int32_t external_count_ = 1;  // 0 is the flat gradient block
};

}  // namespace fastnn

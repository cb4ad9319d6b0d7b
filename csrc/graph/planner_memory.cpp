// Where every tensor lies: liveness, tile memory, shared memory, and the tile's size.
#include <algorithm>

#include "graph/planner.h"

namespace fastnn {

namespace {

// Tile memory should stay near the second-level cache (1 MiB or more a core on most processors); it may be
// somewhat larger, for a segment's first activations rest until its backward half, and twice the samples read
// weights half as often: LeNet-5 at batch 128 runs 1.14 times as fast with 1.4 MB tiles as with half of that.
// A constant, so that the tile (and with it the order of sums) does not depend on the machine.
constexpr int64_t kTileBudget = 1536 * 1024;
constexpr int64_t kLargestTile = 256;
constexpr int64_t kMostShards = 16;

struct Interval {
  int64_t bytes;
  int64_t begin;  // in units of steps or slots, both ends included
  int64_t end;
  int64_t* offset;
};

// First fit, largest first: near the optimum for the few dozen tensors of a segment.
int64_t pack_intervals(std::vector<Interval>& intervals) {
  std::vector<size_t> order(intervals.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return intervals[a].bytes > intervals[b].bytes; });
  std::vector<size_t> placed;
  int64_t total = 0;
  for (size_t i : order) {
    Interval& current = intervals[i];
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (size_t j : placed) {
      const Interval& other = intervals[j];
      if (other.begin <= current.end && current.begin <= other.end) {
        taken.emplace_back(*other.offset, *other.offset + align_up(other.bytes));
      }
    }
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (offset + align_up(current.bytes) <= begin) break;
      offset = std::max(offset, end);
    }
    *current.offset = offset;
    total = std::max(total, offset + align_up(current.bytes));
    placed.push_back(i);
  }
  return total;
}

}  // namespace

// Decides tile or batch space, and notes each root tensor's last use.
void Planner::assign_spaces() {
  auto root = [&](int32_t id) -> PlanTensor& {
    const int32_t alias = plan_.tensors_[static_cast<size_t>(id)].alias_of;
    return plan_.tensors_[static_cast<size_t>(alias >= 0 ? alias : id)];
  };
  std::vector<char> crosses(plan_.tensors_.size(), 0);
  for (size_t s = 0; s < plan_.steps_.size(); ++s) {
    const Step& step = plan_.steps_[s];
    const bool tile_step = step.kind == StepKind::tile || step.kind == StepKind::partial;
    for (int32_t id : step.in) {
      if (id < 0) continue;
      PlanTensor& tensor = root(id);
      tensor.last_use = std::max(tensor.last_use, static_cast<int32_t>(s));
      if (!tile_step || tensor.slot != step.slot) {
        crosses[static_cast<size_t>(&tensor - plan_.tensors_.data())] = 1;
      }
    }
  }
  for (size_t t = 0; t < plan_.tensors_.size(); ++t) {
    PlanTensor& tensor = plan_.tensors_[t];
    if (tensor.space != Space::none || tensor.alias_of >= 0 || tensor.producer < 0) continue;
    // What a whole step makes for nobody has no place: its kernel gets a null pointer.
    if (tensor.type.batched && !tensor.by_tile && tensor.last_use < 0) continue;
    tensor.space = !tensor.type.batched ? Space::value : crosses[t] ? Space::batch : Space::tile;
  }
}

// Lays out tile memory for tiles of `tile` samples; returns its size.
int64_t Planner::layout_tile(int64_t tile) {
  int64_t most = 0;
  for (const Slot& slot : plan_.slots_) {
    std::vector<Interval> intervals;
    for (int32_t s : slot.tile_steps) {
      for (int32_t id : plan_.steps_[static_cast<size_t>(s)].out) {
        PlanTensor& tensor = plan_.tensors_[static_cast<size_t>(id)];
        if (tensor.space != Space::tile) continue;
        const int64_t samples = (tile + tensor.lanes - 1) / tensor.lanes * tensor.lanes;
        intervals.push_back({samples * tensor.bytes_per_sample() + kAlignment, s,
                             std::max(s, tensor.last_use), &tensor.offset});
      }
    }
    most = std::max(most, pack_intervals(intervals));
  }
  return most;
}

void Planner::choose_tile() {
  int64_t unit = 1;
  for (const PlanTensor& tensor : plan_.tensors_) unit = std::max<int64_t>(unit, tensor.lanes);
  const int64_t capacity = plan_.request_.capacity;
  const bool lanes = unit > 1;
  if (!lanes) unit = std::min<int64_t>(capacity, 8);
  int64_t tile = unit;
  // Room for four threads and more on ordinary batches; large tiles only where there are tiles enough.
  const int64_t share = plan_.request_.alone ? capacity : capacity / 4;
  const int64_t most = std::max(unit, std::min(kLargestTile, share / unit * unit));
  // Some kernels need rows enough more than they need tiles that fit the cache.
  int64_t least = 0;
  for (const Step& step : plan_.steps_) {
    const Kernel* kernel = step.kind == StepKind::tile && step.lanes == 1 ? step_kernel(step) : nullptr;
    if (kernel != nullptr) least = std::max<int64_t>(least, kernel->least_tile);
  }
  while (tile * 2 <= most && (tile * 2 <= least || layout_tile(tile * 2) <= kTileBudget)) tile *= 2;
  if (!lanes) tile = std::min(tile, std::max<int64_t>(1, capacity));
  plan_.tile_ = tile;
  plan_.tile_bytes_ = layout_tile(tile);
  const int64_t tiles = (capacity + tile - 1) / tile;
  plan_.shards_ = std::min(tiles, kMostShards);
}

void Planner::assign_shared() {
  int64_t scratch = 0;
  for (Step& step : plan_.steps_) {
    if (step.node < 0 || step.kind == StepKind::gather || step.kind == StepKind::combine) continue;
    if (step.chain) {
      scratch = std::max(scratch, step.scratch);
      continue;
    }
    const Kernel* kernel = step_kernel(step);
    if (kernel == nullptr) continue;
    const bool whole = step.kind == StepKind::whole || step.kind == StepKind::constant;
    step.scratch = whole ? query_size(kernel->whole_scratch, step, plan_.request_.capacity, 1)
                         : query_size(kernel->scratch, step, plan_.tile_, step.lanes);
    step.winograd = !whole && query_size(kernel->winograd, step, plan_.tile_, step.lanes) != 0;
    scratch = std::max(scratch, step.scratch);
  }
  plan_.scratch_bytes_ = align_up(scratch + kAlignment);

  // What later runs read, too, lies in the workspace: constants, and packed parameters where runs keep them.
  const bool packs = plan_.request_.keeps_packs && plan_.only_packs();
  const auto kept = [&](const PlanTensor& tensor) {
    return tensor.slot < 0 || (packs && tensor.slot < plan_.prologue_);
  };
  // Shared memory: values and accumulators for the whole run, batch tensors by the slots in which they live.
  int64_t used = 0;
  for (PlanTensor& tensor : plan_.tensors_) {
    if (tensor.space != Space::value) continue;
    if (kept(tensor)) tensor.space = Space::kept;
    int64_t& end = tensor.space == Space::kept ? plan_.kept_bytes_ : used;
    tensor.offset = end;
    end += align_up(tensor.type.size() * dtype_size(tensor.type.dtype)) + kAlignment;
  }
  for (size_t s = 0; s < plan_.steps_.size(); ++s) {
    Step& step = plan_.steps_[s];
    if (step.kind != StepKind::partial) continue;
    step.accumulator = used;
    used += step.accumulator_bytes * plan_.shards_;
    for (Step& other : plan_.steps_) {
      if (other.kind == StepKind::combine && other.node == step.node) other.accumulator = step.accumulator;
    }
  }
  std::vector<int32_t> last_slot(plan_.tensors_.size(), -1);  // a later step may run in an earlier slot
  for (const Step& step : plan_.steps_) {
    for (int32_t id : step.in) {
      if (id < 0) continue;
      const int32_t alias = plan_.tensors_[static_cast<size_t>(id)].alias_of;
      int32_t& last = last_slot[static_cast<size_t>(alias >= 0 ? alias : id)];
      last = std::max(last, step.slot);
    }
  }
  std::vector<Interval> intervals;
  const int64_t capacity = (plan_.request_.capacity + plan_.tile_ - 1) / plan_.tile_ * plan_.tile_;
  for (size_t t = 0; t < plan_.tensors_.size(); ++t) {
    PlanTensor& tensor = plan_.tensors_[t];
    if (tensor.space != Space::batch) continue;
    intervals.push_back({capacity * tensor.bytes_per_sample() + kAlignment, tensor.slot,
                         std::max(tensor.slot, last_slot[t]), &tensor.offset});
  }
  const int64_t batch_bytes = pack_intervals(intervals);
  for (PlanTensor& tensor : plan_.tensors_) {
    if (tensor.space == Space::batch) tensor.offset += used;
  }
  plan_.shared_bytes_ = used + batch_bytes;
  for (PlanTensor& tensor : plan_.tensors_) {
    if (tensor.alias_of < 0) continue;
    const PlanTensor& root = plan_.tensors_[static_cast<size_t>(tensor.alias_of)];
    tensor.space = root.space;
    tensor.offset = root.offset;
    tensor.external = root.external;
    if (root.space == Space::store) tensor.source = root.source;  // which parameter it is
  }
}

// Slots that move more than the caches hold take their tiles in turns from the first and from the last on:
// what one made last is what the next begins with.
void Planner::choose_directions() {
  constexpr int64_t kMuch = 1024 * 1024;
  bool backwards = false;
  for (Slot& slot : plan_.slots_) {
    int64_t bytes = 0;
    for (int32_t s : slot.tile_steps) {
      const Step& step = plan_.steps_[static_cast<size_t>(s)];
      for (const auto* list : {&step.in, &step.out}) {
        for (int32_t id : *list) {
          if (id < 0) continue;
          const PlanTensor& tensor = plan_.tensors_[static_cast<size_t>(id)];
          if (tensor.space == Space::batch) bytes += tensor.bytes_per_sample() * plan_.request_.capacity;
        }
      }
    }
    if (bytes < kMuch) continue;
    slot.backwards = backwards;
    backwards = !backwards;
  }
}

}  // namespace fastnn

#include "graph/executor.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "core/augment.h"
#include "graph/backend.h"
#include "graph/chain.h"
#include "graph/planner.h"

namespace fastnn {

namespace {

// Adds the time until its end to an entry; does nothing if there is none.
class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;
  Stopwatch(std::vector<StepTime>& times, size_t entry, int64_t samples, bool on)
      : time_(on ? &times[entry] : nullptr) {
    if (time_ == nullptr) return;
    ++time_->calls;
    time_->samples += samples;
    start_ = Clock::now();
  }
  ~Stopwatch() {
    if (time_ == nullptr) return;
    time_->nanoseconds += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  StepTime* time_;
  Clock::time_point start_;
};

}  // namespace

std::byte* Workspace::address(const PlanTensor& asked, const RunArguments& args, ThreadState& mine,
                              int64_t first) const {
  const PlanTensor& tensor =
      asked.alias_of >= 0 ? plan_->tensors()[static_cast<size_t>(asked.alias_of)] : asked;
  switch (tensor.space) {
    case Space::tile:
      return mine.memory + tensor.offset;
    case Space::batch:
      return shared_ + tensor.offset + first * tensor.bytes_per_sample();
    case Space::value:
      return shared_ + tensor.offset;
    case Space::kept:
      return kept_.data() + tensor.offset;
    case Space::store:
      return store_address_[static_cast<size_t>(&tensor - plan_->tensors().data())];
    case Space::external: {
      std::byte* base = args.externals[tensor.external];
      return tensor.type.batched ? base + first * tensor.bytes_per_sample() : base + tensor.offset;
    }
    default:
      return nullptr;
  }
}

void Workspace::fill_call(KernelCall& call, const Step& step, size_t index, const RunArguments& args,
                          ThreadState& mine) const {
  const View* views = mine.views.data() + first_view_[index];
  call.in = views;
  call.out = views + step.in.size();
  call.in_count = static_cast<int32_t>(step.in.size());
  call.out_count = static_cast<int32_t>(step.out.size());
  call.config = step.configuration.get();
  call.scratch = mine.memory + align_up(plan_->tile_bytes());
  call.batch = args.samples;
  call.capacity = plan_->request().capacity;
  call.seed = args.seed;
  call.step = args.step;
  call.node = static_cast<uint32_t>(step.node);
  call.status = const_cast<Status*>(&status_);
}

namespace {

// Index of the first element that is NaN or Inf, or -1.
int64_t first_nonfinite(const std::byte* data, DType type, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const double value = type == DType::f64 ? reinterpret_cast<const double*>(data)[i]
                                            : static_cast<double>(reinterpret_cast<const float*>(data)[i]);
    if (!std::isfinite(value)) return i;
  }
  return -1;
}

}  // namespace

// Runs a chain and looks at what each of its ops makes.
void Workspace::search_chain(const Step& step, const KernelCall& call, int64_t first) {
  const auto& chain = call.configuration<Chain>();
  watch_chain(call, step.kind == StepKind::whole, [&](int32_t node, const View& block, int64_t position) {
    if (!is_floating(block.dtype)) return;
    const auto* data = block.as<std::byte>();
    const int64_t found = first_nonfinite(data, block.dtype, block.size * chain.lanes);
    if (found < 0) return;
    const double value = block.dtype == DType::f64 ? block.as<double>()[found] : block.as<float>()[found];
    const int64_t group = (position + found / chain.lanes) / chain.size;
    const int64_t sample = block.batched ? first + group * chain.lanes + found % chain.lanes : 0;
    status_.report(Status::non_finite, static_cast<uint32_t>(node), sample, value, 0);
  });
}

void Workspace::look_for_nonfinite(const Step& step, const RunArguments& args, ThreadState& mine,
                                   int64_t first, int64_t count) {
  for (int32_t id : step.out) {
    const PlanTensor& tensor = plan_->tensors()[static_cast<size_t>(id)];
    if (!is_floating(tensor.type.dtype) || step.kind == StepKind::partial) continue;
    const std::byte* data =
        tensor.space == Space::tile ? mine.base[static_cast<size_t>(id)] : address(tensor, args, mine, first);
    if (data == nullptr) continue;  // an output that nothing reads
    const int64_t lanes = tensor.lanes;
    const int64_t samples = tensor.type.batched ? (count + lanes - 1) / lanes * lanes : 1;
    const int64_t found = first_nonfinite(data, tensor.type.dtype, samples * tensor.type.size());
    if (found < 0) continue;
    const double value = tensor.type.dtype == DType::f64
                             ? reinterpret_cast<const double*>(data)[found]
                             : static_cast<double>(reinterpret_cast<const float*>(data)[found]);
    const int64_t sample =
        tensor.type.batched ? found / (tensor.type.size() * lanes) * lanes + found % lanes : 0;
    const bool input = step.kind == StepKind::gather;
    status_.report(Status::non_finite, input ? Status::kInputNode : static_cast<uint32_t>(step.node),
                   first + sample, value, input ? step.node : 0);
  }
}

// Brings a tile of an input into the plan's layout, or finds that it can be read where it is.
void Workspace::gather(const Step& step, const RunArguments& args, ThreadState& mine, int64_t first,
                       int64_t count) {
  const int32_t id = step.out[0];
  const PlanTensor& tensor = plan_->tensors()[static_cast<size_t>(id)];
  const BatchSource& source = args.sources[step.node];
  const int64_t row_bytes = tensor.bytes_per_sample();
  const bool in_place =
      tensor.space == Space::tile && step.lanes == 1 && args.rows == nullptr &&
      source.dtype == tensor.type.dtype && source.row_stride == row_bytes &&
      reinterpret_cast<uintptr_t>(source.data) % static_cast<uintptr_t>(dtype_size(source.dtype)) == 0 &&
      source.augment == nullptr;
  if (in_place) {
    mine.base[static_cast<size_t>(id)] =
        const_cast<std::byte*>(source.data) + (args.first_row + first) * row_bytes;
    return;
  }
  GatherCall call;
  call.source = source.data;
  call.row_stride = source.row_stride;
  call.rows = args.rows == nullptr ? nullptr : args.rows + first;
  call.first_row = args.first_row + first;
  call.count = count;
  call.size = tensor.type.size();
  call.source_type = source.dtype;
  call.type = tensor.type.dtype;
  call.lanes = tensor.lanes;
  call.out = mine.base[static_cast<size_t>(id)] = address(tensor, args, mine, first);
  call.augment = source.augment;
  call.row_base = source.row_base;
  call.seed = args.seed;
  call.epoch = args.epoch;
  call.scratch = mine.augment.data();
  kernel_table().gather(call);
}

// What stays the same for all tiles of a run is found once: operands in tile memory, parameters, the calls
// themselves.
void Workspace::make_ready(const Slot& slot, const RunArguments& args, ThreadState& mine) {
  const std::vector<PlanTensor>& tensors = plan_->tensors();
  mine.moving.clear();
  for (int32_t s : slot.tile_steps) {
    const auto index = static_cast<size_t>(s);
    const Step& step = plan_->steps()[index];
    TileCall& ready = mine.calls[index];
    ready.first_moving = mine.moving.size();
    View* view = mine.views.data() + first_view_[index];
    const auto place = [&](int32_t id, bool is_input) {
      const PlanTensor& tensor = tensors[static_cast<size_t>(id)];
      const auto root = static_cast<size_t>(tensor.alias_of >= 0 ? tensor.alias_of : id);
      const PlanTensor& held = tensors[root];
      view->data = mine.base[root] = address(held, args, mine, 0);
      const bool gathered = is_input && held.space == Space::tile && held.producer >= 0 &&
                            plan_->steps()[static_cast<size_t>(held.producer)].kind == StepKind::gather;
      const bool batched = held.space == Space::batch || (held.space == Space::external && held.type.batched);
      if (gathered || batched) {
        mine.moving.push_back({view, static_cast<std::byte*>(view->data),
                               batched ? held.bytes_per_sample() : 0, 0,
                               gathered ? static_cast<int32_t>(root) : -1});
      }
    };
    if (step.kind != StepKind::gather) {
      for (int32_t id : step.in) {
        if (id >= 0) place(id, true);
        ++view;
      }
      std::byte* accumulators = shared_ + step.accumulator;
      for (size_t o = 0; o < step.out.size(); ++o, ++view) {
        if (step.kind != StepKind::partial) {
          place(step.out[o], false);
          continue;
        }
        mine.moving.push_back({view, accumulators, 0, step.accumulator_bytes, -1});
        accumulators += align_up(step.accumulator_elements[o] *
                                 dtype_size(tensors[static_cast<size_t>(step.out[o])].type.dtype));
      }
      fill_call(ready.call, step, index, args, mine);
    }
    ready.last_moving = mine.moving.size();
  }
}

void Workspace::run_tile_step(const Step& step, size_t index, const RunArguments& args, ThreadState& mine,
                              int64_t first, int64_t count, int64_t shard) {
  const Stopwatch stopwatch(mine.times, index, count, timing_);
  if (step.kind == StepKind::gather) {
    gather(step, args, mine, first, count);
  } else {
    TileCall& ready = mine.calls[index];
    for (size_t m = ready.first_moving; m < ready.last_moving; ++m) {
      const Moving& moving = mine.moving[m];
      moving.view->data = moving.gathered >= 0
                              ? mine.base[static_cast<size_t>(moving.gathered)]
                              : moving.data + first * moving.sample_bytes + shard * moving.shard_bytes;
    }
    ready.call.first = args.sample_base + first;
    ready.call.count = count;
    if (args.find_nonfinite && step.chain) return search_chain(step, ready.call, first);
    step.kernel(ready.call);
  }
  if (args.find_nonfinite) look_for_nonfinite(step, args, mine, first, count);
}

void Workspace::run_tiles(const Slot& slot, const RunArguments& args, int threads, ThreadState& mine,
                          int thread) {
  const int64_t tile = plan_->tile();
  const int64_t tiles = (args.samples + tile - 1) / tile;
  const int64_t shards = std::min(tiles, plan_->shards());
  // Without sums over samples any thread may take any tile; with them, a shard's tiles stay together, in
  // order.
  const int64_t stride = slot.has_partials ? shards : tiles;
  if (thread < stride) make_ready(slot, args, mine);
  const int64_t last = thread + (stride - 1 - thread) / threads * threads;
  for (int64_t next = thread; next < stride; next += threads) {
    const int64_t shard = slot.backwards ? last - (next - thread) : next;
    if (slot.has_partials) {
      for (int32_t s : slot.tile_steps) {
        const Step& step = plan_->steps()[static_cast<size_t>(s)];
        if (step.kind != StepKind::partial) continue;
        std::memset(shared_ + step.accumulator + shard * step.accumulator_bytes, 0,
                    static_cast<size_t>(step.accumulator_bytes));
      }
    }
    for (int64_t t = shard; t < tiles; t += stride) run_tile(slot, args, mine, t, shard);
  }
}

void Workspace::run_tile(const Slot& slot, const RunArguments& args, ThreadState& mine, int64_t tile,
                         int64_t shard) {
  const int64_t first = tile * plan_->tile();
  const int64_t count = std::min(plan_->tile(), args.samples - first);
  for (int32_t s : slot.tile_steps) {
    run_tile_step(plan_->steps()[static_cast<size_t>(s)], static_cast<size_t>(s), args, mine, first, count,
                  shard);
  }
}

void Workspace::combine(const Step& step, const RunArguments& args, int64_t begin, int64_t end) {
  const int64_t tiles = (args.samples + plan_->tile() - 1) / plan_->tile();
  const std::byte* accumulators = shared_ + step.accumulator;
  int64_t unit = 0;
  for (size_t o = 0; o < step.out.size(); ++o) {
    const PlanTensor& tensor = plan_->tensors()[static_cast<size_t>(step.out[o])];
    const int64_t size = tensor.type.size();
    const int64_t units = (size + 1023) / 1024;
    CombineCall call;
    call.accumulators = accumulators;
    call.shard_stride = step.accumulator_bytes;
    call.shards = std::min(tiles, plan_->shards());
    call.begin = std::max<int64_t>(0, begin - unit) * 1024;
    call.end = std::min(size, (end - unit) * 1024);
    call.lanes = step.lanes;
    call.dtype = tensor.type.dtype;
    call.out = address(tensor, args, threads_[0], 0);
    if (call.begin < call.end) kernel_table().combine(call);
    unit += units;
    accumulators += align_up(step.accumulator_elements[o] * dtype_size(tensor.type.dtype));
  }
}

// Unit by unit: each part is taken while it lies in the cache.
void Workspace::run_and_take(const Step& step, size_t index, KernelCall call, const GradientTaker& taker,
                             ThreadState& mine) {
  KernelQuery query;
  query.in = call.in;
  query.out = call.out;
  query.in_count = call.in_count;
  query.out_count = call.out_count;
  query.config = call.config;
  query.samples = call.capacity;
  for (int64_t unit = call.unit_begin, end = call.unit_end; unit < end; ++unit) {
    call.unit_begin = unit;
    call.unit_end = unit + 1;
    {
      const Stopwatch stopwatch(mine.times, index, 0, timing_);
      step.kernel(call);
    }
    const Stopwatch stopwatch(mine.times, plan_->steps().size() + 1, 0, timing_);
    taker.take(step.taken, step.part(query, unit));
  }
}

void Workspace::run_whole_step(const Step& step, size_t index, const RunArguments& args, ThreadState& mine,
                               int threads, int thread) {
  const int64_t begin = step.units * thread / threads;
  const int64_t end = step.units * (thread + 1) / threads;
  if (begin >= end) return;
  if (step.kind == StepKind::combine) {
    const Stopwatch stopwatch(mine.times, index, 0, timing_);
    combine(step, args, begin, end);
    return;
  }
  View* views = mine.views.data() + first_view_[index];
  for (size_t i = 0; i < step.in.size(); ++i) {
    if (step.in[i] >= 0)
      views[i].data = address(plan_->tensors()[static_cast<size_t>(step.in[i])], args, mine, 0);
  }
  for (size_t o = 0; o < step.out.size(); ++o) {
    views[step.in.size() + o].data =
        address(plan_->tensors()[static_cast<size_t>(step.out[o])], args, mine, 0);
  }
  KernelCall call;
  fill_call(call, step, index, args, mine);
  call.count = args.samples;
  call.unit_begin = begin;
  call.unit_end = end;
  if (step.taken >= 0 && args.taker != nullptr && args.taker->takes()) {
    run_and_take(step, index, call, *args.taker, mine);
    return;
  }
  const Stopwatch stopwatch(mine.times, index, 0, timing_);
  if (args.find_nonfinite && step.chain) return search_chain(step, call, 0);
  step.kernel(call);
  if (args.find_nonfinite) look_for_nonfinite(step, args, mine, 0, args.samples);
}

void execute(Workspace& workspace, const RunArguments& args, Team& team, int thread) {
  const Plan& plan = workspace.plan();
  Workspace::ThreadState& mine = workspace.threads_[static_cast<size_t>(thread)];
  const size_t end = args.end_slot < 0 ? plan.slots().size() : static_cast<size_t>(args.end_slot);
  for (auto s = static_cast<size_t>(args.first_slot); s < end; ++s) {
    const Slot& slot = plan.slots()[s];
    if (!slot.tile_steps.empty()) workspace.run_tiles(slot, args, team.size, mine, thread);
    for (int32_t w : slot.whole_steps) {
      workspace.run_whole_step(plan.steps()[static_cast<size_t>(w)], static_cast<size_t>(w), args, mine,
                               team.size, thread);
    }
    const Stopwatch stopwatch(mine.times, plan.steps().size(), 0, workspace.timing_);
    team.barrier.wait();
  }
}

void execute_tiles(Workspace& workspace, const RunArguments& args, int64_t samples,
                   const std::function<void(int64_t)>& move_to, std::atomic<int64_t>& next, int thread) {
  const Plan& plan = workspace.plan();
  const Slot& slot = plan.slots().back();
  Workspace::ThreadState& mine = workspace.threads_[static_cast<size_t>(thread)];
  const int64_t capacity = plan.request().capacity;
  const auto tiles_of = [&](int64_t count) { return (count + plan.tile() - 1) / plan.tile(); };
  const int64_t in_batch = tiles_of(capacity);
  const int64_t tiles = samples / capacity * in_batch + tiles_of(samples % capacity);
  int64_t batch = -1;
  for (int64_t t = next.fetch_add(1); t < tiles; t = next.fetch_add(1)) {
    if (t / in_batch != batch) {
      batch = t / in_batch;
      move_to(batch * capacity);
      workspace.make_ready(slot, args, mine);
    }
    workspace.run_tile(slot, args, mine, t % in_batch, 0);
  }
}

int useful_threads(double flops, bool in_long_region) {
  // Waking a sleeping team costs some tens of microseconds, a barrier among spinning threads about one.
  const double share = in_long_region ? 2e5 : 2e6;
  const double worth = flops / share;
  return static_cast<int>(std::clamp(worth, 1.0, static_cast<double>(num_threads())));
}

}  // namespace fastnn

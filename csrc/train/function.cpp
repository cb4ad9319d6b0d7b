#include "train/function.h"

#include <algorithm>

#include "core/error.h"

namespace fastnn {

namespace {
constexpr size_t kKeptPlans = 8;
}  // namespace

Function::Function(std::shared_ptr<const Graph> graph, std::vector<TensorId> fetch, Layout layout,
                   int64_t kept_bytes, std::shared_ptr<ArenaPool> arenas)
    : graph_(std::move(graph)),
      fetch_(std::move(fetch)),
      layout_(layout),
      kept_bytes_(kept_bytes),
      arenas_(arenas != nullptr ? std::move(arenas) : std::make_shared<ArenaPool>()) {
  for (TensorId id : fetch_) graph_->at(id);
}

Function::Cached Function::cached(int64_t capacity) {
  std::lock_guard lock(mutex_);
  for (auto it = plans_.begin(); it != plans_.end(); ++it) {
    if (it->capacity != capacity) continue;
    plans_.splice(plans_.begin(), plans_, it);
    return plans_.front();
  }
  PlanRequest request;
  request.capacity = capacity;
  request.fetch = fetch_;
  request.fetch_out = true;
  request.keeps_packs = true;
  request.layout = layout_;
  Cached made;
  made.capacity = capacity;
  made.plan = std::make_shared<const Plan>(graph_, request);
  made.tiles_alone = made.plan->tiles_alone();
  made.pool = std::make_shared<WorkspacePool>(made.plan);
  plans_.push_front(made);
  if (plans_.size() > kKeptPlans) plans_.pop_back();
  return made;
}

std::shared_ptr<const Plan> Function::plan(int64_t capacity) { return cached(capacity).plan; }

void Function::run(const std::vector<BatchSource>& sources, int64_t samples, int64_t batch_size,
                   const std::vector<std::byte*>& outputs, uint64_t seed, uint64_t step, int threads) {
  const int64_t capacity = batch_size <= 0 ? samples : batch_size;
  const Cached use = cached(capacity);
  if (threads <= 0) {
    const int64_t worth = useful_threads(use.plan->flops(capacity), false);
    threads = static_cast<int>(std::min(worth, use.plan->parts()));
  }
  std::unique_ptr<Workspace> workspace = use.pool->lease(threads);
  const ArenaLease arena(*arenas_, use.plan->shared_bytes(), workspace->threads(), workspace->thread_bytes(),
                         kept_bytes_);
  workspace->use(*arena);
  workspace->bind_parameters();
  workspace->bind_sources(sources.data());
  const int32_t first_slot = workspace->first_slot();
  const int32_t later_slot = use.plan->only_packs() ? use.plan->prologue() : 0;
  std::vector<std::byte*> externals(static_cast<size_t>(use.plan->externals()), nullptr);
  for (size_t i = 0; i < sources.size(); ++i) {
    const int32_t external = use.plan->external_of_input(i);
    if (external >= 0) externals[static_cast<size_t>(external)] = const_cast<std::byte*>(sources[i].data);
  }
  std::atomic<int64_t> next_tile{0};
  const auto run = [&](Team& team, int thread) {
    RunArguments args;
    std::vector<std::byte*> places(externals);
    args.sources = sources.data();
    args.externals = places.data();
    args.seed = seed;
    args.step = step;
    const auto move_to = [&](int64_t first) {
      args.first_row = first;
      args.first_slot = first == 0 ? first_slot : later_slot;
      args.samples = std::min(capacity, samples - first);
      for (size_t i = 0; i < fetch_.size(); ++i) {
        const TensorType& type = graph_->type(fetch_[i]);
        const int64_t row = type.batched ? type.size() * dtype_size(type.dtype) : 0;
        places[static_cast<size_t>(use.plan->external_of_fetched(i))] = outputs[i] + first * row;
      }
    };
    if (use.tiles_alone) {
      move_to(0);
      args.end_slot = use.plan->prologue();
      execute(*workspace, args, team, thread);
      execute_tiles(*workspace, args, samples, move_to, next_tile, thread);
      return;
    }
    for (int64_t first = 0; first < samples; first += capacity) {
      move_to(first);
      execute(*workspace, args, team, thread);
    }
  };
  if (threads == 1) {
    Team alone(1);
    run(alone, 0);
  } else {
    parallel(threads, run);
  }
  workspace->check_status();
  if (workspace->bytes() <= kept_bytes_) use.pool->give_back(std::move(workspace));
}

}  // namespace fastnn

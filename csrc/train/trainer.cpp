#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

#include "core/random.h"

namespace fastnn {

namespace {

constexpr size_t kKeptPlans = 4;

// A number below `bound` without modulo bias worth naming (bias < bound / 2^64).
uint64_t below(uint64_t bound, uint64_t seed, uint64_t epoch, uint64_t index) {
  const Philox4 words = philox({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                                static_cast<uint32_t>(epoch), static_cast<uint32_t>(RandomStream::shuffle)},
                               static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
  const uint64_t draw = (uint64_t{words[0]} << 32) | words[1];
  return static_cast<uint64_t>((static_cast<unsigned __int128>(draw) * bound) >> 64);
}

}  // namespace

std::vector<int64_t> shuffled_rows(int64_t count, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  for (size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[below(i, seed, epoch, i)]);
  return rows;
}

namespace {

// Updates large parameters within the run, unless the loss forbids it.
class PartUpdater : public GradientTaker {
 public:
  PartUpdater(const Optimizer& optimizer, Workspace& workspace, OnNonFinite on_nonfinite)
      : optimizer_(&optimizer),
        status_(&workspace.status()),
        loss_(reinterpret_cast<const double*>(workspace.value(workspace.plan().fetched(0)))),
        any_loss_(on_nonfinite != OnNonFinite::raise) {}
  double rate = 0;
  bool takes() const override {
    return status_->code.load(std::memory_order_acquire) == Status::ok &&
           (any_loss_ || std::isfinite(*loss_));
  }
  void take(int32_t gradient, const OutputPart& part) const override {
    optimizer_->update_part(static_cast<size_t>(gradient), part, rate);
  }

 private:
  const Optimizer* optimizer_;
  const Status* status_;
  const double* loss_;
  bool any_loss_;
};

}  // namespace

Trainer::Trainer(TrainerSpec spec) : spec_(std::move(spec)) {
  if (spec_.arenas == nullptr) spec_.arenas = std::make_shared<ArenaPool>();
  const TensorType& loss = spec_.graph->type(spec_.loss);
  if (loss.batched || loss.size() != 1 || loss.dtype != DType::f64) {
    throw_value("the loss must be an unbatched float64 scalar, got ", dtype_name(loss.dtype), " ",
                loss.str());
  }
  for (TensorId id : spec_.accumulators) {
    const TensorType& type = spec_.graph->type(id);
    if (type.batched || type.dtype != DType::f64)
      throw_value("accumulators must be unbatched float64 tensors");
  }
  for (const auto& [state, value] : spec_.assignments) {
    if (spec_.graph->at(state).role != Role::parameter) throw_value("only state of a store can be assigned");
    if (spec_.graph->type(state).size() != spec_.graph->type(value).size() ||
        spec_.graph->type(state).dtype != spec_.graph->type(value).dtype) {
      throw_value("state '", spec_.graph->at(state).name, "' of type ", spec_.graph->type(state).str(),
                  " cannot take a value of type ", spec_.graph->type(value).str());
    }
  }
  if (spec_.optimizer != nullptr && !spec_.constraints.empty()) {
    PlanRequest request;
    for (const auto& [parameter, value] : spec_.constraints) request.fetch.push_back(value);
    constraint_plan_ = std::make_shared<const Plan>(spec_.constraint_graph, request);
  }
}

int64_t Trainer::bytes() const {
  int64_t total = spec_.arenas->bytes() + constraint_arena_.bytes();
  for (const Prepared& item : plans_) total += item.workspace != nullptr ? item.workspace->bytes() : 0;
  return total;
}

void Trainer::set_profiling(bool on) {
  profiling_ = on;
  profiled_runs_ = 0;
  profiled_seconds_ = update_seconds_ = 0;
  for (Prepared& item : plans_) {
    if (item.workspace != nullptr) item.workspace->time_steps(on);
  }
}

std::vector<ProfileRow> Trainer::profile_rows() const {
  if (!profiling_ || plans_.empty() || plans_.front().workspace == nullptr) return {};
  std::vector<ProfileRow> rows = profile(*plans_.front().workspace, profiled_runs_);
  if (spec_.optimizer != nullptr) {
    ProfileRow update;
    update.op = "update";
    update.node = optimizer_kind_name(spec_.optimizer->config().kind);
    update.kind = "update";
    update.calls = profiled_runs_;
    update.seconds = update_seconds_ +
                     1e-9 * static_cast<double>(plans_.front().workspace->step_times().back().nanoseconds);
    rows.push_back(std::move(update));
  }
  return rows;
}

Trainer::Prepared& Trainer::planned(int64_t capacity) {
  for (auto it = plans_.begin(); it != plans_.end(); ++it) {
    if (it->capacity != capacity) continue;
    plans_.splice(plans_.begin(), plans_, it);
    break;
  }
  if (plans_.empty() || plans_.front().capacity != capacity) {
    Prepared made;
    made.capacity = capacity;
    PlanRequest request;
    request.capacity = capacity;
    request.fetch.push_back(spec_.loss);
    request.fetch.insert(request.fetch.end(), spec_.accumulators.begin(), spec_.accumulators.end());
    for (const auto& [state, value] : spec_.assignments) request.fetch.push_back(value);
    if (spec_.optimizer != nullptr) {
      request.flat = spec_.gradients;
      for (size_t i = 0; i < spec_.gradients.size(); ++i) {
        request.flat_offsets.push_back(spec_.optimizer->flat_offset(i));
      }
      if (spec_.optimizer->updates_parts()) {
        for (const OptimizedParameter& parameter : spec_.optimizer->parameters()) {
          request.updated.emplace_back(parameter.store.get(), parameter.entry);
        }
      }
    }
    made.plan = std::make_shared<const Plan>(spec_.graph, request);
    plans_.push_front(std::move(made));
    if (plans_.size() > kKeptPlans) plans_.pop_back();
  }
  return plans_.front();
}

void Trainer::make_room(Prepared& use, int threads) {
  if (use.workspace == nullptr || use.workspace->threads() < threads) {
    use.workspace = std::make_unique<Workspace>(use.plan, threads);
    use.workspace->time_steps(profiling_);
  }
  if (constraint_plan_ != nullptr &&
      (constraint_workspace_ == nullptr || constraint_workspace_->threads() < threads)) {
    constraint_workspace_ = std::make_unique<Workspace>(constraint_plan_, threads);
    constraint_arena_.reserve(constraint_plan_->shared_bytes(), threads,
                              constraint_workspace_->thread_bytes());
    constraint_workspace_->use(constraint_arena_);
  }
}

void Trainer::assign_state(const Workspace& workspace, size_t first_fetched) {
  for (size_t i = 0; i < spec_.assignments.size(); ++i) {
    const Tensor& state = spec_.graph->at(spec_.assignments[i].first);
    std::memcpy(state.store->data(state.entry), workspace.value(workspace.plan().fetched(first_fetched + i)),
                static_cast<size_t>(state.type.size() * dtype_size(state.type.dtype)));
    state.store->touch();
  }
}

void Trainer::explain_nonfinite(Prepared& use, RunArguments args, const EpochArguments& epoch, int64_t step,
                                double loss) {
  const uint64_t shown_epoch = epoch.shown_epoch > 0 ? epoch.shown_epoch : epoch.epoch + 1;
  const uint64_t shown_step = epoch.shown_step + static_cast<uint64_t>(step);
  const std::string what = text("the loss is ", std::isnan(loss) ? std::abs(loss) : loss, " at epoch ",
                                shown_epoch, ", step ", shown_step);
  Team alone(1);
  args.find_nonfinite = true;
  execute(*use.workspace, args, alone, 0);
  std::string where = "; replaying the step found every op's output finite";
  Status& status = use.workspace->status();
  if (status.code.load() == Status::non_finite) {
    if (status.node == Status::kInputNode) {
      where =
          text(": input '", spec_.graph->at(spec_.graph->inputs()[static_cast<size_t>(status.limit)]).name,
               "' holds ", status.value, " in sample ", status.sample, " of the batch. Clean the data");
    } else {
      const Node& node = spec_.graph->nodes()[status.node];
      where = text(": the first output that is not finite is that of '", node.name, "' (op '", node.op->name,
                   "'), sample ", status.sample,
                   " of the batch. Lower the learning rate, clip the gradients, or check the data");
    }
  }
  status.code.store(Status::ok);
  throw NonFiniteError(what + where + "; nothing was updated by this step.", shown_step);
}

EpochResult Trainer::run_epoch(const EpochArguments& args) {
  if (args.samples < 1) throw_value("there are no samples to run on");
  if (args.batch_size < 1) throw_value("batch_size must be at least 1, got ", args.batch_size);
  if (args.sources.size() != spec_.graph->inputs().size()) {
    throw_value("expected ", spec_.graph->inputs().size(), " inputs, got ", args.sources.size());
  }
  Optimizer* optimizer = spec_.optimizer.get();
  if (optimizer != nullptr && args.learning_rates.empty()) throw_value("no learning rates were given");
  const Turn turn(optimizer != nullptr ? optimizer->turns() : turns_);
  if (optimizer != nullptr) optimizer->take_back_from_averages();
  // Not lowered to the samples there are: the plan, and with it the order of sums, follows from the batch
  // size.
  const int64_t batch_size = args.batch_size;
  int64_t steps = args.drop_remainder ? std::max<int64_t>(1, args.samples / batch_size)
                                      : (args.samples + batch_size - 1) / batch_size;
  if (args.max_steps > 0) steps = std::min(steps, args.max_steps);

  std::vector<int64_t> shuffled;
  // One batch of all rows needs no shuffling: it is the same set in any order.
  const bool shuffles = args.shuffle && args.order == nullptr && args.samples > batch_size;
  if (shuffles) shuffled = shuffled_rows(args.samples, args.seed, args.epoch);
  const int64_t* order = args.order != nullptr ? args.order : shuffles ? shuffled.data() : nullptr;

  Prepared& use = planned(batch_size);
  const int threads = static_cast<int>(
      std::min<int64_t>(useful_threads(use.plan->flops(batch_size), true), use.plan->parts()));
  make_room(use, threads);
  Workspace& workspace = *use.workspace;
  const ArenaLease arena(*spec_.arenas, use.plan->shared_bytes(), workspace.threads(),
                         workspace.thread_bytes());
  workspace.use(*arena);
  workspace.bind_parameters();
  workspace.bind_sources(args.sources.data());
  if (constraint_workspace_ != nullptr) constraint_workspace_->bind_parameters();

  std::vector<std::byte*> externals(static_cast<size_t>(use.plan->externals()), nullptr);
  if (optimizer != nullptr) externals[0] = optimizer->gradients();
  EpochResult result;
  for (TensorId id : spec_.accumulators) {
    result.accumulators.emplace_back(static_cast<size_t>(spec_.graph->type(id).size()), 0.0);
  }
  const auto* loss_value = reinterpret_cast<const double*>(workspace.value(use.plan->fetched(0)));
  double loss_sum = 0;
  // Large gradients are used as they are made, unless somebody wants to see all of them first.
  std::vector<char> in_parts(optimizer == nullptr ? 0 : optimizer->parameters().size(), 0);
  bool takes = false;
  if (!args.transform_gradients) {
    for (const Step& step : use.plan->steps()) {
      if (step.taken < 0) continue;
      takes = true;
      in_parts[static_cast<size_t>(step.taken)] = 1;
    }
  }
  const Optimizer::Others others = takes ? Optimizer::Others(*optimizer, in_parts) : Optimizer::Others();
  std::atomic<bool> stop{false};
  bool failed = false;  // the same decision in every thread: all read it from the workspace after a barrier
  std::exception_ptr failure;
  int64_t failed_step = -1;
  const auto began = std::chrono::steady_clock::now();
  auto last_report = began;

  parallel(threads, [&](Team& team, int thread) {
    RunArguments run;
    run.sources = args.sources.data();
    run.externals = externals.data();
    run.seed = args.seed;
    run.epoch = args.epoch;
    std::optional<PartUpdater> updater;
    if (takes) run.taker = &updater.emplace(*optimizer, workspace, args.on_nonfinite);
    for (int64_t step = 0; step < steps; ++step) {
      const double rate =
          optimizer == nullptr
              ? 0.0
              : args.learning_rates[std::min(static_cast<size_t>(step), args.learning_rates.size() - 1)];
      if (updater) updater->rate = rate;
      const int64_t first = step * batch_size;
      run.samples = std::min(batch_size, args.samples - first);
      run.rows = order != nullptr ? order + first : nullptr;
      run.first_row = first;
      run.step = args.first_step + static_cast<uint64_t>(step);
      execute(workspace, run, team, thread);

      const double loss = *loss_value;
      const bool bad_data = workspace.status().code.load(std::memory_order_acquire) != Status::ok;
      const bool nonfinite = !std::isfinite(loss) && args.on_nonfinite != OnNonFinite::ignore;
      if (bad_data || (nonfinite && args.on_nonfinite == OnNonFinite::raise)) {
        if (thread == 0) {
          failed = true;
          failed_step = step;
        }
        return;
      }
      if (thread == 0) {
        loss_sum += loss * static_cast<double>(run.samples);
        result.nonfinite_steps += !std::isfinite(loss);
        for (size_t i = 0; i < result.accumulators.size(); ++i) {
          const auto* value = reinterpret_cast<const double*>(workspace.value(use.plan->fetched(1 + i)));
          const double times = i < spec_.means ? static_cast<double>(run.samples) : 1.0;
          for (size_t e = 0; e < result.accumulators[i].size(); ++e) {
            result.accumulators[i][e] += times * value[e];
          }
        }
        result.samples += run.samples;
        result.steps = step + 1;
        if (args.progress) {
          const auto now = std::chrono::steady_clock::now();
          if (std::chrono::duration<double>(now - last_report).count() >= args.interval) {
            last_report = now;
            result.loss = loss_sum / static_cast<double>(result.samples);
            try {
              if (!args.progress(result)) stop = true;
            } catch (...) {
              failure = std::current_exception();
              stop = true;
            }
          }
        }
        if (args.transform_gradients && optimizer != nullptr) {
          try {
            args.transform_gradients();
          } catch (...) {
            if (!failure) failure = std::current_exception();
            failed = true;
          }
        }
        // Last, so that state and weights move together or not at all.
        if (!failed) assign_state(workspace, 1 + spec_.accumulators.size());
      }
      if (optimizer == nullptr || args.transform_gradients) team.barrier.wait();
      if (failed) return;
      if (optimizer != nullptr) {
        const auto update_began =
            profiling_ ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point{};
        optimizer->apply(team, thread, rate, takes ? &others : nullptr);
        if (profiling_ && thread == 0) {
          const std::chrono::duration<double> took = std::chrono::steady_clock::now() - update_began;
          update_seconds_ += took.count() * team.size;
        }
        if (constraint_workspace_ != nullptr) {
          RunArguments constrain;
          constrain.samples = 1;
          execute(*constraint_workspace_, constrain, team, thread);
          if (thread == 0) {
            for (size_t i = 0; i < spec_.constraints.size(); ++i) {
              const Tensor& parameter = spec_.constraint_graph->at(spec_.constraints[i].first);
              std::memcpy(parameter.store->data(parameter.entry),
                          constraint_workspace_->value(constraint_workspace_->plan().fetched(i)),
                          static_cast<size_t>(parameter.type.size() * dtype_size(parameter.type.dtype)));
              parameter.store->touch();
            }
          }
          team.barrier.wait();
        }
      }
      if (stop.load(std::memory_order_relaxed)) return;
    }
  });
  if (profiling_) {
    profiled_runs_ += result.steps;
    profiled_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }
  result.stopped = stop;
  if (failure) std::rethrow_exception(failure);
  if (failed) {
    workspace.check_status();
    RunArguments again;
    again.sources = args.sources.data();
    again.externals = externals.data();
    again.seed = args.seed;
    again.epoch = args.epoch;
    again.step = args.first_step + static_cast<uint64_t>(failed_step);
    again.first_row = failed_step * batch_size;
    again.samples = std::min(batch_size, args.samples - again.first_row);
    again.rows = order != nullptr ? order + again.first_row : nullptr;
    explain_nonfinite(use, again, args, failed_step, *loss_value);
  }
  result.loss = result.samples > 0 ? loss_sum / static_cast<double>(result.samples) : 0.0;
  return result;
}

}  // namespace fastnn

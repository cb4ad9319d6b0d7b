// What one run of a plan needs besides the plan: memory, addresses, and what kernels report.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/augment.h"
#include "graph/backend.h"
#include "graph/executor.h"
#include "graph/planner.h"

namespace fastnn {

Workspace::Workspace(std::shared_ptr<const Plan> plan, int threads)
    : plan_(std::move(plan)),
      kept_(plan_->kept_bytes()),
      threads_(static_cast<size_t>(std::max(1, threads))) {
  store_address_.assign(plan_->tensors().size(), nullptr);
  size_t views = 0;
  for (const Step& step : plan_->steps()) {
    first_view_.push_back(views);
    views += step.in.size() + step.out.size();
  }
  for (ThreadState& state : threads_) {
    state.base.assign(plan_->tensors().size(), nullptr);
    state.views.reserve(views);
    state.moving.reserve(views);
    state.calls.resize(plan_->steps().size());
    for (const Step& step : plan_->steps()) {
      for (const auto* list : {&step.in, &step.out}) {
        for (int32_t id : *list) {
          state.views.push_back(id < 0 ? View{} : view_of(plan_->tensors()[static_cast<size_t>(id)]));
        }
      }
    }
  }
}

int64_t Workspace::thread_bytes() const { return align_up(plan_->tile_bytes()) + plan_->scratch_bytes(); }

void Workspace::use(const Arena& arena) {
  shared_ = arena.shared();
  for (size_t t = 0; t < threads_.size(); ++t) threads_[t].memory = arena.of_thread(static_cast<int>(t));
  if (has_constants_) return;
  const bool timing = std::exchange(timing_, false);
  RunArguments args;
  for (size_t s = 0; s < plan_->steps().size(); ++s) {
    const Step& step = plan_->steps()[s];
    if (step.kind == StepKind::constant) run_whole_step(step, s, args, threads_[0], 1, 0);
  }
  timing_ = timing;
  has_constants_ = true;
}

void Workspace::time_steps(bool on) {
  timing_ = on;
  for (ThreadState& state : threads_) state.times.assign(on ? plan_->steps().size() + 2 : 0, StepTime{});
}

std::vector<StepTime> Workspace::step_times() const {
  std::vector<StepTime> total(plan_->steps().size() + 2);
  for (const ThreadState& state : threads_) {
    for (size_t i = 0; i < state.times.size(); ++i) {
      total[i].calls += state.times[i].calls;
      total[i].samples += state.times[i].samples;
      total[i].nanoseconds += state.times[i].nanoseconds;
    }
  }
  return total;
}

void Workspace::bind_parameters() {
  versions_ = 0;
  for (size_t t = 0; t < plan_->tensors().size(); ++t) {
    const PlanTensor& tensor = plan_->tensors()[t];
    if (tensor.space != Space::store || tensor.alias_of >= 0) continue;  // aliases have their root's address
    const Tensor& source = plan_->graph().at(tensor.source);
    store_address_[t] = source.store->data(source.entry);
    versions_ += source.store->version();
  }
}

int32_t Workspace::first_slot() {
  const bool known = packed_versions_ == versions_ && plan_->only_packs();
  packed_versions_ = versions_;
  return known ? plan_->prologue() : 0;
}

void Workspace::bind_sources(const BatchSource* sources) {
  int64_t bytes = 0;
  for (size_t i = 0; i < plan_->graph().inputs().size(); ++i) {
    const AugmentConfig* augment = sources[i].augment;
    if (augment == nullptr) continue;
    const Tensor& input = plan_->graph().at(plan_->graph().inputs()[i]);
    if (augment->size() != input.type.size()) {
      throw_value("input '", input.name, "' of shape ", input.type.str(),
                  " cannot be augmented as images of shape (", augment->height, ", ", augment->width, ", ",
                  augment->channels, ")");
    }
    bytes = std::max(bytes, kernel_table().augment_scratch(*augment));
  }
  for (ThreadState& state : threads_) {
    if (state.augment.bytes() < bytes) state.augment = Buffer(bytes);
  }
}

const std::byte* Workspace::value(int32_t plan_tensor) const {
  const PlanTensor& asked = plan_->tensors()[static_cast<size_t>(plan_tensor)];
  const PlanTensor& tensor =
      asked.alias_of >= 0 ? plan_->tensors()[static_cast<size_t>(asked.alias_of)] : asked;
  if (tensor.space == Space::store) {
    const Tensor& source = plan_->graph().at(tensor.source);
    return source.store->data(source.entry);
  }
  if (tensor.space == Space::kept) return kept_.data() + tensor.offset;
  if (tensor.space != Space::value) throw_runtime("internal error: tensor is not a value");
  return shared_ + tensor.offset;
}

int64_t Workspace::bytes() const {
  int64_t total = kept_.bytes();
  for (const ThreadState& state : threads_) total += state.augment.bytes();
  return total;
}

void Workspace::check_status() {
  const uint32_t code = status_.code.load(std::memory_order_acquire);
  if (code == Status::ok) return;
  const Status& found = status_;
  const Node& node = plan_->graph().nodes()[found.node];
  const std::string where =
      text(node.name, " (op '", node.op->name, "'), sample ", found.sample, " of the batch");
  const double value = found.value;
  const int64_t limit = found.limit;
  status_.code.store(Status::ok);
  if (code == Status::id_out_of_range) {
    const char* beyond = value >= std::numeric_limits<int32_t>::max()   ? " or more"
                         : value <= std::numeric_limits<int32_t>::min() ? " or less, or not a number"
                                                                        : "";
    throw_value(where, ": got class or id ", static_cast<int64_t>(value), beyond,
                ", expected an integer from 0 to ", limit - 1,
                "; check the labels or ids, or enlarge the layer");
  }
  if (code == Status::target_out_of_range) {
    throw_value(where, ": got target ", value, ", expected a number from 0 to ", limit,
                "; scale the targets, or number the two classes 0 and 1");
  }
  if (code == Status::batch_size) {
    throw_value(node.name, ": keeps a state for each of ", limit,
                " samples from batch to batch, but got a batch of ", static_cast<int64_t>(value),
                "; give batches of ", limit, " samples, or build the layer for another batch size");
  }
  throw_runtime(where, ": non-finite value ", value);
}

std::unique_ptr<Workspace> WorkspacePool::lease(int threads) {
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < idle_.size(); ++i) {
      if (idle_[i]->threads() < threads) continue;
      std::unique_ptr<Workspace> found = std::move(idle_[i]);
      idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
      return found;
    }
  }
  return std::make_unique<Workspace>(plan_, threads);
}

void WorkspacePool::give_back(std::unique_ptr<Workspace> workspace) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < 8) idle_.push_back(std::move(workspace));
}

}  // namespace fastnn

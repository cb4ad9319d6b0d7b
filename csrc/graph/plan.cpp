#include "graph/plan.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "graph/planner.h"

namespace fastnn {

Plan::Plan(std::shared_ptr<const Graph> graph, PlanRequest request)
    : graph_(std::move(graph)), request_(std::move(request)) {
  if (request_.capacity < 1)
    throw_value("a plan needs a capacity of at least one sample, got ", request_.capacity);
  Planner(*this).run();
}

double Plan::flops(int64_t samples) const {
  double total = 0;
  for (const Step& step : steps_) {
    const bool per_sample = step.kind == StepKind::tile || step.kind == StepKind::partial;
    total += per_sample ? step.flops * static_cast<double>(samples)
                        : step.flops * static_cast<double>(samples) / static_cast<double>(request_.capacity);
  }
  return total;
}

bool Plan::only_packs() const {
  for (size_t s = 0; s < static_cast<size_t>(prologue_); ++s) {
    if (!slots_[s].tile_steps.empty()) return false;
    for (int32_t w : slots_[s].whole_steps) {
      if (std::string_view(steps_[static_cast<size_t>(w)].op) != "pack") return false;
    }
  }
  return true;
}

bool Plan::tiles_alone() const {
  if (slots_.size() != static_cast<size_t>(prologue_) + 1 || !only_packs()) return false;
  const Slot& slot = slots_.back();
  return !slot.tile_steps.empty() && slot.whole_steps.empty() && !slot.has_partials &&
         std::none_of(tensors_.begin(), tensors_.end(),
                      [](const PlanTensor& tensor) { return tensor.space == Space::batch; });
}

int64_t Plan::parts() const {
  int64_t most = (request_.capacity + tile_ - 1) / tile_;
  for (const Step& step : steps_) most = std::max(most, step.units);
  return most;
}

std::string Plan::describe() const {
  static constexpr const char* kKinds[] = {"gather", "tile", "partial", "combine", "whole", "constant"};
  static constexpr const char* kSpaces[] = {"none", "tile",  "batch",    "value",
                                            "kept", "store", "external", "input"};
  std::ostringstream out;
  out << "capacity " << request_.capacity << ", tile " << tile_ << ", shards " << shards_ << ", tile memory "
      << tile_bytes_ << " B, scratch " << scratch_bytes_ << " B, shared " << shared_bytes_ << " B, kept "
      << kept_bytes_ << " B\n";
  for (const Step& step : steps_) {
    const bool named = step.node >= 0 && step.kind != StepKind::gather;
    out << "slot " << step.slot << "  " << kKinds[static_cast<int>(step.kind)] << "  " << step.op;
    if (named) out << " [" << graph_->nodes()[static_cast<size_t>(step.node)].name << "]";
    out << "  lanes " << step.lanes << "  (";
    for (const auto* list : {&step.in, &step.out}) {
      for (int32_t id : *list) {
        if (id < 0) {
          out << " -";
          continue;
        }
        const PlanTensor& tensor = tensors_[static_cast<size_t>(id)];
        out << " %" << id << tensor.type.str() << ":" << tensor.lanes << "@"
            << kSpaces[static_cast<int>(tensor.space)] << "+" << tensor.offset;
      }
      if (list == &step.in) out << " ) -> (";
    }
    out << " )";
    if (step.units > 1) out << "  units " << step.units;
    if (step.taken >= 0) out << "  taken by the optimizer";
    out << "\n";
  }
  return out.str();
}

}  // namespace fastnn

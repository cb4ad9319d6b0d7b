// Where a plan's results go: fetched tensors and flat gradients, in the caller's memory.
#include "graph/planner.h"

namespace fastnn {

// Lanes in which a tensor, or what it is an alias of, was made; 1 for inputs.
int32_t Planner::made_lanes(TensorId tensor) const {
  for (int32_t node = graph_.at(tensor).node; node >= 0; node = graph_.at(tensor).node) {
    if (!graph_.nodes()[static_cast<size_t>(node)].op->alias) break;
    tensor = graph_.nodes()[static_cast<size_t>(node)].in[0];
  }
  for (const auto& [key, made] : made_) {
    if (key.first == tensor) return key.second;
  }
  return 1;
}

// Results go where the caller wants them: straight from their producer if that can write there, else by a
// copy.
void Planner::emit_outputs() {
  const auto direct = [&](int32_t id) {
    const PlanTensor& tensor = plan_.tensors_[static_cast<size_t>(id)];
    return tensor.alias_of < 0 && tensor.space == Space::none && tensor.producer >= 0 && tensor.slot >= 0;
  };
  const auto copy_to = [&](int32_t from, bool batched) {
    const TensorType type = plan_.tensors_[static_cast<size_t>(from)].type;
    const int32_t id = new_tensor(type, plan_.tensors_[static_cast<size_t>(from)].source, 1);
    const Kernel* kernel = find_kernel("relayout");
    Step step;
    step.kind = batched ? StepKind::tile : StepKind::whole;
    step.op = "relayout";
    const bool wide = dtype_size(type.dtype) == 8;
    step.kernel = batched ? (wide ? kernel->f64.rows : kernel->f32.rows)
                          : (wide ? kernel->f64.whole : kernel->f32.whole);
    step.in = {from};
    step.out = {id};
    push_step(std::move(step));
    return id;
  };
  for (size_t i = 0; i < plan_.request_.flat.size(); ++i) {
    const TensorId tensor = plan_.request_.flat[i];
    if (tensor == kNoTensor) continue;
    if (graph_.type(tensor).batched)
      throw_value("tensor '", graph_.at(tensor).name, "' is batched: it cannot be laid flat");
    int32_t id = operand(tensor, 1);
    if (!direct(id)) id = copy_to(id, false);
    PlanTensor& placed = plan_.tensors_[static_cast<size_t>(id)];
    placed.space = Space::external;
    placed.external = 0;
    placed.offset = plan_.request_.flat_offsets.at(i);
  }
  for (TensorId tensor : plan_.request_.fetch) {
    const bool batched = graph_.type(tensor).batched;
    int32_t id = -1;
    if (!batched) {
      id = operand(tensor, 1);
      if (!plan_.request_.fetch_out) {
        // What lies in a store is copied before the step's last barrier: after it the store changes.
        const PlanTensor& found = plan_.tensors_[static_cast<size_t>(id)];
        const int32_t held = found.alias_of >= 0 ? found.alias_of : id;
        if (plan_.tensors_[static_cast<size_t>(held)].space == Space::store) id = copy_to(id, false);
        plan_.fetched_.push_back(id);
        plan_.fetched_externals_.push_back(-1);
        continue;
      }
      // What is the same memory under another shape can be written there as well.
      const int32_t root = plan_.tensors_[static_cast<size_t>(id)].alias_of;
      if (root >= 0) id = root;
      if (!direct(id)) id = copy_to(id, false);
    } else {
      id = made_.count({tensor, 1}) != 0 ? made_[{tensor, 1}] : -1;
      if (id < 0 || !direct(id)) {
        int32_t from = id;
        for (const auto& [key, made] : made_) {
          if (from < 0 && key.first == tensor) from = made;
        }
        if (from < 0) from = operand(tensor, made_lanes(tensor));
        id = copy_to(from, true);
      }
    }
    PlanTensor& placed = plan_.tensors_[static_cast<size_t>(id)];
    placed.space = Space::external;
    placed.external = plan_.external_count_++;
    placed.offset = 0;
    plan_.fetched_.push_back(id);
    plan_.fetched_externals_.push_back(placed.external);
  }
}

}  // namespace fastnn

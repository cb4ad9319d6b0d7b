// Where a plan's results go: fetched tensors and flat gradients, in the caller's memory.
#include <algorithm>

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

// The last slot in which a step reads a parameter; -1: none does.
int32_t Planner::last_reader(const Store* store, int32_t entry) const {
  int32_t last = -1;
  for (const Step& reader : plan_.steps_) {
    for (int32_t id : reader.in) {
      if (id < 0) continue;
      const int32_t root = plan_.tensors_[static_cast<size_t>(id)].alias_of;
      const PlanTensor& read = plan_.tensors_[static_cast<size_t>(root >= 0 ? root : id)];
      if (read.space != Space::store) continue;
      const Tensor& held = graph_.at(read.source);
      if (held.store.get() == store && held.entry == entry) last = std::max(last, reader.slot);
    }
  }
  return last;
}

// Large gradients are taken part by part as they are made: the optimizer finds them in the cache, and its
// traffic to memory falls where other threads compute, instead of all threads waiting for memory at the end.
// An MLP 1024-2048-2048-1000 at batch 256 trains 1.04 times as fast on two threads (1.02 to 1.06 in five
// rounds of pairs). The parameter must have been read by then, so that the gradient may have to be made a
// slot later. Kernels that make rectangles of short rows do not offer it: the bfloat16 product, whose rows of
// 384 elements no hardware prefetcher follows, lost 4 %.
void Planner::defer_taken() {
  const PlanRequest& request = plan_.request_;
  if (request.updated.empty()) return;
  // Data are refused by ops on the way to the loss, metrics and state: all of these are known by then.
  int32_t known = 0;
  for (int32_t id : plan_.fetched_) known = std::max(known, plan_.tensors_[static_cast<size_t>(id)].slot);
  for (size_t i = 0; i < request.flat.size(); ++i) {
    if (request.flat[i] == kNoTensor) continue;
    const auto made = made_.find({request.flat[i], 1});
    if (made == made_.end()) continue;
    PlanTensor& gradient = plan_.tensors_[static_cast<size_t>(made->second)];
    if (gradient.space != Space::external || gradient.producer < 0) continue;
    if (gradient.type.size() * dtype_size(gradient.type.dtype) < kLargeOperands) continue;
    Step& step = plan_.steps_[static_cast<size_t>(gradient.producer)];
    const Kernel* kernel = step.kind == StepKind::whole ? step_kernel(step) : nullptr;
    if (kernel == nullptr || kernel->unit_part == nullptr) continue;
    // Other gradients may follow from it, where a kernel is a sum: they need it at once.
    const bool read = std::any_of(plan_.steps_.begin(), plan_.steps_.end(), [&](const Step& reader) {
      return std::any_of(reader.in.begin(), reader.in.end(), [&](int32_t id) {
        return id >= 0 &&
               (id == made->second || plan_.tensors_[static_cast<size_t>(id)].alias_of == made->second);
      });
    });
    if (read) continue;
    const auto& [store, entry] = request.updated[i];
    const int32_t slot = std::max({step.slot, last_reader(store, entry) + 1, known + 1});
    if (slot > step.slot) {
      std::vector<int32_t>& before = plan_.slots_[static_cast<size_t>(step.slot)].whole_steps;
      before.erase(std::find(before.begin(), before.end(), gradient.producer));
      if (static_cast<size_t>(slot) >= plan_.slots_.size()) {
        plan_.slots_.resize(static_cast<size_t>(slot) + 1);
      }
      plan_.slots_[static_cast<size_t>(slot)].whole_steps.push_back(gradient.producer);
      step.slot = gradient.slot = slot;
    }
    step.taken = static_cast<int32_t>(i);
    step.part = kernel->unit_part;
  }
}

}  // namespace fastnn

// From graph to steps: which kernels run, in which slot, on which operands.
#include "graph/planner.h"

#include <algorithm>

namespace fastnn {

const Kernel* node_kernel(const Node& node) {
  if (node.attributes.has("compute_dtype")) {
    const Kernel* kernel =
        find_kernel(std::string(node.op->name) + ":" + node.attributes.str("compute_dtype", ""));
    if (kernel != nullptr) return kernel;
  }
  return find_kernel(node.op->name);
}

// A step may be of another op than its node: a change of layout.
const Kernel* Planner::step_kernel(const Step& step) const {
  if (step.node >= 0 && step.kind != StepKind::gather) {
    const Node& node = graph_.nodes()[static_cast<size_t>(step.node)];
    if (step.op == node.op->name) return node_kernel(node);
  }
  return find_kernel(step.op);
}

View view_of(const PlanTensor& tensor) {
  View view;
  view.dims = tensor.type.dims.data();
  view.rank = static_cast<int32_t>(tensor.type.dims.size());
  view.dtype = tensor.type.dtype;
  view.batched = tensor.type.batched;
  view.lanes = tensor.lanes;
  view.size = tensor.type.size();
  return view;
}

namespace {

DType working_type(const Graph& graph, const Node& node) {
  for (const auto* list : {&node.in, &node.out}) {
    for (TensorId id : *list) {
      if (id != kNoTensor && graph.type(id).dtype == DType::f64 && graph.type(id).batched) return DType::f64;
    }
  }
  for (const auto* list : {&node.in, &node.out}) {
    for (TensorId id : *list) {
      if (id != kNoTensor && graph.type(id).dtype == DType::f32) return DType::f32;
    }
  }
  for (const auto* list : {&node.in, &node.out}) {
    for (TensorId id : *list) {
      if (id != kNoTensor && graph.type(id).dtype == DType::f64) return DType::f64;
    }
  }
  return DType::f32;
}

const Kernel& kernel_of(const Node& node) {
  const Kernel* kernel = node_kernel(node);
  if (kernel == nullptr) {
    throw_runtime(node.name, ": op '", node.op->name, "' has no kernel for this device (cpu, ", current_isa(),
                  ")");
  }
  return *kernel;
}

// A per-sample op that shares out the batch by itself (scan): it offers neither of the tile forms.
bool whole_only(const Graph& graph, const Node& node) {
  const KernelSet& set = kernel_of(node).set(working_type(graph, node));
  return set.rows == nullptr && set.lanes == nullptr && set.whole != nullptr;
}

// An op that works in rows alone has its parameter packed for all threads at once, too: no form of it reads
// the parameter as it is.
bool packs_whole(const Kernel& kernel) {
  return kernel.team && kernel.pack_input >= 0 && kernel.f32.lanes == nullptr;
}

// Is bit i of a mask of operands set? Operands past the last bit are as the last one.
bool has_bit(uint32_t mask, size_t i) { return (mask >> std::min<size_t>(i, 31)) & 1u; }

bool any_batched_input(const Graph& graph, const Node& node) {
  return std::any_of(node.in.begin(), node.in.end(),
                     [&](TensorId id) { return id != kNoTensor && graph.type(id).batched; });
}

}  // namespace

Planner::Planner(Plan& plan) : plan_(plan), graph_(plan.graph()) {}

void Planner::run() {
  prune();
  choose_layout();
  fuse_pools();
  crop_images();
  first_tile_slot_ = needs_prologue() ? 1 : 0;
  plan_.prologue_ = first_tile_slot_;
  plan_.input_externals_.assign(graph_.inputs().size(), -1);
  emit();
  emit_outputs();
  defer_taken();
  assign_spaces();
  choose_tile();
  const bool kept = keep_places(), fused = fuse_chains();
  if (fused) defer_taken();  // its steps have found their slots anew
  if (fused || kept) {
    assign_spaces();
    plan_.tile_bytes_ = layout_tile(plan_.tile_);
  }
  assign_shared();
  choose_directions();
}

void Planner::prune() {
  std::vector<TensorId> wanted = plan_.request_.fetch;
  wanted.insert(wanted.end(), plan_.request_.flat.begin(), plan_.request_.flat.end());
  live_ = live_nodes(graph_, std::move(wanted));
}

// Are there packs, or unbatched nodes that tile steps read? Then tiles start in slot 1, so that forward and
// backward stay in one segment instead of being parted where the prologue's result is first used.
bool Planner::needs_prologue() const {
  std::vector<char> from_parameters(graph_.tensors().size(), 0);
  for (size_t n = 0; n < graph_.nodes().size(); ++n) {
    const Node& node = graph_.nodes()[n];
    if (!live_[n]) continue;
    if (node.op->kind == OpKind::unbatched) {
      const bool constant = node.in.empty();
      bool before_run = !constant;
      for (TensorId id : node.in) {
        if (id == kNoTensor) continue;
        before_run &= graph_.at(id).role != Role::value || from_parameters[static_cast<size_t>(id)];
      }
      if (before_run) {
        for (TensorId id : node.out) from_parameters[static_cast<size_t>(id)] = 1;
      }
      continue;
    }
    for (TensorId id : node.in) {
      if (id != kNoTensor && from_parameters[static_cast<size_t>(id)]) return true;
    }
    const Kernel& kernel = kernel_of(node);
    if (node.op->kind == OpKind::per_sample && lanes_[n] == 1 && kernel.pack_input >= 0 &&
        (packs_whole(kernel) || !use_team_kernel(node, kernel)) && packed_size(node, kernel) > 0) {
      return true;
    }
  }
  return false;
}

void Planner::emit() {
  for (size_t n = 0; n < graph_.nodes().size(); ++n) {
    if (!live_[n]) continue;
    const Node& node = graph_.nodes()[n];
    const auto index = static_cast<int32_t>(n);
    if (node.op->alias) {
      continue;  // resolved by operand(): the output is the input's memory
    }
    if (node.op->kind == OpKind::per_sample && whole_only(graph_, node)) {
      emit_whole(index);
    } else if (node.op->kind == OpKind::unbatched || !any_batched_input(graph_, node)) {
      if (node.op->kind == OpKind::per_sample && !node.out.empty() && graph_.type(node.out[0]).batched) {
        emit_tile(index);
      } else {
        emit_whole(index);
      }
    } else if (node.op->kind == OpKind::over_samples) {
      if (use_whole_kernel(node, kernel_of(node))) {
        emit_whole(index);
      } else {
        emit_partial(index);
      }
    } else if (use_team_kernel(node, kernel_of(node))) {
      emit_whole(index);
    } else {
      emit_tile(index);
    }
  }
}

int32_t Planner::new_tensor(const TensorType& type, TensorId source, int32_t lanes) {
  PlanTensor tensor;
  tensor.type = type;
  tensor.source = source;
  tensor.lanes = type.batched ? lanes : 1;
  plan_.tensors_.push_back(std::move(tensor));
  return static_cast<int32_t>(plan_.tensors_.size()) - 1;
}

int32_t Planner::earliest_slot(const Step& step, bool tile_step) const {
  int32_t slot = tile_step ? first_tile_slot_ : 0;
  for (int32_t id : step.in) {
    if (id < 0) continue;
    const int32_t alias = plan_.tensors_[static_cast<size_t>(id)].alias_of;
    const PlanTensor& tensor = plan_.tensors_[static_cast<size_t>(alias >= 0 ? alias : id)];
    if (tensor.slot < 0) continue;
    slot = std::max(slot, tensor.slot + (tile_step && tensor.by_tile ? 0 : 1));
  }
  return slot;
}

int32_t Planner::push_step(Step step) {
  const auto index = static_cast<int32_t>(plan_.steps_.size());
  const bool tile_step =
      step.kind == StepKind::gather || step.kind == StepKind::tile || step.kind == StepKind::partial;
  if (step.kind == StepKind::constant) {
    step.slot = -1;
  } else {
    step.slot = std::max(step.slot, earliest_slot(step, tile_step));
    if (static_cast<size_t>(step.slot) >= plan_.slots_.size())
      plan_.slots_.resize(static_cast<size_t>(step.slot) + 1);
    Slot& slot = plan_.slots_[static_cast<size_t>(step.slot)];
    (tile_step ? slot.tile_steps : slot.whole_steps).push_back(index);
    slot.has_partials |= step.kind == StepKind::partial;
  }
  if (step.kind != StepKind::partial) {
    for (int32_t id : step.out) {
      PlanTensor& tensor = plan_.tensors_[static_cast<size_t>(id)];
      tensor.producer = index;
      tensor.slot = step.slot;
      tensor.by_tile = tile_step;
    }
  }
  plan_.steps_.push_back(std::move(step));
  return index;
}

double node_flops(const Graph& graph, const Node& node) {
  if (node.op->cost == nullptr) {
    double elements = 0;
    for (TensorId id : node.out) elements += static_cast<double>(graph.type(id).size());
    return elements;
  }
  std::vector<TensorType> in, out;
  for (TensorId id : node.in)
    in.push_back(id == kNoTensor ? TensorType{DType::f32, {0}, false} : graph.type(id));
  for (TensorId id : node.out) out.push_back(graph.type(id));
  return node.op->cost({in, out, node.attributes}).flops;
}

void Planner::emit_tile(int32_t node_index) {
  const Node& node = graph_.nodes()[static_cast<size_t>(node_index)];
  const Kernel& kernel = kernel_of(node);
  const KernelSet& set = kernel.set(working_type(graph_, node));
  const int32_t lanes = node_lanes(node_index);
  Step step;
  step.kind = StepKind::tile;
  step.op = node.op->name;
  step.node = node_index;
  step.lanes = lanes;
  step.kernel = lanes == 1 ? set.rows : set.lanes;
  step.configuration = configurations_[static_cast<size_t>(node_index)];
  for (size_t i = 0; i < node.in.size(); ++i) {
    const bool rows = lanes == 1 || ((kernel.rows_inputs >> i) & 1u);
    if (lanes == 1 && static_cast<int32_t>(i) == kernel.pack_input && packed_size(node, kernel) > 0) {
      step.in.push_back(packed(node.in[i], node, kernel,
                               working_type(graph_, node) == DType::f64 ? kernel.pack_f64 : kernel.pack_f32));
    } else {
      step.in.push_back(operand(node.in[i], rows ? 1 : lanes));
    }
  }
  const int32_t pool_index = pool_of_[static_cast<size_t>(node_index)];
  const Node& last = pool_index < 0 ? node : graph_.nodes()[static_cast<size_t>(pool_index)];
  step.flops = node_flops(graph_, node) * shares_[static_cast<size_t>(node_index)];
  if (pool_index >= 0) {
    step.configuration = pooling_configuration(graph_, node, last);
    step.flops += node_flops(graph_, last);
  }
  for (size_t i = 0; i < last.out.size(); ++i) {
    const int32_t out_lanes = lanes == 1 || ((kernel.rows_outputs >> i) & 1u) ? 1 : lanes;
    const int32_t id = new_tensor(type_of(last.out[i]), last.out[i], out_lanes);
    made_[{last.out[i], out_lanes}] = id;
    step.out.push_back(id);
  }
  push_step(std::move(step));
}

void Planner::emit_partial(int32_t node_index) {
  const Node& node = graph_.nodes()[static_cast<size_t>(node_index)];
  const Kernel& kernel = kernel_of(node);
  const KernelSet& set = kernel.set(working_type(graph_, node));
  const int32_t lanes = node_lanes(node_index);
  Step step;
  step.kind = StepKind::partial;
  step.op = node.op->name;
  step.node = node_index;
  step.lanes = lanes;
  step.kernel = lanes == 1 ? set.rows : set.lanes;
  step.configuration = configurations_[static_cast<size_t>(node_index)];
  for (size_t i = 0; i < node.in.size(); ++i) {
    const bool rows = lanes == 1 || ((kernel.rows_inputs >> i) & 1u);
    step.in.push_back(operand(node.in[i], rows ? 1 : lanes));
  }
  const int64_t width = lanes > 1 && kernel.lane_accumulators ? lanes : 1;
  for (TensorId id : node.out) {
    const int32_t made = new_tensor(type_of(id), id, 1);
    made_[{id, 1}] = made;
    step.out.push_back(made);
    step.accumulator_elements.push_back(graph_.type(id).size() * width);
    step.accumulator_bytes += align_up(step.accumulator_elements.back() * dtype_size(graph_.type(id).dtype));
  }
  step.flops = node_flops(graph_, node) * shares_[static_cast<size_t>(node_index)];
  Step combine;
  combine.kind = StepKind::combine;
  combine.op = "combine";
  combine.node = node_index;
  combine.out = step.out;
  combine.accumulator_elements = step.accumulator_elements;
  combine.accumulator_bytes = step.accumulator_bytes;
  combine.lanes = static_cast<int32_t>(width);
  const int32_t partial = push_step(std::move(step));
  combine.slot = plan_.steps_[static_cast<size_t>(partial)].slot + 1;
  // One unit is 1024 elements of an output: small enough to share out, large enough to stream.
  combine.units = 0;
  for (int32_t id : combine.out) {
    combine.units += (plan_.tensors_[static_cast<size_t>(id)].type.size() + 1023) / 1024;
  }
  push_step(std::move(combine));
}

bool Planner::use_whole_kernel(const Node& node, const Kernel& kernel) const {
  const KernelSet& set = kernel.set(working_type(graph_, node));
  if (set.whole == nullptr) return false;
  if (set.rows == nullptr && set.lanes == nullptr) return true;
  // Large sums (weight gradients of all but narrow layers) are split by output element: shards of them would
  // cost more memory traffic than the whole batch's activations do.
  int64_t elements = 0;
  for (TensorId id : node.out) elements += graph_.type(id).size();
  return elements > 768;
}

// Parameters that outgrow the second-level cache would be read anew from farther away for every tile.
bool Planner::use_team_kernel(const Node& node, const Kernel& kernel) const {
  if (!kernel.team || kernel.set(working_type(graph_, node)).whole == nullptr) return false;
  int64_t bytes = 0;
  for (TensorId id : node.in) {
    if (id == kNoTensor || graph_.type(id).batched) continue;
    bytes += graph_.type(id).size() * dtype_size(graph_.type(id).dtype);
  }
  return bytes >= kLargeOperands;
}

void Planner::emit_whole(int32_t node_index) {
  const Node& node = graph_.nodes()[static_cast<size_t>(node_index)];
  const Kernel& kernel = kernel_of(node);
  const KernelSet& set = kernel.set(working_type(graph_, node));
  if (set.whole == nullptr) {
    throw_runtime(node.name, ": op '", node.op->name, "' has no kernel for unbatched operands");
  }
  Step step;
  step.kind = node.in.empty() ? StepKind::constant : StepKind::whole;
  step.op = node.op->name;
  step.node = node_index;
  step.kernel = set.whole;
  step.configuration = configurations_[static_cast<size_t>(node_index)];
  for (size_t i = 0; i < node.in.size(); ++i) {
    int32_t lanes = 1;
    if (packs_whole(kernel) && static_cast<int32_t>(i) == kernel.pack_input &&
        packed_size(node, kernel) > 0) {
      step.in.push_back(packed(node.in[i], node, kernel, kernel.pack_f32));
      continue;
    }
    if (node.in[i] != kNoTensor && graph_.type(node.in[i]).batched && !has_bit(kernel.whole_rows_inputs, i)) {
      // Any layout does: take the one that exists.
      lanes = node_lanes(node_index);
      const bool in_lanes = made_.count({node.in[i], lanes}) != 0;
      if (!in_lanes && made_.count({node.in[i], 1}) != 0) lanes = 1;
    }
    step.in.push_back(operand(node.in[i], lanes));
  }
  for (TensorId id : node.out) {
    const int32_t made = new_tensor(type_of(id), id, 1);
    made_[{id, 1}] = made;
    step.out.push_back(made);
  }
  step.units = kernel.units != nullptr ? query_size(kernel.units, step, plan_.request_.capacity, 1) : 1;
  step.flops = node_flops(graph_, node) *
               (any_batched_input(graph_, node) ? static_cast<double>(plan_.request_.capacity) : 1.0);
  push_step(std::move(step));
}

}  // namespace fastnn

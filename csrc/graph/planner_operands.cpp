// What steps read: the plan tensors of the graph's, in the layout that is asked for, and packed parameters.
#include <algorithm>

#include "graph/planner.h"

namespace fastnn {

// Is it a parameter, perhaps under another shape?
bool Planner::is_parameter(TensorId tensor) const {
  while (tensor != kNoTensor) {
    const Tensor& found = graph_.at(tensor);
    if (found.node < 0) return found.role == Role::parameter;
    const Node& node = graph_.nodes()[static_cast<size_t>(found.node)];
    if (!node.op->alias) return false;
    tensor = node.in[0];
  }
  return false;
}

// The plan tensor that holds `tensor` in its own layout, whichever that is.
int32_t Planner::operand(TensorId tensor, int32_t lanes) {
  if (tensor == kNoTensor) return -1;
  const Tensor& source = graph_.at(tensor);
  if (source.role == Role::parameter) {
    const auto key = std::make_pair(tensor, 1);
    if (const auto found = made_.find(key); found != made_.end()) return found->second;
    const int32_t id = new_tensor(source.type, tensor, 1);
    plan_.tensors_[static_cast<size_t>(id)].space = Space::store;
    return made_[key] = id;
  }
  if (!source.type.batched) lanes = 1;
  return as_lanes(tensor, lanes);
}

// The plan tensor that holds `tensor` in the asked layout; inserts a gather or a relayout where it must.
int32_t Planner::as_lanes(TensorId tensor, int32_t lanes) {
  const auto key = std::make_pair(tensor, lanes);
  if (const auto found = made_.find(key); found != made_.end()) return found->second;
  const Tensor& source = graph_.at(tensor);
  if (source.node >= 0) {
    const Node& node = graph_.nodes()[static_cast<size_t>(source.node)];
    if (node.op->alias) {
      const int32_t base = operand(node.in[0], lanes);
      const int32_t id = new_tensor(source.type, tensor, lanes);
      PlanTensor& view = plan_.tensors_[static_cast<size_t>(id)];
      const PlanTensor& root = plan_.tensors_[static_cast<size_t>(base)];
      view.alias_of = root.alias_of >= 0 ? root.alias_of : base;
      view.slot = root.slot;
      view.by_tile = root.by_tile;
      view.producer = root.producer;
      return made_[key] = id;
    }
  }
  if (source.role == Role::input) {
    const int32_t id = new_tensor(source.type, tensor, lanes);
    const auto& inputs = graph_.inputs();
    const auto number = std::find(inputs.begin(), inputs.end(), tensor) - inputs.begin();
    if (!source.type.batched) {  // read where the caller has it
      PlanTensor& placed = plan_.tensors_[static_cast<size_t>(id)];
      placed.space = Space::external;
      placed.external = plan_.external_count_++;
      plan_.input_externals_[static_cast<size_t>(number)] = placed.external;
      return made_[key] = id;
    }
    Step step;
    step.kind = StepKind::gather;
    step.op = "gather";
    step.lanes = lanes;
    step.node = static_cast<int32_t>(number);
    step.out = {id};
    push_step(std::move(step));
    return made_[key] = id;
  }
  // Made in the other layout: convert it where it was made.
  int32_t other = -1;
  for (const auto& [made_key, id] : made_) {
    if (made_key.first == tensor) other = id;
  }
  if (other < 0)
    throw_runtime("internal error: tensor ", tensor, " ('", source.name, "') is used before it is made");
  const int32_t id = new_tensor(type_of(tensor), tensor, lanes);
  Step step;
  step.kind = StepKind::tile;
  step.op = "relayout";
  const Kernel* kernel = find_kernel("relayout");
  step.kernel = dtype_size(source.type.dtype) == 8 ? kernel->f64.rows : kernel->f32.rows;
  step.in = {other};
  step.out = {id};
  step.node = source.node;
  push_step(std::move(step));
  return made_[key] = id;
}

const Configuration& Planner::configuration_of(const Node& node) const {
  return configurations_[static_cast<size_t>(&node - graph_.nodes().data())];
}

// Elements of the packed form of the node's parameter; 0: it is read as it is.
int64_t Planner::packed_size(const Node& node, const Kernel& kernel) const {
  const TensorId tensor = node.in[static_cast<size_t>(kernel.pack_input)];
  if (!is_parameter(tensor)) return 0;
  PlanTensor parameter;
  parameter.type = graph_.type(tensor);
  const View view = view_of(parameter);
  KernelQuery query;
  query.in = &view;
  query.in_count = 1;
  query.config = configuration_of(node).get();
  query.samples = 1;
  return kernel.pack_elements(query);
}

int32_t Planner::packed(TensorId tensor, const Node& node, const Kernel& kernel, const KernelFn pack) {
  const int64_t elements = packed_size(node, kernel);
  const auto key = std::make_tuple(tensor, reinterpret_cast<const void*>(pack), elements);
  if (const auto found = packs_.find(key); found != packs_.end()) return found->second;
  Step step;
  step.kind = StepKind::whole;
  step.op = "pack";
  step.kernel = pack;
  step.configuration = configuration_of(node);  // of the first node that asks: they agree on the parameter's
                                                // shape and its packed form
  step.in = {operand(tensor, 1)};
  const int32_t id = new_tensor(graph_.type(tensor), tensor, 1);
  step.out = {id};
  // The packed tensor is a flat run of elements.
  plan_.tensors_[static_cast<size_t>(id)].type.dims = {elements};
  step.units = kernel.pack_units != nullptr ? query_size(kernel.pack_units, step, 1, 1) : 1;
  push_step(std::move(step));
  return packs_[key] = id;
}

int64_t Planner::query_size(SizeFn function, const Step& step, int64_t samples, int32_t lanes) const {
  if (function == nullptr) return 0;
  std::vector<View> in, out;
  for (int32_t id : step.in)
    in.push_back(id >= 0 ? view_of(plan_.tensors_[static_cast<size_t>(id)]) : View{});
  for (int32_t id : step.out) out.push_back(view_of(plan_.tensors_[static_cast<size_t>(id)]));
  KernelQuery query;
  query.in = in.data();
  query.out = out.data();
  query.in_count = static_cast<int32_t>(in.size());
  query.out_count = static_cast<int32_t>(out.size());
  query.config = step.configuration.get();
  query.samples = samples;
  query.lanes = lanes;
  return function(query);
}

}  // namespace fastnn

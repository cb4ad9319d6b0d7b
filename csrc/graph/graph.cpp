#include "graph/graph.h"

namespace fastnn {

const Tensor& Graph::at(TensorId tensor) const {
  if (tensor < 0 || static_cast<size_t>(tensor) >= tensors_.size()) {
    throw_value("the graph has no tensor ", tensor, " (it has ", tensors_.size(), ")");
  }
  return tensors_[static_cast<size_t>(tensor)];
}

Producer Graph::producer(TensorId tensor) const {
  const int32_t node = at(tensor).node;
  if (node < 0) return {};
  const Node& found = nodes_[static_cast<size_t>(node)];
  return {found.op->name, found.in, found.attributes};
}

void Graph::detach(TensorId tensor) {
  if (at(tensor).role != Role::value) return;
  Tensor& detached = tensors_[static_cast<size_t>(tensor)];
  detached.role = Role::input;
  detached.node = -1;
  inputs_.push_back(tensor);
}

std::vector<char> live_nodes(const Graph& graph, std::vector<TensorId> wanted) {
  std::vector<char> live(graph.nodes().size(), 0);
  while (!wanted.empty()) {
    const TensorId id = wanted.back();
    wanted.pop_back();
    if (id == kNoTensor) continue;
    const int32_t node = graph.at(id).node;
    if (node < 0 || live[static_cast<size_t>(node)]) continue;
    live[static_cast<size_t>(node)] = 1;
    const Node& found = graph.nodes()[static_cast<size_t>(node)];
    wanted.insert(wanted.end(), found.in.begin(), found.in.end());
  }
  return live;
}

TensorId Graph::input(const std::string& name, const TensorType& type) {
  for (int64_t extent : type.dims) {
    if (extent < 1) throw_value("input '", name, "': every dimension must be at least 1, got ", type.str());
  }
  Tensor tensor;
  tensor.type = type;
  tensor.role = Role::input;
  tensor.name = name;
  tensors_.push_back(std::move(tensor));
  inputs_.push_back(static_cast<TensorId>(tensors_.size()) - 1);
  return inputs_.back();
}

TensorId Graph::parameter(const std::shared_ptr<Store>& store, const std::string& entry) {
  const int32_t number = store->find(entry);
  if (number < 0) throw_value("the store has no weight named '", entry, "'");
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].store == store && tensors_[i].entry == number) return static_cast<TensorId>(i);
  }
  const Store::Entry& found = store->entries()[static_cast<size_t>(number)];
  Tensor tensor;
  tensor.type = {found.dtype, found.shape, false};
  tensor.role = Role::parameter;
  tensor.name = entry;
  tensor.store = store;
  tensor.entry = number;
  tensors_.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors_.size()) - 1;
}

std::vector<TensorId> Graph::add(const std::string& op_name, const std::vector<TensorId>& inputs,
                                 const Attributes& attributes, const std::string& name) {
  const Op& op = find_op(op_name);
  Node node;
  node.op = &op;
  node.name = name.empty() ? op_name : name;
  node.attributes = attributes;
  node.in = inputs;
  InferContext context{node.name, {}, node.attributes, {}};
  bool batched = false;
  for (TensorId id : inputs) {
    if (id == kNoTensor) {
      context.in.push_back({DType::f32, {0}, false});
      continue;
    }
    context.in.push_back(at(id).type);
    batched |= at(id).type.batched;
  }
  if (op.kind == OpKind::unbatched && batched) {
    throw_value(node.name, ": op '", op_name, "' takes no batched operands");
  }
  if (op.kind == OpKind::over_samples && !batched) {
    throw_value(node.name, ": op '", op_name, "' sums over samples and needs a batched operand");
  }
  op.infer(context);
  for (const TensorType& type : context.out) {
    Tensor tensor;
    tensor.type = type;
    tensor.name = node.name;
    tensor.node = static_cast<int32_t>(nodes_.size());
    tensor.output = static_cast<int32_t>(node.out.size());
    node.out.push_back(static_cast<TensorId>(tensors_.size()));
    tensors_.push_back(std::move(tensor));
  }
  if (op.configure != nullptr) node.configuration = op.configure({context.in, context.out, node.attributes});
  nodes_.push_back(std::move(node));
  return nodes_.back().out;
}

}  // namespace fastnn

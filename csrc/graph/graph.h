// What to compute: a DAG of op nodes over typed tensors. Nodes are appended in topological order, so a graph
// can have no cycle. Building is not thread-safe; a finished graph is only read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/store.h"
#include "ops/op.h"

namespace fastnn {

enum class Role { input, parameter, value };

struct Tensor {
  TensorType type;
  Role role = Role::value;
  std::string name;
  int32_t node = -1;             ///< producer; -1 for inputs and parameters
  int32_t output = 0;            ///< which of the producer's outputs
  std::shared_ptr<Store> store;  ///< parameters and state: where they live
  int32_t entry = -1;
};

struct Node {
  const Op* op = nullptr;
  std::string name;  ///< the layer that made it
  Attributes attributes;
  std::vector<TensorId> in;  ///< kNoTensor for absent optional operands
  std::vector<TensorId> out;
  Configuration configuration;
};

class FASTNN_API Graph final : public GraphBuilder {
 public:
  /// Adds a batched input (`batched` false: one value for the whole batch).
  TensorId input(const std::string& name, const TensorType& type);
  /// Adds a store's entry as an operand. Asking twice for the same entry gives the same tensor.
  TensorId parameter(const std::shared_ptr<Store>& store, const std::string& entry);
  /// Adds a node; returns its outputs.
  std::vector<TensorId> add(const std::string& op, const std::vector<TensorId>& inputs,
                            const Attributes& attributes = {}, const std::string& name = "") override;
  const TensorType& type(TensorId tensor) const override { return at(tensor).type; }
  Producer producer(TensorId tensor) const override;

  /// Makes a value an input: its node no longer counts for it.
  void detach(TensorId tensor);

  const Tensor& at(TensorId tensor) const;
  const std::vector<Tensor>& tensors() const { return tensors_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<TensorId>& inputs() const { return inputs_; }
  /// Renames a tensor (used in messages).
  void set_name(TensorId tensor, const std::string& name) {
    tensors_.at(static_cast<size_t>(tensor)).name = name;
  }

 private:
  std::vector<Tensor> tensors_;
  std::vector<Node> nodes_;
  std::vector<TensorId> inputs_;
};

/// Adds the nodes that compute d(loss)/d(target) for each target and returns those tensors, in order (a
/// target that the loss does not depend on gets kNoTensor). `loss` must be an unbatched scalar unless `seed`,
/// the gradient with respect to it, is given.
FASTNN_API std::vector<TensorId> add_gradients(Graph& graph, TensorId loss,
                                               const std::vector<TensorId>& targets,
                                               TensorId seed = kNoTensor);
/// The same for several losses of any shape at once, each with the gradient with respect to it.
FASTNN_API std::vector<TensorId> add_gradients(Graph& graph, const std::vector<TensorId>& losses,
                                               const std::vector<TensorId>& seeds,
                                               const std::vector<TensorId>& targets);

/// For each node: do `wanted` depend on it? kNoTensor is passed over.
FASTNN_API std::vector<char> live_nodes(const Graph& graph, std::vector<TensorId> wanted);

}  // namespace fastnn

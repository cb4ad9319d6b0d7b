// The op contract: everything that the graph and the planner know of an op. An op is one `inline const Op` in
// a header of its own (csrc/ops/<stem>.h, namespace fastnn::ops), its kernels are in csrc/cpu/<stem>.cpp, and
// a line FASTNN_OP(stem, name) in ops.inc registers both.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/types.h"
#include "ops/attributes.h"

namespace fastnn {

/// Number of a tensor in its graph. kNoTensor stands for an optional operand that is absent.
using TensorId = int32_t;
constexpr TensorId kNoTensor = -1;

/// How an op treats the samples of a batch.
enum class OpKind {
  per_sample,    ///< each sample by itself (unbatched operands, as parameters, are shared); batched outputs
  over_samples,  ///< sums over samples: batched operands, unbatched outputs
  unbatched      ///< no batched operand at all: parameters, combined results
};

/// What `infer` may read and must set.
struct InferContext {
  std::string node;  ///< layer's name, for messages
  std::vector<TensorType> in;
  const Attributes& attributes;
  std::vector<TensorType> out;

  /// Throws unless low <= number of inputs <= high.
  void expect_inputs(size_t low, size_t high) const {
    if (in.size() < low || in.size() > high) {
      throw_value(node, ": expected ", low, " to ", high, " inputs, got ", in.size());
    }
  }
};

/// The node that made a tensor.
struct Producer {
  std::string op;  ///< empty: an input or a parameter
  std::vector<TensorId> in;
  Attributes attributes;
};

/// Adds nodes to a graph; the part of the graph that gradient rules see.
class GraphBuilder {
 public:
  virtual ~GraphBuilder() = default;
  virtual std::vector<TensorId> add(const std::string& op, const std::vector<TensorId>& inputs,
                                    const Attributes& attributes, const std::string& name) = 0;
  virtual const TensorType& type(TensorId tensor) const = 0;
  virtual Producer producer(TensorId tensor) const = 0;
};

/// What a gradient rule sees: the node, and the gradients with respect to its outputs.
struct GradientContext {
  GraphBuilder& graph;
  const std::string& node;
  int32_t number;  ///< the node's place in the graph: its key for random numbers
  const Attributes& attributes;
  const std::vector<TensorId>& in;
  const std::vector<TensorId>& out;
  const std::vector<TensorId>& out_gradients;  ///< kNoTensor where an output does not reach the loss
  const std::vector<bool>& wanted;             ///< for each input: is its gradient asked for?

  TensorId add(const std::string& op, const std::vector<TensorId>& inputs,
               const Attributes& attrs = {}) const {
    return graph.add(op, inputs, attrs, node).at(0);
  }
};

/// Arithmetic of one sample (of the whole node for unbatched ops). Bytes moved follow from the types.
struct Cost {
  double flops = 0;
};

using Configuration = std::shared_ptr<const void>;

struct NodeInfo {
  const std::vector<TensorType>& in;
  const std::vector<TensorType>& out;
  const Attributes& attributes;
};

struct Op {
  const char* name;
  OpKind kind = OpKind::per_sample;
  /// Checks attributes and operands, sets the outputs' types. Throws Error with a message that names the
  /// node.
  void (*infer)(InferContext&);
  /// Plain data for the kernels, made from types and attributes; may return null.
  Configuration (*configure)(const NodeInfo&) = nullptr;
  /// Gradients with respect to the inputs (kNoTensor where there is none); null: the op has no gradient.
  std::vector<TensorId> (*gradient)(GradientContext&) = nullptr;
  Cost (*cost)(const NodeInfo&) = nullptr;
  /// The output may be the first input's memory, unchanged (reshape, flatten): nothing is run.
  bool alias = false;
  /// Output 0 may be written over input 0 when both are of one type and nothing else reads that (elementwise
  /// ops).
  bool in_place = false;
  /// A sum over samples that runs over leading per-sample dims, too: more of them may be put before its
  /// operands' dims.
  bool sums_positions = false;
};

/// Allocates a Config for Op::configure.
template <class Config>
Configuration make_configuration(Config config) {
  return std::make_shared<const Config>(std::move(config));
}

/// Registered op of that name; throws Error(value), offering the nearest names, if there is none.
FASTNN_API const Op& find_op(const std::string& name);
FASTNN_API std::vector<std::string> op_names();
/// Adds a user's op. The Op must live as long as the process; its kernels come through register_kernel.
FASTNN_API void register_op(const Op& op);

}  // namespace fastnn

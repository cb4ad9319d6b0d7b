// scan(initial carries..., sequences..., constants..., parameters...; body, ...)
//     -> final carries..., output sequences..., incoming carries..., residuals...
// Runs a graph of its own, the body, once for each step of the sequences, and hands its carries from step to
// step: a recurrent cell of any kind is one node.
//
// Operands
//   initial carry     (None, ...) or (...), absent: zeros
//   sequence          (None, T, ...) or (T, ...)
//   constant          the same for every step, batched or not
//   parameter         of those that the body reads, in its order; there for their gradients only
// Outputs
//   final carry       (None, ...)
//   output sequence   (None, T, ...)
//   incoming carry    (None, T, ...), what step t began with
//   residual          (None, T, ...), what is kept of step t for the gradient
//
// Attributes
//   body             the graph; its inputs are batched, but for unbatched constants
//   carries, sequences, constants   the body's inputs that the operands go to, in order
//   carry_outputs    the body's tensors that become the carries of the next step; -1: zeros
//   outputs          the body's tensors that are collected
//   length           T
//   reverse          steps run from T - 1 to 0
//   residuals        the body's tensors that are kept; default: results of costly ops (dense products,
//                    convolutions, ...) and sums of them; none: everything is computed again
//   node             key of the random numbers in the body (with the step); default: the node's number
//
// The body may hold any op but sums over samples. Random ops draw other numbers at each step.
//
// The gradient is a scan, too, in the other direction: its body is the body with its gradient's nodes, which
// computes forward again what is cheap, from the incoming carry and the residuals. The operands of sums over
// samples (gradients of weights) become output sequences, and one sum is taken after the loop.
//
// A unit of work is a block of samples that one thread takes through all steps. The body has a plan of its
// own, made once; output sequences that nothing reads are not written.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "graph/executor.h"

namespace fastnn {

/// The attributes, read and counted.
struct ScanAttributes {
  explicit ScanAttributes(const Attributes& attributes, const std::string& node = "scan");

  Subgraph body;
  std::vector<TensorId> carries, sequences, constants;  ///< inputs of the body
  std::vector<TensorId> carry_outputs, outputs;
  std::vector<TensorId> parameters;  ///< of the body, in its order
  std::vector<TensorId> residuals;
  int64_t length;
  bool reverse;
  int64_t node;

  size_t operands() const { return carries.size() + sequences.size() + constants.size() + parameters.size(); }
  std::vector<char> live() const;  ///< which of the body's nodes a step needs
};

/// What the kernel works with: addresses in the body's plan, and workspaces that are leased to units of work.
class ScanProgram {
 public:
  static constexpr int64_t kTile = 32;  ///< samples that go through the steps together

  explicit ScanProgram(const ScanAttributes& attributes);

  /// Makes the body's plan, once; throws what the planner throws.
  void prepare() const;
  void run(const KernelCall& call) const;

 private:
  struct Lease {
    std::unique_ptr<Workspace> workspace;
    Arena arena;
    std::vector<BatchSource> sources;   // of the body's inputs
    std::vector<std::byte*> externals;  // of the body's plan
    Buffer memory;                      // fetched tensors, carries twice, then a row of zeros
  };
  struct Place {
    int32_t fetch = -1;  // index into fetches_; -1: zeros
    int64_t bytes = 0;   // of one sample
  };

  std::unique_ptr<Lease> lease() const;
  void give_back(std::unique_ptr<Lease> lease) const;
  void run_unit(const KernelCall& call, Lease& lease, int64_t first, int64_t count, bool fresh) const;
  std::byte* fetched(const Lease& lease, int32_t fetch, bool odd) const;
  Place place_of(TensorId tensor, bool carried);

  ScanAttributes attributes_;
  std::vector<Place> carries_, outputs_, residuals_;
  std::vector<TensorId> fetches_;       // each once
  std::vector<int64_t> fetch_offsets_;  // bytes, in a lease's memory
  std::vector<char> carried_;           // is it a carry, so that the last step's is still read?
  int64_t zeros_bytes_ = 0;             // at the end of a lease's memory
  int64_t memory_bytes_ = 0;

  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Plan> plan_;
  mutable std::vector<std::unique_ptr<Lease>> idle_;
};

/// Op::gradient of scan.
std::vector<TensorId> scan_gradient(GradientContext& context);

}  // namespace fastnn

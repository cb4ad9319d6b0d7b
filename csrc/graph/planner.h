// Makes a Plan, in passes: prune, choose layouts, emit steps, assign memory. Internal to graph/.
#pragma once

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "graph/backend.h"
#include "graph/plan.h"

namespace fastnn {

/// Bytes of an operand that no second-level cache is sure to hold.
constexpr int64_t kLargeOperands = 1 << 20;

class Planner {
 public:
  explicit Planner(Plan& plan);
  void run();

 private:
  // planner.cpp
  void prune();
  void emit();
  void emit_tile(int32_t node_index);
  void emit_partial(int32_t node_index);
  void emit_whole(int32_t node_index);
  int32_t new_tensor(const TensorType& type, TensorId source, int32_t lanes);
  int32_t push_step(Step step);
  int32_t earliest_slot(const Step& step, bool tile_step) const;
  bool use_whole_kernel(const Node& node, const Kernel& kernel) const;
  bool use_team_kernel(const Node& node, const Kernel& kernel) const;
  bool needs_prologue() const;

  // planner_operands.cpp
  bool is_parameter(TensorId tensor) const;
  int32_t operand(TensorId tensor, int32_t lanes);
  int32_t as_lanes(TensorId tensor, int32_t lanes);
  const Configuration& configuration_of(const Node& node) const;
  int64_t packed_size(const Node& node, const Kernel& kernel) const;
  int32_t packed(TensorId tensor, const Node& node, const Kernel& kernel, const KernelFn pack);
  int64_t query_size(SizeFn function, const Step& step, int64_t samples, int32_t lanes) const;

  // planner_layout.cpp: pure functions of graph, shapes, dtype and instruction set
  void choose_layout();
  int32_t node_lanes(int32_t node_index) const;
  const Kernel* step_kernel(const Step& step) const;

  // planner_fusion.cpp
  void fuse_pools();
  void crop_images();
  bool keep_places();
  const TensorType& type_of(TensorId tensor) const;

  // planner_outputs.cpp
  void emit_outputs();
  int32_t made_lanes(TensorId tensor) const;
  int32_t last_reader(const Store* store, int32_t entry) const;
  void defer_taken();

  // fuse_chains.cpp
  bool fuse_chains();

  // planner_memory.cpp
  void assign_spaces();
  int64_t layout_tile(int64_t tile);
  void choose_tile();
  void assign_shared();
  void choose_directions();

  Plan& plan_;
  const Graph& graph_;
  std::vector<char> live_;                                // nodes that the outputs need
  std::vector<int32_t> lanes_;                            // chosen lanes of each node
  std::vector<int32_t> pool_of_;                          // conv2d: the max_pool2d that it does, too, or -1
  std::map<TensorId, TensorType> cropped_;                // tensors of which the rest is not needed
  std::vector<Configuration> configurations_;             // of each node, for cropped operands
  std::vector<double> shares_;                            // of each node's operations that are done
  std::map<std::pair<TensorId, int32_t>, int32_t> made_;  // (tensor, lanes) -> plan tensor
  std::map<std::tuple<TensorId, const void*, int64_t>, int32_t> packs_;
  int32_t first_tile_slot_ = 0;
};

/// The kernel that serves a node, or null.
const Kernel* node_kernel(const Node& node);

/// Configuration of a conv2d that does the max_pool2d behind it, too.
Configuration pooling_configuration(const Graph& graph, const Node& conv, const Node& pool);

/// Floating-point operations of a node: of one sample, or of the whole node if nothing in it is batched.
double node_flops(const Graph& graph, const Node& node);

/// Whether plans made from now on have chains (see graph/chain.h), and of how many bytes of a tile; for tests
/// and measurements. Less than kLeastChain rests in the first-level cache anyhow.
constexpr int64_t kLeastChain = 32 * 1024;
FASTNN_API void set_chains(bool on, int64_t least = kLeastChain);

/// View of a plan's tensor with a null data pointer, for queries.
View view_of(const PlanTensor& tensor);

}  // namespace fastnn

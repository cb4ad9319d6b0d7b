// Which layout each node works in: a pure function of graph, shapes, dtype and instruction set.
#include <algorithm>

#include "graph/planner.h"

namespace fastnn {

namespace {

// Bytes that one tile of the narrowest batch-lane form may occupy before rows serve better: what fits the
// second-level cache of common processors with room to spare. A constant, so that results do not depend on
// the machine.
constexpr double kLaneFootprint = 3.0 * 1024 * 1024;

}  // namespace

int32_t Planner::node_lanes(int32_t node_index) const { return lanes_[static_cast<size_t>(node_index)]; }

void Planner::choose_layout() {
  const size_t count = graph_.nodes().size();
  lanes_.assign(count, 1);
  const KernelTable& table = kernel_table();

  // Two figures decide: the widest step's working set in the batch-lane layout, and how well the row layout's
  // vectors (over channels or features) would be filled.
  double widest = 0;
  double row_work = 0, useful_work = 0;
  bool doubles = false;
  for (size_t n = 0; n < count; ++n) {
    if (!live_[n]) continue;
    const Node& node = graph_.nodes()[n];
    double bytes = 0;
    for (const auto* list : {&node.in, &node.out}) {
      for (TensorId id : *list) {
        if (id == kNoTensor || !graph_.type(id).batched) continue;
        bytes += static_cast<double>(graph_.type(id).size() * dtype_size(graph_.type(id).dtype));
        doubles |= graph_.type(id).dtype == DType::f64 && !graph_.type(id).dims.empty();
      }
    }
    widest = std::max(widest, bytes);
    if (node.op->cost == nullptr || node.out.empty()) continue;
    std::vector<TensorType> in, out;
    for (TensorId id : node.in)
      in.push_back(id == kNoTensor ? TensorType{DType::f32, {0}, false} : graph_.type(id));
    for (TensorId id : node.out) out.push_back(graph_.type(id));
    const double flops = node.op->cost({in, out, node.attributes}).flops;
    const Shape& dims = out[0].dims;
    const double extent = dims.empty() ? 1.0 : static_cast<double>(dims.back());
    const double lanes = static_cast<double>(table.lanes(doubles ? DType::f64 : DType::f32));
    const double padded = std::max(1.0, (extent + lanes - 1) / lanes - 0.0);
    useful_work += flops;
    row_work += flops * (static_cast<double>(static_cast<int64_t>(padded)) * lanes / extent);
  }
  const int32_t wide = table.lanes(doubles ? DType::f64 : DType::f32);
  const bool enough_samples = plan_.request_.capacity >= wide;
  const bool fits = widest * wide <= kLaneFootprint;
  const bool rows_fill = useful_work > 0 && row_work <= 1.08 * useful_work;
  const Layout asked = plan_.request_.layout;
  const bool use_lanes =
      asked == Layout::automatic ? enough_samples && fits && !rows_fill : asked == Layout::lanes;

  // What follows an op that works in rows alone does so, too: a change of layout would cost more, and it
  // repeats the last sample in the lanes that are left over, where gradients must be 0.
  std::vector<char> in_rows(graph_.tensors().size(), 0);
  for (size_t n = 0; n < count; ++n) {
    if (!live_[n]) continue;
    const Node& node = graph_.nodes()[n];
    const bool after_rows = use_lanes && std::any_of(node.in.begin(), node.in.end(), [&](TensorId id) {
                              return id != kNoTensor && in_rows[static_cast<size_t>(id)];
                            });
    if (node.op->alias) {
      for (TensorId id : node.out) in_rows[static_cast<size_t>(id)] = after_rows;
      continue;
    }
    const Kernel* kernel = node_kernel(node);
    if (kernel == nullptr) continue;  // emit names it
    bool is_double = false;
    for (const auto* list : {&node.in, &node.out}) {
      for (TensorId id : *list) {
        is_double |= id != kNoTensor && graph_.type(id).dtype == DType::f64 && graph_.type(id).batched;
      }
    }
    const KernelSet& set = is_double ? kernel->f64 : kernel->f32;
    const int32_t lanes = table.lanes(is_double ? DType::f64 : DType::f32);
    const bool by_itself = node.op->kind == OpKind::per_sample && set.rows == nullptr && set.lanes == nullptr;
    const bool offered = set.lanes != nullptr || (set.rows == nullptr && set.whole != nullptr && !by_itself);
    const bool stays = after_rows && set.rows != nullptr;
    lanes_[n] = use_lanes && offered && !stays ? lanes : 1;
    if (lanes_[n] == 1 && set.rows == nullptr && set.lanes != nullptr) lanes_[n] = lanes;
    if (use_lanes && lanes_[n] == 1 && (set.rows != nullptr || by_itself)) {
      for (TensorId id : node.out) in_rows[static_cast<size_t>(id)] = graph_.type(id).batched;
    }
  }
}

}  // namespace fastnn

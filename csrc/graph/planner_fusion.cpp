// Neighbours that one kernel computes: max pooling behind a convolution whose own result nobody else reads,
// as in inference.
#include "graph/planner.h"
#include "ops/conv2d.h"

namespace fastnn {

// The pooling's node is no longer live: its output is the convolution's.
void Planner::fuse_pools() {
  const size_t count = graph_.nodes().size();
  pool_of_.assign(count, -1);
  std::vector<int32_t> uses(graph_.tensors().size(), 0);
  const auto use = [&](TensorId id) {
    if (id != kNoTensor) ++uses[static_cast<size_t>(id)];
  };
  for (size_t n = 0; n < count; ++n) {
    if (!live_[n]) continue;
    for (TensorId id : graph_.nodes()[n].in) use(id);
  }
  for (TensorId id : plan_.request_.fetch) use(id);
  for (TensorId id : plan_.request_.flat) use(id);
  for (size_t n = 0; n < count; ++n) {
    const Node& pool = graph_.nodes()[n];
    if (!live_[n] || pool.op != &ops::max_pool2d || pool.attributes.flag("global", false)) continue;
    const TensorId between = pool.in[0];
    const int32_t before = graph_.at(between).node;
    if (before < 0 || uses[static_cast<size_t>(between)] != 1) continue;
    const Node& conv = graph_.nodes()[static_cast<size_t>(before)];
    // In lanes alone: in rows a convolution of many channels passes over the image several times.
    const bool in_lanes = lanes_[n] > 1 && lanes_[static_cast<size_t>(before)] == lanes_[n];
    if (conv.op != &ops::conv2d || conv.attributes.has("pool_size") || !in_lanes) continue;
    if (node_kernel(conv) != find_kernel("conv2d")) continue;
    pool_of_[static_cast<size_t>(before)] = static_cast<int32_t>(n);
    live_[n] = 0;
  }
}

Configuration pooling_configuration(const Graph& graph, const Node& conv, const Node& pool) {
  std::vector<TensorType> in, out;
  for (TensorId id : conv.in)
    in.push_back(id == kNoTensor ? TensorType{DType::f32, {0}, false} : graph.type(id));
  for (TensorId id : pool.out) out.push_back(graph.type(id));
  return conv.op->configure({in, out, ops::with_pool(conv.attributes, pool.attributes)});
}

}  // namespace fastnn

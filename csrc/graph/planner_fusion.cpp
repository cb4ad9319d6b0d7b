// Neighbours that one kernel computes: max pooling behind a convolution whose own result nobody else reads,
// as in inference.
#include <algorithm>

#include "graph/planner.h"
#include "ops/conv2d_int8.h"
#include "ops/max_pool2d_int8.h"

namespace fastnn {

namespace {

template <class Config>
const Config& config_of(const Node& node) {
  return *static_cast<const Config*>(node.configuration.get());
}

}  // namespace

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
    const bool of_bytes = pool.op == &ops::max_pool2d_int8;
    if (!live_[n] || !(of_bytes || pool.op == &ops::max_pool2d) || pool.attributes.flag("global", false))
      continue;
    const TensorId between = pool.in[0];
    const int32_t before = graph_.at(between).node;
    if (before < 0 || uses[static_cast<size_t>(between)] != 1) continue;
    const Node& conv = graph_.nodes()[static_cast<size_t>(before)];
    if (conv.attributes.has("pool_size")) continue;
    if (of_bytes) {
      if (conv.op != &ops::conv2d_int8) continue;
      const ops::ActivationKind kind = config_of<ops::Conv2dInt8Config>(conv).layer.activation.kind;
      const bool ordered = kind == ops::ActivationKind::linear || kind == ops::ActivationKind::relu;
      if (!ordered || !ops::is_quarter(config_of<ops::Pool2dConfig>(pool).window)) continue;
    } else {
      // In lanes alone: in rows a convolution of many channels passes over the image several times.
      const bool in_lanes = lanes_[n] > 1 && lanes_[static_cast<size_t>(before)] == lanes_[n];
      if (conv.op != &ops::conv2d || !in_lanes || node_kernel(conv) != find_kernel("conv2d")) continue;
    }
    pool_of_[static_cast<size_t>(before)] = static_cast<int32_t>(n);
    live_[n] = 0;
  }
}

const TensorType& Planner::type_of(TensorId tensor) const {
  const auto found = cropped_.find(tensor);
  return found != cropped_.end() ? found->second : graph_.type(tensor);
}

namespace {

template <class Config, class Change>
Configuration changed(const Node& node, Change change) {
  Config config = config_of<Config>(node);
  change(config);
  return make_configuration(config);
}

}  // namespace

// The last rows and columns of a convolution's result that no window of the pooling reaches (the eleventh of
// 11 x 11 under windows of 2 x 2) take no part in training either: their gradient is 0. Result and gradient
// are made without them, if nothing but pooling and the convolution's gradients reads them.
void Planner::crop_images() {
  const size_t count = graph_.nodes().size();
  configurations_.resize(count);
  shares_.assign(count, 1.0);
  std::vector<std::vector<std::pair<size_t, size_t>>> readers(graph_.tensors().size());  // node, operand
  for (size_t n = 0; n < count; ++n) {
    const Node& node = graph_.nodes()[n];
    configurations_[n] = node.configuration;
    for (size_t i = 0; live_[n] && i < node.in.size(); ++i) {
      if (node.in[i] != kNoTensor) readers[static_cast<size_t>(node.in[i])].emplace_back(n, i);
    }
  }
  for (const auto* list : {&plan_.request_.fetch, &plan_.request_.flat}) {
    for (TensorId id : *list) {
      if (id != kNoTensor) readers[static_cast<size_t>(id)].emplace_back(count, 0);
    }
  }
  // Whether one of two ops reads the tensor, as that operand of theirs, and nobody else.
  using Reader = std::pair<const Op*, size_t>;
  const auto read_by = [&](TensorId id, Reader first, Reader second) {
    for (const auto& [n, operand] : readers[static_cast<size_t>(id)]) {
      if (n == count) return false;
      const Node& node = graph_.nodes()[n];
      const Reader reader{node.op, operand};
      if ((reader != first && reader != second) || node_kernel(node) != find_kernel(node.op->name))
        return false;
    }
    return true;
  };
  for (size_t n = 0; n < count; ++n) {
    const Node& conv = graph_.nodes()[n];
    if (!live_[n]) continue;
    if (pool_of_[n] >= 0 || (conv.op == &ops::conv2d && conv.attributes.has("pool_size"))) {
      const Node& pool = pool_of_[n] >= 0 ? graph_.nodes()[static_cast<size_t>(pool_of_[n])] : conv;
      const auto& window = pool_of_[n] >= 0 ? config_of<ops::Pool2dConfig>(pool).window
                                            : config_of<ops::Conv2dConfig>(conv).pool.window;
      const auto [height, width] = ops::pool2d_seen(window);
      shares_[n] = static_cast<double>(height * width) / static_cast<double>(window.height * window.width);
      continue;
    }
    if (conv.op != &ops::conv2d || node_kernel(conv) != find_kernel("conv2d")) continue;
    const TensorId result = conv.out[0];
    if (!read_by(result, {&ops::max_pool2d, 0}, {&ops::max_pool2d_grad, 1})) continue;
    int64_t height = 0, width = 0;
    bool possible = true;
    for (const auto& [reader, operand] : readers[static_cast<size_t>(result)]) {
      const Node& node = graph_.nodes()[reader];
      const auto [rows, columns] = ops::pool2d_seen(config_of<ops::Pool2dConfig>(node).window);
      height = std::max(height, rows);
      width = std::max(width, columns);
      possible &=
          operand == 0 || read_by(node.out[0], {&ops::conv2d_grad_input, 0}, {&ops::conv2d_grad_kernel, 1});
    }
    const ops::Window2d& full = config_of<ops::Conv2dConfig>(conv).window;
    if (!possible || height == 0 || (height == full.out_height && width == full.out_width)) continue;
    const double share =
        static_cast<double>(height * width) / static_cast<double>(full.out_height * full.out_width);
    const auto crop_tensor = [&](TensorId id) {
      TensorType type = graph_.type(id);
      type.dims[0] = height;
      type.dims[1] = width;
      cropped_[id] = std::move(type);
    };
    const auto crop_conv = [&](size_t index) {
      configurations_[index] = changed<ops::Conv2dConfig>(graph_.nodes()[index], [&](auto& config) {
        config.window.out_height = height;
        config.window.out_width = width;
      });
      shares_[index] = share;
    };
    crop_tensor(result);
    crop_conv(n);
    for (const auto& [reader, operand] : readers[static_cast<size_t>(result)]) {
      const Node& node = graph_.nodes()[reader];
      configurations_[reader] = changed<ops::Pool2dConfig>(node, [&](auto& config) {
        config.window.height = height;
        config.window.width = width;
      });
      if (operand == 0) continue;
      crop_tensor(node.out[0]);
      for (const auto& [gradient, its] : readers[static_cast<size_t>(node.out[0])]) crop_conv(gradient);
    }
  }
}

Configuration pooling_configuration(const Graph& graph, const Node& conv, const Node& pool) {
  std::vector<TensorType> in, out;
  for (TensorId id : conv.in)
    in.push_back(id == kNoTensor ? TensorType{DType::f32, {0}, false} : graph.type(id));
  for (TensorId id : pool.out) out.push_back(graph.type(id));
  return conv.op->configure({in, out, ops::with_pool(conv.attributes, pool.attributes)});
}

// The gradient of max pooling needs to know which cell of a window was the largest, not the image. Where the
// image would be kept for it until a later slot, pooling notes the cells' places in a byte each instead.
bool Planner::keep_places() {
  bool any = false;
  for (size_t s = 0; s < plan_.steps_.size(); ++s) {
    if (plan_.steps_[s].kind != StepKind::tile || plan_.steps_[s].op != ops::max_pool2d_grad.name) continue;
    const int32_t image = plan_.steps_[s].in[1], pooled = plan_.steps_[s].in[2];
    PlanTensor& kept = plan_.tensors_[static_cast<size_t>(image)];
    if (kept.space != Space::batch) continue;
    const int32_t producer = plan_.tensors_[static_cast<size_t>(pooled)].producer;
    if (producer < 0) continue;
    Step& forward = plan_.steps_[static_cast<size_t>(producer)];
    if (forward.kind != StepKind::tile || forward.op != ops::max_pool2d.name || forward.in[0] != image)
      continue;
    const auto& config = *static_cast<const ops::Pool2dConfig*>(forward.configuration.get());
    if (config.window.taps() > 256 || forward.out.size() > 1) continue;
    const auto elsewhere = [&](const Step& step) {
      if (&step == &plan_.steps_[s]) return step.in[0] == image || step.in[2] == image;
      if (step.slot == kept.slot && (step.kind == StepKind::tile || step.kind == StepKind::partial))
        return false;
      return std::any_of(step.in.begin(), step.in.end(), [&](int32_t id) {
        return id >= 0 && (id == image || plan_.tensors_[static_cast<size_t>(id)].alias_of == image);
      });
    };
    if (std::any_of(plan_.steps_.begin(), plan_.steps_.end(), elsewhere)) continue;
    TensorType type = plan_.tensors_[static_cast<size_t>(pooled)].type;
    type.dtype = DType::u8;
    const int32_t places = new_tensor(type, kNoTensor, forward.lanes);
    PlanTensor& made = plan_.tensors_[static_cast<size_t>(places)];
    made.producer = producer;
    made.slot = forward.slot;
    made.by_tile = true;
    PlanTensor& tensor = plan_.tensors_[static_cast<size_t>(image)];
    tensor.space = Space::none;
    tensor.last_use = -1;
    forward.out.push_back(places);
    plan_.steps_[s].in[1] = places;
    for (const size_t at : {static_cast<size_t>(producer), s}) {
      Step& step = plan_.steps_[at];
      ops::Pool2dConfig with = *static_cast<const ops::Pool2dConfig*>(step.configuration.get());
      with.places = true;
      step.configuration = make_configuration(with);
    }
    any = true;
  }
  return any;
}

}  // namespace fastnn

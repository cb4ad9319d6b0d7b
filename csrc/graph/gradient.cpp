// Reverse-mode differentiation that adds nodes to the graph.
#include <algorithm>
#include <string_view>

#include "graph/graph.h"

namespace fastnn {

std::vector<TensorId> add_gradients(Graph& graph, TensorId loss, const std::vector<TensorId>& targets,
                                    TensorId seed) {
  const TensorType loss_type = graph.type(loss);
  if (!is_floating(loss_type.dtype))
    throw_type("cannot differentiate a tensor of dtype ", dtype_name(loss_type.dtype));
  if (seed == kNoTensor) {
    if (loss_type.batched || loss_type.size() != 1) {
      throw_value("gradients need a scalar loss, got shape ", loss_type.str(),
                  "; reduce it or give its gradient");
    }
    seed = graph.add(
        "fill", {},
        {{"value", 1.0}, {"shape", loss_type.dims}, {"dtype", std::string(dtype_name(loss_type.dtype))}},
        "gradient")[0];
  } else if (graph.type(seed).dims != loss_type.dims || graph.type(seed).batched != loss_type.batched) {
    throw_value("the gradient's seed has shape ", graph.type(seed).str(), ", expected ", loss_type.str());
  } else if (loss_type.batched) {
    seed = graph.add("mask_padding", {seed}, {}, "gradient")[0];  // gradients are 0 where there is no sample
  }
  return add_gradients(graph, std::vector{loss}, {seed}, targets);
}

std::vector<TensorId> add_gradients(Graph& graph, const std::vector<TensorId>& losses,
                                    const std::vector<TensorId>& seeds,
                                    const std::vector<TensorId>& targets) {
  for (TensorId target : targets) {
    if (!is_floating(graph.type(target).dtype)) {
      throw_type("cannot differentiate with respect to '", graph.at(target).name, "' of dtype ",
                 dtype_name(graph.type(target).dtype));
    }
  }

  // A tensor needs a gradient if a target reaches it.
  const size_t count = graph.tensors().size();
  std::vector<char> needed(count, 0);
  for (TensorId target : targets) needed[static_cast<size_t>(target)] = 1;
  int32_t last = -1;
  for (TensorId loss : losses) last = std::max(last, graph.at(loss).node);
  for (int32_t n = 0; n <= last; ++n) {
    const Node& node = graph.nodes()[static_cast<size_t>(n)];
    const bool reached = std::any_of(node.in.begin(), node.in.end(), [&](TensorId id) {
      return id != kNoTensor && needed[static_cast<size_t>(id)];
    });
    if (!reached) continue;
    for (TensorId id : node.out) {
      if (graph.at(id).node == n) needed[static_cast<size_t>(id)] = 1;  // not detached
    }
  }

  std::vector<TensorId> gradients(count, kNoTensor);
  const auto add_to = [&](TensorId tensor, TensorId gradient, const std::string& name) {
    TensorId& total = gradients[static_cast<size_t>(tensor)];
    total = total == kNoTensor ? gradient : graph.add("add", {total, gradient}, {}, name)[0];
  };
  for (size_t i = 0; i < losses.size(); ++i) add_to(losses[i], seeds[i], "gradient");
  for (int32_t n = last; n >= 0; --n) {
    const Node node = graph.nodes()[static_cast<size_t>(n)];  // a copy: adding nodes moves the vector
    std::vector<TensorId> out_gradients;
    bool reaches_loss = false;
    bool reached = false;
    for (TensorId id : node.out) {
      if (graph.at(id).node != n) {  // detached: an input
        out_gradients.push_back(kNoTensor);
        continue;
      }
      out_gradients.push_back(gradients[static_cast<size_t>(id)]);
      reaches_loss |= out_gradients.back() != kNoTensor;
      reached |= needed[static_cast<size_t>(id)] != 0;
    }
    if (!reaches_loss || !reached) continue;
    std::vector<bool> wanted;
    for (TensorId id : node.in) {
      wanted.push_back(id != kNoTensor && needed[static_cast<size_t>(id)] &&
                       is_floating(graph.type(id).dtype));
    }
    if (std::none_of(wanted.begin(), wanted.end(), [](bool w) { return w; })) continue;
    if (node.op->gradient == nullptr) {
      const bool second = std::string_view(node.op->name).find("_grad") != std::string_view::npos;
      throw_value(node.name, ": op '", node.op->name, "' has no gradient rule, but the loss depends on it",
                  second ? "; it has a first gradient only, no gradient of gradients" : "");
    }
    GradientContext context{graph, node.name, n, node.attributes, node.in, node.out, out_gradients, wanted};
    const std::vector<TensorId> in_gradients = node.op->gradient(context);
    for (size_t i = 0; i < node.in.size() && i < in_gradients.size(); ++i) {
      if (wanted[i] && in_gradients[i] != kNoTensor) add_to(node.in[i], in_gradients[i], node.name);
    }
  }
  std::vector<TensorId> result;
  for (TensorId target : targets) result.push_back(gradients[static_cast<size_t>(target)]);
  return result;
}

}  // namespace fastnn

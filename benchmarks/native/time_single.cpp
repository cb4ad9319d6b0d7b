// Times inference of one sample at a time on one thread, from C++: LeNet-5 (3x3 kernels) and an MLP.
//
//   cmake --preset native-benchmarks && cmake --build --preset native-benchmarks
//   build/native-benchmarks/bin/time_single
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "graph/backend.h"
#include "train/function.h"

namespace {

using fastnn::Attributes;
using fastnn::DType;
using fastnn::Graph;
using fastnn::Shape;
using fastnn::TensorId;

/// Adds an op with a kernel and a bias of noise.
TensorId with_weights(Graph& graph, const std::string& op, TensorId x, const Shape& kernel,
                      const std::string& activation) {
  auto store = std::make_shared<fastnn::Store>();
  store->add("kernel", kernel, DType::f32);
  store->add("bias", {kernel.back()}, DType::f32);
  for (int32_t entry = 0; entry < 2; ++entry) {
    auto* values = reinterpret_cast<float*>(store->data(entry));
    const int64_t count = entry == 0 ? fastnn::element_count(kernel) : kernel.back();
    for (int64_t i = 0; i < count; ++i) values[i] = 0.01f * static_cast<float>((i * 2654435761u) % 17 - 8);
  }
  const TensorId weights = graph.parameter(store, "kernel"), bias = graph.parameter(store, "bias");
  return graph.add(op, {x, weights, bias}, {{"activation", activation}}, op)[0];
}

void time_network(const char* name, const std::shared_ptr<Graph>& graph, TensorId output, int64_t size) {
  fastnn::Function function(graph, {output});
  std::vector<float> x(static_cast<size_t>(size), 0.5f);
  std::vector<std::byte> result(static_cast<size_t>(graph->type(output).size()) * sizeof(float));
  const std::vector<fastnn::BatchSource> sources{
      {reinterpret_cast<const std::byte*>(x.data()), size * static_cast<int64_t>(sizeof(float)), DType::f32}};
  const std::vector<std::byte*> outputs{result.data()};
  std::vector<double> times;
  for (int i = 0; i < 50000; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    function.run(sources, 1, 1, outputs, 0, 0, 1);
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%-36s median %6.2f us, fastest %6.2f us\n", name, 1e6 * times[times.size() / 2],
              1e6 * times.front());
}

void run() {
  const std::string relu = "relu", linear = "linear";
  const std::vector<int64_t> two{2, 2};
  auto lenet5 = std::make_shared<Graph>();
  TensorId h = lenet5->input("image", {DType::f32, {28, 28, 1}, true});
  h = with_weights(*lenet5, "conv2d", h, {3, 3, 1, 6}, relu);
  h = lenet5->add("max_pool2d", {h}, {{"pool_size", two}}, "pool")[0];
  h = with_weights(*lenet5, "conv2d", h, {3, 3, 6, 16}, relu);
  h = lenet5->add("max_pool2d", {h}, {{"pool_size", two}}, "pool")[0];
  h = lenet5->add("reshape", {h}, {{"shape", std::vector<int64_t>{400}}}, "flatten")[0];
  h = with_weights(*lenet5, "dense", h, {400, 120}, relu);
  h = with_weights(*lenet5, "dense", h, {120, 84}, relu);
  h = with_weights(*lenet5, "dense", h, {84, 10}, linear);
  time_network("LeNet-5 (3x3), one sample", lenet5, h, 28 * 28);

  auto mlp = std::make_shared<Graph>();
  h = mlp->input("image", {DType::f32, {784}, true});
  h = with_weights(*mlp, "dense", h, {784, 128}, relu);
  h = with_weights(*mlp, "dense", h, {128, 10}, linear);
  time_network("MLP 784-128-10, one sample", mlp, h, 784);
}

}  // namespace

int main() {
  try {
    std::printf("instruction set %s, one thread\n", fastnn::current_isa().c_str());
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}

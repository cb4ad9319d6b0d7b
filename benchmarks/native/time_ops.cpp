// Times single ops, forward and gradients, at shapes of common layers; prints microseconds, GFLOP/s and the
// share of the measured multiply-add peak.
//
//   cmake --preset native-benchmarks && cmake --build --preset native-benchmarks
//   build/native-benchmarks/bin/time_ops [BATCH [THREADS [FILTER]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "core/parallel.h"
#include "graph/backend.h"
#include "train/function.h"

namespace {

using fastnn::Attributes;
using fastnn::DType;
using fastnn::kNoTensor;
using fastnn::Shape;
using fastnn::TensorId;

struct Case {
  std::string label;
  std::string op;
  Shape input;
  std::vector<Shape> parameters;  // an empty shape stands for an absent one
  Attributes attributes;
  bool gradients = true;
};

std::vector<Case> cases() {
  const std::string relu = "relu";
  const std::vector<int64_t> two{2, 2};
  std::vector<Case> list{
      {"conv 28x28x1 -> 3x3x6", "conv2d", {28, 28, 1}, {{3, 3, 1, 6}, {6}}, {{"activation", relu}}},
      {"conv 13x13x6 -> 3x3x16", "conv2d", {13, 13, 6}, {{3, 3, 6, 16}, {16}}, {{"activation", relu}}},
      {"conv 28x28x1 -> 5x5x6 same",
       "conv2d",
       {28, 28, 1},
       {{5, 5, 1, 6}, {6}},
       {{"activation", relu}, {"padding", std::string("same")}}},
      {"conv 14x14x6 -> 5x5x16", "conv2d", {14, 14, 6}, {{5, 5, 6, 16}, {16}}, {{"activation", relu}}},
      {"conv 26x26x32 -> 3x3x64", "conv2d", {26, 26, 32}, {{3, 3, 32, 64}, {64}}, {{"activation", relu}}},
      {"conv 16x16x64 -> 3x3x64 same",
       "conv2d",
       {16, 16, 64},
       {{3, 3, 64, 64}, {64}},
       {{"activation", relu}, {"padding", std::string("same")}}},
      {"max pool 26x26x6", "max_pool2d", {26, 26, 6}, {}, {{"pool_size", two}}},
      {"average pool 24x24x64", "average_pool2d", {24, 24, 64}, {}, {{"pool_size", two}}},
      {"dense 400 -> 120", "dense", {400}, {{400, 120}, {120}}, {{"activation", relu}}},
      {"dense 784 -> 128", "dense", {784}, {{784, 128}, {128}}, {{"activation", relu}}},
      {"dense 1024 -> 2048", "dense", {1024}, {{1024, 2048}, {2048}}, {{"activation", relu}}},
      {"layer norm 512", "layer_norm", {512}, {{512}, {512}}, {{"epsilon", 1e-3}}},
      {"softmax 1000", "softmax", {1000}, {}, {}},
  };
  for (const char* kind : {"relu", "gelu", "tanh", "sigmoid", "silu"}) {
    list.push_back({std::string(kind) + " 4096", "activation", {4096}, {}, {{"kind", std::string(kind)}}});
  }
  return list;
}

/// Best time of a run in seconds, over at least `seconds` of trying.
double best_time(fastnn::Function& function, const std::vector<float>& x, int64_t batch, double seconds) {
  int64_t size = 0;
  for (TensorId id : function.fetch()) {
    const auto& type = function.graph().type(id);
    size = std::max(size, type.size() * (type.batched ? batch : 1) * fastnn::dtype_size(type.dtype));
  }
  std::vector<std::vector<std::byte>> buffers(function.fetch().size(),
                                              std::vector<std::byte>(static_cast<size_t>(size)));
  std::vector<std::byte*> outputs;
  for (auto& buffer : buffers) outputs.push_back(buffer.data());
  const int64_t row = static_cast<int64_t>(x.size()) / batch * static_cast<int64_t>(sizeof(float));
  const std::vector<fastnn::BatchSource> sources{
      {reinterpret_cast<const std::byte*>(x.data()), row, DType::f32, nullptr}};
  double best = 1e30, spent = 0;
  while (spent < seconds) {
    const auto start = std::chrono::steady_clock::now();
    function.run(sources, batch, 0, outputs, 0, 0);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, took);
    spent += took;
  }
  return best;
}

double measured_peak() {
  const auto start = std::chrono::steady_clock::now();
  double operations = 0, elapsed = 0;
  while (elapsed < 0.3) {
    operations += fastnn::kernel_table().run_multiply_adds(200000);
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return operations / elapsed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 4) refuse(std::string("usage: ") + argv[0] + " [BATCH [THREADS [FILTER]]]");
  const int64_t batch = count_argument(argc, argv, 1, "BATCH", 128, 1 << 20);
  const int64_t threads = count_argument(argc, argv, 2, "THREADS", 1, 4096);
  const std::string filter = argc > 3 ? argv[3] : "";
  std::string labels;
  bool found = false;
  for (const Case& item : cases()) {
    found = found || item.label.find(filter) != std::string::npos;
    labels += "\n  " + item.label;
  }
  if (!found) refuse("no case has '" + filter + "' in its name; there are" + labels);
  try {
    fastnn::set_num_threads(static_cast<int>(threads));
    const double peak = measured_peak() * fastnn::num_threads();
    std::printf("instruction set %s, batch %lld, %d threads, peak %.0f GFLOP/s\n",
                fastnn::current_isa().c_str(), static_cast<long long>(batch), fastnn::num_threads(),
                peak * 1e-9);
    std::printf("%-32s %-22s %10s %9s %7s\n", "case", "what", "us", "GFLOP/s", "peak");
    for (const Case& item : cases()) {
      if (item.label.find(filter) == std::string::npos) continue;
      const auto row = [&](const char* what, fastnn::Function& function, const std::vector<float>& x,
                           double without, double flops_without) {
        const double seconds = best_time(function, x, batch, 0.2);
        const double flops = function.plan(batch)->flops(batch);
        const double rate = (flops - flops_without) / std::max(1e-9, seconds - without);
        std::printf("%-32s %-22s %10.1f %9.2f %6.1f%%\n", item.label.c_str(), what, (seconds - without) * 1e6,
                    rate * 1e-9, 100 * rate / peak);
        return std::pair(seconds, flops);
      };
      const auto graph = std::make_shared<fastnn::Graph>();
      const TensorId x = graph->input("x", {DType::f32, item.input, true});
      std::vector<TensorId> operands{x};
      std::vector<std::shared_ptr<fastnn::Store>> stores;
      for (const Shape& shape : item.parameters) {
        stores.push_back(std::make_shared<fastnn::Store>());
        stores.back()->add("value", shape, DType::f32);
        auto* values = reinterpret_cast<float*>(stores.back()->data(0));
        for (int64_t i = 0; i < fastnn::element_count(shape); ++i)
          values[i] = 0.01f * static_cast<float>(i % 7 - 3);
        operands.push_back(graph->parameter(stores.back(), "value"));
      }
      const TensorId y = graph->add(item.op, operands, item.attributes, item.label)[0];
      std::vector<float> data(static_cast<size_t>(batch * fastnn::element_count(item.input)));
      for (size_t i = 0; i < data.size(); ++i) data[i] = 0.001f * static_cast<float>(i % 997) - 0.5f;
      // Results are reduced to one number a sample, so that fetching them costs little.
      const auto reduced = [&](TensorId tensor) { return graph->add("sample_sum", {tensor}, {}, "sum")[0]; };
      fastnn::Function forward(graph, {reduced(y)});
      const auto [forward_time, forward_flops] = row("forward", forward, data, 0, 0);
      const TensorId seed = graph->add(
          "sample_mean_grad",
          {graph->add("fill", {},
                      {{"value", 1.0}, {"shape", graph->type(y).dims}, {"dtype", std::string("float64")}},
                      "one")[0],
           y},
          {}, "seed")[0];
      const std::vector<TensorId> gradients = fastnn::add_gradients(*graph, y, operands, seed);
      fastnn::Function both(graph, {reduced(y), reduced(gradients[0])});
      row("input gradient", both, data, forward_time, forward_flops);
      if (gradients.size() > 1 && gradients[1] != kNoTensor) {
        fastnn::Function kernel(graph, {reduced(y), gradients[1]});
        row("kernel gradient", kernel, data, forward_time, forward_flops);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

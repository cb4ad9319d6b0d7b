// What a user of the library does: builds a graph, runs it on an array of its own, reads an error.
#include <cstdio>
#include <memory>
#include <vector>

#include "core/error.h"
#include "core/version.h"
#include "graph/backend.h"
#include "graph/graph.h"
#include "train/function.h"

int main() {
  std::printf("fastnn %s\n", FASTNN_VERSION);
  std::printf("isa %s\n", fastnn::current_isa().c_str());

  const auto graph = std::make_shared<fastnn::Graph>();
  const fastnn::TensorId x = graph->input("x", {fastnn::DType::f32, {2}, true});
  const fastnn::TensorId y = graph->add("activation", {x}, {{"kind", std::string("relu")}}).front();
  fastnn::Function function(graph, {y});

  const std::vector<float> in = {1, -2, -3, 4, 5, -6};
  std::vector<float> out(in.size());
  fastnn::BatchSource source;
  source.data = reinterpret_cast<const std::byte*>(in.data());
  source.row_stride = 2 * sizeof(float);
  function.run({source}, 3, 0, {reinterpret_cast<std::byte*>(out.data())}, 0, 0);
  for (float value : out) std::printf("%g ", static_cast<double>(value));
  std::printf("\n");

  try {
    graph->add("activatoin", {x});
  } catch (const fastnn::Error& error) {
    std::printf("error %s\n", error.what());
  }
  return 0;
}

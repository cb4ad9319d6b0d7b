// Trains LeNet-5 (3x3 kernels) on the IDX files of MNIST from C++ alone, and prints each epoch's time and
// test accuracy.
//
//   cmake --preset native-benchmarks && cmake --build --preset native-benchmarks
//   build/native-benchmarks/bin/train_lenet5 FOLDER [EPOCHS [BATCH [THREADS]]]
//
// FOLDER holds the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., unzipped:
// gunzip -k FOLDER/*.gz
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "core/parallel.h"
#include "core/random.h"
#include "graph/backend.h"
#include "train/function.h"
#include "train/optimizer.h"
#include "train/trainer.h"

namespace {

using fastnn::DType;
using fastnn::kNoTensor;
using fastnn::TensorId;

/// Images of 28 x 28 pixels and their labels 0 to 9.
struct Part {
  Idx images, labels;
};

Part read_part(const std::string& folder, const std::string& name) {
  const std::string images = folder + name + "-images-idx3-ubyte",
                    labels = folder + name + "-labels-idx1-ubyte";
  Part part{read_idx(images, 3), read_idx(labels, 1)};
  if (part.images.extents[1] != 28 || part.images.extents[2] != 28)
    refuse(images + " holds images of " + std::to_string(part.images.extents[1]) + " x " +
           std::to_string(part.images.extents[2]) + " pixels, expected 28 x 28");
  if (part.images.extents[0] != part.labels.extents[0])
    refuse(images + " holds " + std::to_string(part.images.extents[0]) + " images, but " + labels + " " +
           std::to_string(part.labels.extents[0]) + " labels");
  for (const unsigned char label : part.labels.values) {
    if (label > 9) refuse(labels + " holds the label " + std::to_string(label) + ", expected 0 to 9");
  }
  return part;
}

/// The network: its parameters, and how to put it into a graph.
class Lenet5 {
 public:
  Lenet5() {
    add({3, 3, 1, 6});
    add({3, 3, 6, 16});
    add({400, 120});
    add({120, 84});
    add({84, 10});
  }

  /// Adds the layers to a graph; returns the logits and fills `parameters` with the weights' tensors.
  TensorId build(fastnn::Graph& graph, TensorId image, std::vector<TensorId>& parameters) const {
    TensorId h = graph.add("scale_shift", {image}, {{"scale", 1.0 / 255.0}, {"offset", 0.0}}, "rescale")[0];
    const auto weights = [&](size_t i) {
      parameters.push_back(graph.parameter(stores_[i], "kernel"));
      parameters.push_back(graph.parameter(stores_[i], "bias"));
    };
    for (size_t i = 0; i < 2; ++i) {
      weights(i);
      h = graph.add("conv2d", {h, parameters[2 * i], parameters[2 * i + 1]},
                    {{"activation", std::string("relu")}}, "conv")[0];
      h = graph.add("max_pool2d", {h}, {{"pool_size", std::vector<int64_t>{2, 2}}}, "pool")[0];
    }
    h = graph.add("reshape", {h}, {{"shape", std::vector<int64_t>{400}}}, "flatten")[0];
    for (size_t i = 2; i < 5; ++i) {
      weights(i);
      h = graph.add("dense", {h, parameters[2 * i], parameters[2 * i + 1]},
                    {{"activation", std::string(i < 4 ? "relu" : "linear")}}, "dense")[0];
    }
    return h;
  }

  const std::vector<std::shared_ptr<fastnn::Store>>& stores() const { return stores_; }

 private:
  // He's normal initializer, from counter-based random numbers.
  void add(const fastnn::Shape& shape) {
    auto store = std::make_shared<fastnn::Store>();
    store->add("kernel", shape, DType::f32);
    store->add("bias", {shape.back()}, DType::f32);
    const int64_t count = fastnn::element_count(shape);
    const double scale = std::sqrt(2.0 / static_cast<double>(count / shape.back()));
    auto* kernel = reinterpret_cast<float*>(store->data(0));
    for (int64_t i = 0; i < count; ++i) {
      const fastnn::Philox4 words =
          fastnn::philox({static_cast<uint32_t>(i), static_cast<uint32_t>(stores_.size()), 0,
                          static_cast<uint32_t>(fastnn::RandomStream::initializer)},
                         1, 0);
      const double radius = std::sqrt(-2.0 * std::log(1.0 - fastnn::uniform_double(words[0], words[1])));
      const double angle = 6.283185307179586 * fastnn::uniform_double(words[2], words[3]);
      kernel[i] = static_cast<float>(scale * radius * std::cos(angle));
    }
    stores_.push_back(std::move(store));
  }

  std::vector<std::shared_ptr<fastnn::Store>> stores_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 5) {
    std::fprintf(stderr, "usage: %s FOLDER [EPOCHS [BATCH [THREADS]]]\n", argv[0]);
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  const int64_t epochs = count_argument(argc, argv, 2, "EPOCHS", 5, 100000);
  const int64_t batch = count_argument(argc, argv, 3, "BATCH", 128, 1 << 20);
  const int64_t threads = count_argument(argc, argv, 4, "THREADS", 0, 4096);
  const auto [x, y] = read_part(folder, "train");
  const auto [test_x, test_y] = read_part(folder, "t10k");
  try {
    if (threads > 0) fastnn::set_num_threads(static_cast<int>(threads));
    const Lenet5 net;
    const auto graph = std::make_shared<fastnn::Graph>();
    const TensorId image = graph->input("x", {DType::f32, {28, 28, 1}, true});
    const TensorId label = graph->input("y", {DType::i32, {}, true});
    std::vector<TensorId> parameters;
    const TensorId logits = net.build(*graph, image, parameters);
    const TensorId losses = graph->add("sparse_softmax_cross_entropy", {logits, label}, {}, "loss")[0];
    const TensorId loss = graph->add("sample_mean", {losses}, {}, "loss")[0];

    fastnn::OptimizerConfig adam;
    adam.kind = fastnn::OptimizerKind::adam;
    std::vector<fastnn::OptimizedParameter> optimized;
    for (const auto& store : net.stores()) {
      optimized.push_back({store, 0});
      optimized.push_back({store, 1});
    }
    fastnn::TrainerSpec spec;
    spec.loss = loss;
    spec.gradients = fastnn::add_gradients(*graph, loss, parameters);
    spec.graph = graph;
    spec.optimizer = std::make_shared<fastnn::Optimizer>(adam, optimized);
    fastnn::Trainer trainer(spec);
    if (std::getenv("FASTNN_DESCRIBE") != nullptr) std::puts(trainer.plan(batch)->describe().c_str());

    const auto inference = std::make_shared<fastnn::Graph>();
    const TensorId test_image = inference->input("x", {DType::f32, {28, 28, 1}, true});
    std::vector<TensorId> unused;
    const TensorId scores = net.build(*inference, test_image, unused);
    fastnn::Function predict(inference, {scores});

    std::printf("instruction set %s, %d threads, batch %lld, %.2f MFLOP a sample\n",
                fastnn::current_isa().c_str(), fastnn::num_threads(), static_cast<long long>(batch),
                trainer.plan(batch)->flops(batch) / static_cast<double>(batch) * 1e-6);
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
      fastnn::EpochArguments args;
      args.sources = {{reinterpret_cast<const std::byte*>(x.values.data()), 784, DType::u8, nullptr},
                      {reinterpret_cast<const std::byte*>(y.values.data()), 1, DType::u8, nullptr}};
      args.samples = static_cast<int64_t>(y.values.size());
      args.batch_size = batch;
      args.shuffle = true;
      args.learning_rates = {1e-3};
      args.epoch = static_cast<uint64_t>(epoch);
      args.first_step = static_cast<uint64_t>(trainer.spec().optimizer->steps());
      const auto start = std::chrono::steady_clock::now();
      const fastnn::EpochResult result = trainer.run_epoch(args);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

      const auto count = static_cast<int64_t>(test_y.values.size());
      std::vector<float> out(static_cast<size_t>(count) * 10);
      predict.run({{reinterpret_cast<const std::byte*>(test_x.values.data()), 784, DType::u8, nullptr}},
                  count, 512, {reinterpret_cast<std::byte*>(out.data())}, 0, 0);
      int64_t right = 0;
      for (int64_t i = 0; i < count; ++i) {
        const float* row = out.data() + i * 10;
        int best = 0;
        for (int c = 1; c < 10; ++c) best = row[c] > row[best] ? c : best;
        right += best == test_y.values[static_cast<size_t>(i)];
      }
      std::printf("epoch %lld: %.3f s, %.1f GFLOP/s, loss %.4f, test accuracy %.4f\n",
                  static_cast<long long>(epoch + 1), seconds,
                  trainer.plan(batch)->flops(batch) / static_cast<double>(batch) *
                      static_cast<double>(args.samples) / seconds * 1e-9,
                  result.loss, static_cast<double>(right) / static_cast<double>(count));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

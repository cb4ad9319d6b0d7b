// Function: a graph with fetched tensors, run on arrays. Plans are cached by capacity, workspaces are leased.
#include "train/function.h"

#include <limits>
#include <optional>

#include "bindings/arrays.h"

namespace py = pybind11;

namespace fastnn::bindings {

namespace {

py::list run_function(Function& function, std::vector<py::array> inputs, int64_t batch_size, uint64_t seed,
                      uint64_t step, int threads) {
  const Graph& graph = function.graph();
  if (inputs.size() != graph.inputs().size()) {
    throw_value("expected ", graph.inputs().size(), " input arrays, got ", inputs.size());
  }
  std::vector<BatchSource> sources;
  int64_t samples = 1;  // without batched inputs: a function of parameters and values
  const Tensor* first = nullptr;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = graph.at(graph.inputs()[i]);
    if (!tensor.type.batched) {
      sources.push_back(value_source(inputs[i], tensor.type, tensor.name));
      continue;
    }
    sources.push_back(batch_source(inputs[i], tensor.type, tensor.name));
    const int64_t rows = inputs[i].shape(0);
    if (first == nullptr) {
      first = &tensor;
      samples = rows;
    } else if (rows != samples) {
      throw_value("input '", tensor.name, "' has ", rows, " rows, but '", first->name, "' has ", samples);
    }
  }
  if (samples == 0) throw_value("input '", first->name, "' is empty: expected at least one row");
  py::list out;
  std::vector<std::byte*> batched;
  std::vector<double*> totals;
  for (TensorId id : function.fetch()) {
    const TensorType& type = graph.type(id);
    Shape shape = type.dims;
    if (type.batched) shape.insert(shape.begin(), samples);
    py::array array(numpy_dtype(type.dtype), shape);
    batched.push_back(static_cast<std::byte*>(array.mutable_data()));
    out.append(array);
  }
  {
    py::gil_scoped_release release;
    function.run(sources, samples, batch_size, batched, seed, step, threads);
  }
  return out;
}

Layout layout_from(const std::string& name) {
  if (name == "auto") return Layout::automatic;
  if (name == "rows") return Layout::rows;
  if (name == "lanes") return Layout::lanes;
  throw_value("layout must be 'auto', 'rows' or 'lanes', got '", name, "'");
}

}  // namespace

void bind_function(py::module_& module) {
  py::class_<ArenaPool, std::shared_ptr<ArenaPool>>(
      module, "ArenaPool",
      "Memory in which runs of functions and trainers take turns; it grows to the largest.")
      .def(py::init<>())
      .def("clear", &ArenaPool::clear, "Frees what no run has at the moment.")
      .def("fill", &ArenaPool::fill, py::arg("value"),
           "Writes over what no run has at the moment; for tests.")
      .def_property_readonly("bytes", &ArenaPool::bytes, "Bytes that no run has at the moment.")
      .def_property_readonly("count", &ArenaPool::count,
                             "Arenas that no run has at the moment: as many as there were runs at once.");
  py::class_<Function, std::shared_ptr<Function>>(module, "Function",
                                                  "A graph with the tensors to fetch from it.")
      .def(py::init([](std::shared_ptr<Graph> graph, std::vector<TensorId> fetch, const std::string& layout,
                       std::optional<int64_t> kept_bytes, std::shared_ptr<ArenaPool> arenas) {
             return std::make_shared<Function>(std::move(graph), std::move(fetch), layout_from(layout),
                                               kept_bytes.value_or(std::numeric_limits<int64_t>::max()),
                                               std::move(arenas));
           }),
           py::arg("graph"), py::arg("fetch"), py::arg("layout") = "auto", py::arg("kept_bytes") = py::none(),
           py::arg("arenas") = py::none(),
           "kept_bytes: the largest working memory that is kept from run to run; None for any. arenas: where "
           "runs have it; None: the function has its own.")
      .def("run", &run_function, py::arg("inputs"), py::arg("batch_size") = 0, py::arg("seed") = 0,
           py::arg("step") = 0, py::arg("threads") = 0,
           "Runs on arrays with one row a sample; batch_size 0 takes all rows at once, threads 0 as many "
           "threads as the "
           "work is worth. Returns arrays.")
      .def(
          "describe", [](Function& f, int64_t capacity) { return f.plan(capacity)->describe(); },
          py::arg("capacity"))
      .def(
          "flops", [](Function& f, int64_t capacity) { return f.plan(capacity)->flops(capacity); },
          py::arg("capacity"));
}

}  // namespace fastnn::bindings

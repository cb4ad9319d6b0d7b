// Store and Graph.
#include "graph/graph.h"

#include <algorithm>
#include <cstring>

#include "bindings/arrays.h"
#include "graph/plan.h"

namespace py = pybind11;

namespace fastnn::bindings {

namespace {

AttributeValue attribute_from(const std::string& name, const py::handle& value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
  if (py::isinstance<py::int_>(value)) return value.cast<int64_t>();
  if (py::isinstance<py::float_>(value)) return value.cast<double>();
  if (py::isinstance<Graph>(value)) return value.cast<Subgraph>();
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (py::isinstance<py::sequence>(value)) {
    const bool whole = std::all_of(value.begin(), value.end(),
                                   [](const auto& item) { return PyIndex_Check(item.ptr()) != 0; });
    if (whole) return value.cast<std::vector<int64_t>>();
    return value.cast<std::vector<double>>();
  }
  throw_type("attribute '", name, "' must be a bool, int, float, str, graph or sequence of numbers, got ",
             std::string(py::str(py::type::handle_of(value))));
}

Attributes attributes_from(const py::dict& items) {
  Attributes attributes;
  for (const auto& [key, value] : items) {
    const auto name = key.cast<std::string>();
    if (!value.is_none()) attributes.set(name, attribute_from(name, value));
  }
  return attributes;
}

py::array store_value(const Store& store, const std::string& name) {
  const int32_t entry = store.find(name);
  if (entry < 0) throw_value("no weight named '", name, "'");
  const Store::Entry& found = store.entries()[static_cast<size_t>(entry)];
  py::array out(numpy_dtype(found.dtype), found.shape);
  std::memcpy(out.mutable_data(), store.data(entry), static_cast<size_t>(found.bytes));
  return out;
}

void set_store_value(Store& store, const std::string& name, const py::array& value) {
  const int32_t entry = store.find(name);
  if (entry < 0) throw_value("no weight named '", name, "'");
  const Store::Entry& found = store.entries()[static_cast<size_t>(entry)];
  const Shape shape(value.shape(), value.shape() + value.ndim());
  if (shape != found.shape) {
    throw_value("weight '", name, "': expected shape ", shape_text(found.shape), ", got ", shape_text(shape));
  }
  const py::array converted =
      py::module_::import("numpy").attr("ascontiguousarray")(value, numpy_dtype(found.dtype));
  std::memcpy(store.data(entry), converted.data(), static_cast<size_t>(found.bytes));
  store.touch();
}

}  // namespace

void bind_graph(py::module_& module) {
  py::class_<Store, std::shared_ptr<Store>>(module, "Store", "Parameters and state of one layer.")
      .def(py::init<>())
      .def(
          "add",
          [](Store& s, const std::string& name, const Shape& shape, const std::string& dtype, bool is_state) {
            s.add(name, shape, dtype_from_name(dtype), is_state);
          },
          py::arg("name"), py::arg("shape"), py::arg("dtype") = "float32", py::arg("is_state") = false)
      .def("get", &store_value, py::arg("name"), "A copy of the array.")
      .def("set", &set_store_value, py::arg("name"), py::arg("value"))
      .def("names",
           [](const Store& s) {
             std::vector<std::string> names;
             for (const auto& entry : s.entries()) names.push_back(entry.name);
             return names;
           })
      .def_property_readonly("version", &Store::version);

  py::class_<Graph, std::shared_ptr<Graph>>(module, "Graph", "A DAG of op nodes; tensors are numbers.")
      .def(py::init<>())
      .def(
          "input",
          [](Graph& g, const std::string& name, const Shape& dims, const std::string& dtype, bool batched) {
            return g.input(name, {dtype_from_name(dtype), dims, batched});
          },
          py::arg("name"), py::arg("dims"), py::arg("dtype") = "float32", py::arg("batched") = true)
      .def("parameter", &Graph::parameter, py::arg("store"), py::arg("entry"))
      .def(
          "parameters_of",
          [](Graph& g, const Graph& other) {
            std::vector<TensorId> ids;
            for (const Tensor& tensor : other.tensors()) {
              if (tensor.role != Role::parameter) continue;
              const auto& entries = tensor.store->entries();
              ids.push_back(g.parameter(tensor.store, entries[static_cast<size_t>(tensor.entry)].name));
            }
            return ids;
          },
          py::arg("other"), "This graph's tensors of the parameters that another graph reads, in its order.")
      .def(
          "add",
          [](Graph& g, const std::string& op, const std::vector<std::optional<TensorId>>& inputs,
             const py::dict& attributes, const std::string& name) {
            std::vector<TensorId> ids;
            for (const auto& id : inputs) ids.push_back(id.value_or(kNoTensor));
            return g.add(op, ids, attributes_from(attributes), name);
          },
          py::arg("op"), py::arg("inputs"), py::arg("attributes") = py::dict(), py::arg("name") = "",
          "Adds a node; returns its outputs' numbers.")
      .def(
          "shape", [](const Graph& g, TensorId t) { return g.type(t).dims; }, py::arg("tensor"),
          "Dimensions without the batch's.")
      .def(
          "dtype", [](const Graph& g, TensorId t) { return std::string(dtype_name(g.type(t).dtype)); },
          py::arg("tensor"))
      .def(
          "batched", [](const Graph& g, TensorId t) { return g.type(t).batched; }, py::arg("tensor"))
      .def(
          "producer",
          [](const Graph& g, TensorId t) -> py::object {
            const int32_t node = g.at(t).node;
            if (node < 0) return py::none();
            const Node& found = g.nodes()[static_cast<size_t>(node)];
            py::dict attributes;
            for (const auto& [key, value] : found.attributes.items()) {
              std::visit([&, k = key](const auto& v) { attributes[py::str(k)] = py::cast(v); }, value);
            }
            py::list inputs;
            for (TensorId id : found.in)
              inputs.append(id == kNoTensor ? py::object(py::none()) : py::cast(id));
            return py::make_tuple(found.op->name, inputs, attributes);
          },
          py::arg("tensor"), "(op, inputs, attributes) of the node that makes the tensor, or None.")
      .def(
          "gradients",
          [](Graph& g, TensorId loss, const std::vector<TensorId>& targets, std::optional<TensorId> seed) {
            std::vector<std::optional<TensorId>> out;
            for (TensorId id : add_gradients(g, loss, targets, seed.value_or(kNoTensor))) {
              out.push_back(id == kNoTensor ? std::nullopt : std::optional<TensorId>(id));
            }
            return out;
          },
          py::arg("loss"), py::arg("targets"), py::arg("seed") = py::none(),
          "Adds the nodes of d(loss)/d(targets); None where the loss does not depend on a target.")
      .def_property_readonly("inputs", [](const Graph& g) { return g.inputs(); })
      .def_property_readonly("node_count", [](const Graph& g) { return g.nodes().size(); });
}

}  // namespace fastnn::bindings

// Optimizer: updates parameters in their stores from gradients; its state as a dict of arrays.
#include "train/optimizer.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "bindings/arrays.h"
#include "graph/executor.h"

namespace py = pybind11;

namespace fastnn::bindings {

namespace {

OptimizerConfig config_from(const std::string& kind, const py::dict& items) {
  OptimizerConfig config;
  config.kind = optimizer_kind_from_name(kind);
  const std::map<std::string, std::function<void(const py::handle&)>> fields = {
      {"momentum", [&](const py::handle& v) { config.momentum = v.cast<double>(); }},
      {"nesterov", [&](const py::handle& v) { config.nesterov = v.cast<bool>(); }},
      {"rho", [&](const py::handle& v) { config.rho = v.cast<double>(); }},
      {"centered", [&](const py::handle& v) { config.centered = v.cast<bool>(); }},
      {"beta_1", [&](const py::handle& v) { config.beta1 = v.cast<double>(); }},
      {"beta_2", [&](const py::handle& v) { config.beta2 = v.cast<double>(); }},
      {"momentum_decay", [&](const py::handle& v) { config.momentum_decay = v.cast<double>(); }},
      {"amsgrad", [&](const py::handle& v) { config.amsgrad = v.cast<bool>(); }},
      {"epsilon", [&](const py::handle& v) { config.epsilon = v.cast<double>(); }},
      {"initial_accumulator_value",
       [&](const py::handle& v) { config.initial_accumulator = v.cast<double>(); }},
      {"learning_rate_power", [&](const py::handle& v) { config.learning_rate_power = v.cast<double>(); }},
      {"l1_regularization_strength", [&](const py::handle& v) { config.l1 = v.cast<double>(); }},
      {"l2_regularization_strength", [&](const py::handle& v) { config.l2 = v.cast<double>(); }},
      {"l2_shrinkage_regularization_strength",
       [&](const py::handle& v) { config.l2_shrinkage = v.cast<double>(); }},
      {"beta", [&](const py::handle& v) { config.beta = v.cast<double>(); }},
      {"beta_2_decay", [&](const py::handle& v) { config.beta2_decay = v.cast<double>(); }},
      {"epsilon_1", [&](const py::handle& v) { config.epsilon1 = v.cast<double>(); }},
      {"epsilon_2", [&](const py::handle& v) { config.epsilon2 = v.cast<double>(); }},
      {"clip_threshold", [&](const py::handle& v) { config.clip_threshold = v.cast<double>(); }},
      {"relative_step", [&](const py::handle& v) { config.relative_step = v.cast<bool>(); }},
      {"weight_decay", [&](const py::handle& v) { config.weight_decay = v.cast<double>(); }},
      {"clipvalue", [&](const py::handle& v) { config.clip_value = v.cast<double>(); }},
      {"clipnorm", [&](const py::handle& v) { config.clip_norm = v.cast<double>(); }},
      {"global_clipnorm", [&](const py::handle& v) { config.global_clip_norm = v.cast<double>(); }},
      {"use_ema", [&](const py::handle& v) { config.use_ema = v.cast<bool>(); }},
      {"ema_momentum", [&](const py::handle& v) { config.ema_momentum = v.cast<double>(); }},
      {"ema_overwrite_frequency",
       [&](const py::handle& v) { config.ema_overwrite_frequency = v.cast<int64_t>(); }},
      {"gradient_accumulation_steps",
       [&](const py::handle& v) { config.gradient_accumulation_steps = v.cast<int64_t>(); }},
  };
  for (const auto& [key, value] : items) {
    const auto name = key.cast<std::string>();
    const auto field = fields.find(name);
    if (field == fields.end()) throw_value(kind, " has no setting '", name, "'");
    if (!value.is_none()) field->second(value);
  }
  return config;
}

std::shared_ptr<Optimizer> make_optimizer(
    const std::string& kind, const py::dict& config,
    const std::vector<std::tuple<std::shared_ptr<Store>, std::string, bool, double>>& parameters) {
  std::vector<OptimizedParameter> list;
  for (const auto& [store, name, decay, multiplier] : parameters) {
    const int32_t entry = store->find(name);
    if (entry < 0) throw_value("no weight named '", name, "'");
    list.push_back({store, entry, decay, multiplier});
  }
  return std::make_shared<Optimizer>(config_from(kind, config), std::move(list));
}

/// The array as C-contiguous and of this dtype; throws where shape or kind of element do not fit.
py::array matching(const py::array& array, const Shape& expected, DType dtype, const std::string& what) {
  const Shape shape(array.shape(), array.shape() + array.ndim());
  if (shape != expected) {
    throw_value(what, ": expected shape ", shape_text(expected), ", got ", shape_text(shape));
  }
  const char kind = array.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u') {
    throw_type(what, ": expected numbers, got dtype ", std::string(py::str(array.dtype())));
  }
  return py::module_::import("numpy").attr("ascontiguousarray")(array, numpy_dtype(dtype));
}

void apply(Optimizer& optimizer, const py::list& gradients, double learning_rate,
           std::optional<int> threads) {
  if (!std::isfinite(learning_rate) || learning_rate < 0) {
    throw_value("learning_rate must be finite and not negative, got ", learning_rate);
  }
  if (gradients.size() != optimizer.parameters().size()) {
    throw_value("expected ", optimizer.parameters().size(), " gradients, one for each parameter, got ",
                gradients.size());
  }
  // All are checked before any is copied: an error leaves the optimizer as it was.
  std::vector<py::array> arrays;
  double elements = 0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Store::Entry& entry = optimizer.entry(i);
    const std::string what = text("gradient ", i, " (of '", entry.name, "')");
    py::array array = py::array::ensure(gradients[i]);
    if (!array) throw_type(what, " is not an array");
    arrays.push_back(matching(array, entry.shape, entry.dtype, what));
    elements += static_cast<double>(element_count(entry.shape));
  }
  const int team = threads.value_or(useful_threads(elements * 20, false));
  if (team < 1) throw_value("threads must be at least 1, got ", team);
  py::gil_scoped_release release;
  for (size_t i = 0; i < arrays.size(); ++i) {
    std::memcpy(optimizer.gradients() + optimizer.flat_offset(i), arrays[i].data(),
                static_cast<size_t>(optimizer.entry(i).bytes));
  }
  optimizer.apply(team, learning_rate);
}

// Besides the slots: parameters that wait while their averages stand in for them.
constexpr const char* kSetAside = "set_aside";

/// All that the state holds of a parameter.
struct StatePart {
  std::string name;
  std::byte* data;
  Shape shape;
};

std::vector<StatePart> state_parts(const Optimizer& optimizer, size_t parameter, bool set_aside) {
  std::vector<StatePart> parts;
  for (size_t slot = 0; slot < optimizer.slot_names().size(); ++slot) {
    parts.push_back({text(optimizer.slot_names()[slot], ".", parameter), optimizer.slot(slot, parameter),
                     optimizer.slot_shape(slot, parameter)});
  }
  if (set_aside) {
    parts.push_back(
        {text(kSetAside, ".", parameter), optimizer.set_aside(parameter), optimizer.entry(parameter).shape});
  }
  return parts;
}

py::dict get_state(const Optimizer& optimizer) {
  py::dict state;
  py::array_t<int64_t> steps(std::vector<py::ssize_t>{});
  *steps.mutable_data() = optimizer.steps();
  state["steps"] = steps;
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const Store::Entry& entry = optimizer.entry(i);
    for (const StatePart& part : state_parts(optimizer, i, optimizer.has_set_aside())) {
      py::array array(numpy_dtype(entry.dtype), part.shape);
      std::memcpy(array.mutable_data(), part.data, static_cast<size_t>(array.nbytes()));
      state[py::str(part.name)] = array;
    }
  }
  return state;
}

void set_state(Optimizer& optimizer, const py::dict& state) {
  const auto find = [&](const std::string& name) {
    if (!state.contains(name.c_str())) throw_value("optimizer state lacks '", name, "'");
    py::array array = py::array::ensure(state[name.c_str()]);
    if (!array) throw_type("optimizer state '", name, "' is not an array");
    return array;
  };
  const bool set_aside = optimizer.config().use_ema && state.contains(text(kSetAside, ".0").c_str());
  std::vector<py::array> arrays;
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    for (const StatePart& part : state_parts(optimizer, i, set_aside)) {
      arrays.push_back(matching(find(part.name), part.shape, optimizer.entry(i).dtype,
                                "optimizer state '" + part.name + "'"));
    }
  }
  const auto steps = py::int_(find("steps").attr("item")()).cast<int64_t>();
  if (state.size() != arrays.size() + 1) {
    throw_value("optimizer state has ", state.size(), " arrays, but this optimizer needs ",
                arrays.size() + 1);
  }
  optimizer.set_steps(steps);
  optimizer.set_has_set_aside(set_aside);
  size_t next = 0;
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    for (const StatePart& part : state_parts(optimizer, i, set_aside)) {
      std::memcpy(part.data, arrays[next].data(), static_cast<size_t>(arrays[next].nbytes()));
      ++next;
    }
  }
}

}  // namespace

void bind_optimizer(py::module_& module) {
  py::class_<Optimizer, std::shared_ptr<Optimizer>>(module, "Optimizer", "Updates a list of parameters.")
      .def(py::init(&make_optimizer), py::arg("kind"), py::arg("config"), py::arg("parameters"),
           "Parameters are (store, entry name, whether weight decay applies, learning-rate multiplier).")
      .def("apply", &apply, py::arg("gradients"), py::arg("learning_rate"), py::arg("threads") = py::none(),
           "Takes one step with one gradient array for each parameter.")
      .def_property("steps", &Optimizer::steps, &Optimizer::set_steps, "Calls of apply so far.")
      .def_property(
          "iterations", &Optimizer::iterations,
          [](Optimizer& o, int64_t iterations) {
            o.set_steps(iterations * o.config().gradient_accumulation_steps);
          },
          "Updates so far.")
      .def_property_readonly("slot_names", &Optimizer::slot_names)
      .def("overwrite_with_averages", &Optimizer::overwrite_with_averages,
           "Parameters become their moving averages until training goes on; nothing without use_ema.")
      .def("take_back_from_averages", &Optimizer::take_back_from_averages,
           "Undoes that, if nobody has changed the parameters since.")
      .def_property_readonly("has_set_aside", &Optimizer::has_set_aside,
                             "Whether averages stand in for the parameters.")
      .def("get_state", &get_state,
           "\"steps\" and the slots, named \"slot.number of the parameter\", as arrays; while averages stand "
           "in "
           "for the parameters, these as \"set_aside\".")
      .def("set_state", &set_state, py::arg("state"));
}

}  // namespace fastnn::bindings

// Trainer: the epoch loop, with the GIL released; comes back to Python for progress, signals and gradient
// hooks.
#include "train/trainer.h"

#include "bindings/arrays.h"
#include "core/augment.h"

namespace py = pybind11;

namespace fastnn::bindings {

namespace {

OnNonFinite on_nonfinite_from(const std::string& name) {
  if (name == "raise") return OnNonFinite::raise;
  if (name == "warn") return OnNonFinite::warn;
  if (name == "ignore") return OnNonFinite::ignore;
  throw_value("on_nonfinite must be 'raise', 'warn' or 'ignore', got '", name, "'");
}

py::dict run_epoch(Trainer& trainer, const std::vector<py::array>& inputs, const py::dict& options) {
  const Graph& graph = *trainer.spec().graph;
  if (inputs.size() != graph.inputs().size()) {
    throw_value("expected ", graph.inputs().size(), " input arrays, got ", inputs.size());
  }
  EpochArguments args;
  args.samples = inputs.empty() || inputs[0].ndim() == 0 ? 0 : inputs[0].shape(0);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = graph.at(graph.inputs()[i]);
    args.sources.push_back(batch_source(inputs[i], tensor.type, tensor.name));
    if (inputs[i].shape(0) != args.samples) {
      throw_value("input '", tensor.name, "' has ", inputs[i].shape(0), " rows, but '",
                  graph.at(graph.inputs()[0]).name, "' has ", args.samples);
    }
  }
  py::object progress = py::none();
  py::array_t<int64_t, py::array::c_style> order;
  py::object transform = py::none();
  for (const auto& [key, value] : options) {
    const auto name = key.cast<std::string>();
    if (name == "rows") {  // only the first so many rows: the rest is validation data
      args.samples = std::min(args.samples, value.cast<int64_t>());
    } else if (name == "first_row") {
      const auto first = value.cast<int64_t>();
      for (BatchSource& source : args.sources) {
        source.data += first * source.row_stride;
        source.row_base += first;
      }
      args.samples -= first;
    } else if (name == "row_base") {  // of batches: rows of the data set before these, for random changes
      for (BatchSource& source : args.sources) source.row_base += value.cast<int64_t>();
    } else if (name == "augment") {  // random changes to images: of each input, or None
      const auto configs = value.cast<std::vector<const AugmentConfig*>>();
      for (size_t i = 0; i < configs.size(); ++i) args.sources.at(i).augment = configs[i];
    } else if (name == "batch_size") {
      args.batch_size = value.cast<int64_t>();
    } else if (name == "max_steps") {
      args.max_steps = value.cast<int64_t>();
    } else if (name == "shuffle") {
      args.shuffle = value.cast<bool>();
    } else if (name == "order") {  // explicit row numbers, instead of shuffling
      order = value.cast<py::array_t<int64_t, py::array::c_style>>();
      for (py::ssize_t i = 0; i < order.size(); ++i) {
        if (order.data()[i] < 0 || order.data()[i] >= args.samples) {
          throw_value("row number ", order.data()[i], " is outside the data's ", args.samples, " rows");
        }
      }
    } else if (name == "learning_rates") {
      args.learning_rates = value.cast<std::vector<double>>();
    } else if (name == "seed") {
      args.seed = value.cast<uint64_t>();
    } else if (name == "epoch") {
      args.epoch = value.cast<uint64_t>();
    } else if (name == "first_step") {
      args.first_step = value.cast<uint64_t>();
    } else if (name == "shown_epoch") {
      args.shown_epoch = value.cast<uint64_t>();
    } else if (name == "shown_step") {
      args.shown_step = value.cast<uint64_t>();
    } else if (name == "on_nonfinite") {
      args.on_nonfinite = on_nonfinite_from(value.cast<std::string>());
    } else if (name == "progress") {
      progress = py::reinterpret_borrow<py::object>(value);
    } else if (name == "interval") {
      args.interval = value.cast<double>();
    } else if (name == "transform_gradients") {
      transform = py::reinterpret_borrow<py::object>(value);
    } else {
      throw_type("run_epoch got an unknown option '", name, "'");
    }
  }
  if (order.size() > 0) {
    args.order = order.data();
    args.samples = order.size();
  }
  // Signals are looked at even when nobody asks for progress. An exception (Ctrl-C, or one of the callback's)
  // is kept, the step that runs is completed, and then it is raised.
  py::object raised = py::none();
  const auto arrays_of = [&](const EpochResult& so_far) {
    py::list accumulators;
    for (size_t i = 0; i < so_far.accumulators.size(); ++i) {
      py::array_t<double> array(graph.type(trainer.spec().accumulators[i]).dims);
      std::copy(so_far.accumulators[i].begin(), so_far.accumulators[i].end(), array.mutable_data());
      accumulators.append(array);
    }
    return accumulators;
  };
  args.progress = [&](const EpochResult& so_far) {
    py::gil_scoped_acquire hold;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (progress.is_none()) return true;
      const py::object answer = progress(so_far.steps, so_far.loss, arrays_of(so_far), so_far.samples);
      return answer.is_none() || answer.cast<bool>();
    } catch (py::error_already_set& error) {
      raised = error.value();
      return false;
    }
  };
  Optimizer* optimizer = trainer.spec().optimizer.get();
  if (!transform.is_none() && optimizer != nullptr) {
    args.transform_gradients = [&] {
      py::gil_scoped_acquire hold;
      // Whoever keeps the arrays keeps the memory.
      const py::capsule owner(new std::shared_ptr<Optimizer>(trainer.spec().optimizer),
                              [](void* held) { delete static_cast<std::shared_ptr<Optimizer>*>(held); });
      py::list views;
      for (size_t i = 0; i < trainer.spec().gradients.size(); ++i) {
        const OptimizedParameter& parameter = optimizer->parameters()[i];
        const Store::Entry& entry = parameter.store->entries()[static_cast<size_t>(parameter.entry)];
        views.append(py::array(numpy_dtype(entry.dtype), entry.shape,
                               optimizer->gradients() + optimizer->flat_offset(i), owner));
      }
      transform(views);
    };
  }
  EpochResult result;
  try {
    py::gil_scoped_release release;
    result = trainer.run_epoch(args);
  } catch (const NonFiniteError& error) {
    const py::object kind = py::module_::import("fastnn.errors").attr("NonFiniteLossError");
    const py::object made = kind(error.what());
    made.attr("step") = error.shown_step - 1;  // as callbacks count
    PyErr_SetObject(kind.ptr(), made.ptr());
    throw py::error_already_set();
  }
  py::dict out;
  out["loss"] = result.loss;
  out["accumulators"] = arrays_of(result);
  out["steps"] = result.steps;
  out["samples"] = result.samples;
  out["nonfinite_steps"] = result.nonfinite_steps;
  out["stopped"] = result.stopped;
  out["raised"] = raised;
  return out;
}

}  // namespace

void bind_trainer(py::module_& module) {
  py::class_<Trainer, std::shared_ptr<Trainer>>(module, "Trainer",
                                                "The training or evaluation loop over one graph.")
      .def(py::init([](std::shared_ptr<Graph> graph, TensorId loss, std::vector<TensorId> accumulators,
                       const std::vector<std::optional<TensorId>>& gradients,
                       const std::vector<std::pair<TensorId, TensorId>>& assignments,
                       std::shared_ptr<Optimizer> optimizer, std::shared_ptr<Graph> constraint_graph,
                       const std::vector<std::pair<TensorId, TensorId>>& constraints, size_t means,
                       std::shared_ptr<ArenaPool> arenas) {
             TrainerSpec spec;
             spec.means = means;
             spec.graph = std::move(graph);
             spec.loss = loss;
             spec.accumulators = std::move(accumulators);
             for (const auto& id : gradients) spec.gradients.push_back(id.value_or(kNoTensor));
             spec.assignments = assignments;
             spec.optimizer = std::move(optimizer);
             spec.constraint_graph = std::move(constraint_graph);
             spec.constraints = constraints;
             spec.arenas = std::move(arenas);
             return std::make_shared<Trainer>(std::move(spec));
           }),
           py::arg("graph"), py::arg("loss"), py::arg("accumulators") = std::vector<TensorId>{},
           py::arg("gradients") = std::vector<std::optional<TensorId>>{},
           py::arg("assignments") = std::vector<std::pair<TensorId, TensorId>>{},
           py::arg("optimizer") = nullptr, py::arg("constraint_graph") = nullptr,
           py::arg("constraints") = std::vector<std::pair<TensorId, TensorId>>{}, py::arg("means") = 0,
           py::arg("arenas") = nullptr)
      .def("run_epoch", &run_epoch, py::arg("inputs"), py::arg("options"),
           "Runs one epoch over arrays with one row a sample; returns a dict with loss, accumulators, steps, "
           "samples, "
           "nonfinite_steps, stopped and raised (an exception to be raised now that the model is whole, or "
           "None).")
      .def(
          "describe", [](Trainer& t, int64_t capacity) { return t.plan(capacity)->describe(); },
          py::arg("capacity"))
      .def(
          "flops", [](Trainer& t, int64_t capacity) { return t.plan(capacity)->flops(capacity); },
          py::arg("capacity"))
      .def_property("profiling", &Trainer::profiling, &Trainer::set_profiling,
                    "Whether the steps of runs are timed; setting it starts from zero.")
      .def(
          "profile",
          [](const Trainer& t) {
            py::list rows;
            for (const ProfileRow& row : t.profile_rows()) {
              py::dict made;
              made["op"] = row.op;
              made["layer"] = row.node;
              made["kind"] = row.kind;
              made["form"] = row.form;
              made["slot"] = row.slot;
              made["lanes"] = row.lanes;
              made["calls"] = row.calls;
              made["seconds"] = row.seconds;
              made["flops"] = row.flops;
              made["bytes"] = row.bytes;
              rows.append(made);
            }
            py::dict out;
            out["rows"] = rows;
            out["steps"] = t.profiled_runs();
            out["seconds"] = t.profiled_seconds();
            return out;
          },
          "Where the time went since profiling was switched on: a dict with rows (seconds are those of all "
          "threads together), steps and seconds (by the clock).")
      .def_property_readonly("bytes", &Trainer::bytes);
  module.def(
      "shuffled_rows",
      [](int64_t count, uint64_t seed, uint64_t epoch) {
        const std::vector<int64_t> rows = shuffled_rows(count, seed, epoch);
        return py::array_t<int64_t>(static_cast<py::ssize_t>(rows.size()), rows.data());
      },
      py::arg("count"), py::arg("seed"), py::arg("epoch"), "The order in which an epoch takes its rows.");
}

}  // namespace fastnn::bindings

// schedule_rates: rates of a range of steps by the name of a schedule.
#include "train/schedules.h"

#include "bindings/bindings.h"
#include "core/error.h"

namespace py = pybind11;

namespace fastnn::bindings {

namespace {

/// Settings by name; all that a schedule needs must be there.
class Settings {
 public:
  Settings(const std::string& kind, const py::dict& items) : kind_(kind), items_(items) {}
  template <class T = double>
  T get(const char* name) const {
    if (!items_.contains(name)) throw_value("schedule '", kind_, "' needs '", name, "'");
    return items_[name].cast<T>();
  }

 private:
  const std::string& kind_;
  const py::dict& items_;
};

std::vector<double> rates_of(const std::string& kind, const Settings& s, int64_t first, int64_t count) {
  const auto initial = [&] { return s.get("initial_learning_rate"); };
  const auto steps = [&] { return s.get("decay_steps"); };
  if (kind == "constant") return rates(ConstantRate{s.get("learning_rate")}, first, count);
  if (kind == "step") return rates(StepDecay{initial(), steps(), s.get("decay_rate")}, first, count);
  if (kind == "exponential") {
    return rates(ExponentialDecay{initial(), steps(), s.get("decay_rate"), s.get<bool>("staircase")}, first,
                 count);
  }
  if (kind == "inverse_time") {
    return rates(InverseTimeDecay{initial(), steps(), s.get("decay_rate"), s.get<bool>("staircase")}, first,
                 count);
  }
  if (kind == "polynomial") {
    return rates(
        PolynomialDecay{initial(), steps(), s.get("end_learning_rate"), s.get("power"), s.get<bool>("cycle")},
        first, count);
  }
  if (kind == "cosine") {
    return rates(
        CosineDecay{initial(), steps(), s.get("alpha"), s.get("warmup_target"), s.get("warmup_steps")}, first,
        count);
  }
  if (kind == "cosine_restarts") {
    return rates(CosineDecayRestarts{initial(), s.get("first_decay_steps"), s.get("t_mul"), s.get("m_mul"),
                                     s.get("alpha")},
                 first, count);
  }
  if (kind == "one_cycle") {
    return rates(
        OneCycle{s.get("max_learning_rate"), s.get("total_steps"), s.get("pct_start"), s.get("div_factor"),
                 s.get("final_div_factor"), s.get<bool>("linear"), s.get<bool>("three_phase")},
        first, count);
  }
  if (kind == "piecewise") {
    const PiecewiseConstant schedule{s.get<std::vector<double>>("boundaries"),
                                     s.get<std::vector<double>>("values")};
    if (schedule.values.size() != schedule.boundaries.size() + 1) {
      throw_value("a piecewise schedule needs one value more than boundaries");
    }
    return rates(schedule, first, count);
  }
  throw_value("unknown schedule '", kind, "'");
}

}  // namespace

void bind_schedules(py::module_& module) {
  module.def(
      "schedule_rates",
      [](const std::string& kind, const py::dict& settings, int64_t first_step, int64_t count) {
        if (first_step < 0 || count < 0)
          throw_value("steps must not be negative, got ", first_step, " and ", count);
        const std::vector<double> made = rates_of(kind, Settings(kind, settings), first_step, count);
        return py::array_t<double>(static_cast<py::ssize_t>(made.size()), made.data());
      },
      py::arg("kind"), py::arg("settings"), py::arg("first_step"), py::arg("count"),
      "Learning rates of `count` steps from first_step on.");
}

}  // namespace fastnn::bindings

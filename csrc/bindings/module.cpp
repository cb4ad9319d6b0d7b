// Assembles the extension module; every category has a file of its own.
#include "bindings/bindings.h"
#include "core/error.h"

namespace py = pybind11;

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ core of fastnn: graphs, plans, training. Internal; use the fastnn package.";
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const fastnn::Error& error) {
      PyObject* type = error.kind() == fastnn::ErrorKind::value  ? PyExc_ValueError
                       : error.kind() == fastnn::ErrorKind::type ? PyExc_TypeError
                                                                 : PyExc_RuntimeError;
      PyErr_SetString(type, error.what());
    }
  });
  fastnn::bindings::bind_runtime(module);
  fastnn::bindings::bind_graph(module);
  fastnn::bindings::bind_function(module);
  fastnn::bindings::bind_optimizer(module);
  fastnn::bindings::bind_random(module);
  fastnn::bindings::bind_schedules(module);
  fastnn::bindings::bind_trainer(module);
  fastnn::bindings::bind_batcher(module);
}

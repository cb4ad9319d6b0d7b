// Threads, instruction sets, ops.
#include "bindings/bindings.h"
#include "core/parallel.h"
#include "core/version.h"
#include "graph/backend.h"
#include "ops/op.h"

namespace py = pybind11;

namespace fastnn::bindings {

void bind_runtime(py::module_& module) {
  module.def("num_threads", &num_threads, "Threads that a run may use.");
  module.def("set_num_threads", &set_num_threads, py::arg("count"), "Sets the threads that a run may use.");
  module.def("current_isa", &current_isa, "Instruction set of the kernels in use.");
  module.def("available_isas", &available_isas, "Instruction sets that this machine and installation offer, best first.");
  module.def("op_names", &op_names, "Names of all registered ops.");
  module.def("lanes", [](const std::string& dtype) { return kernel_table().lanes(dtype_from_name(dtype)); },
             py::arg("dtype"), "Samples in one vector of the batch-lane layout.");
  module.attr("__version__") = FASTNN_VERSION;
#if defined(__clang__)
  module.attr("compiler") = "Clang " __clang_version__;
#else
  module.attr("compiler") = "GCC " __VERSION__;
#endif
}

}  // namespace fastnn::bindings

// Threads, instruction sets, ops.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "bindings/bindings.h"
#include "core/parallel.h"
#include "core/version.h"
#include "graph/backend.h"
#include "graph/executor.h"
#include "graph/planner.h"
#include "ops/op.h"

namespace py = pybind11;

namespace fastnn::bindings {

void bind_runtime(py::module_& module) {
  module.def("num_threads", &num_threads, "Threads that a run may use.");
  module.def("set_num_threads", &set_num_threads, py::arg("count"), "Sets the threads that a run may use.");
  module.def("max_threads", &max_threads, "The most threads that a run uses, whatever was asked for.");
  module.def("available_cores", &available_cores, "Cores that this process may run on.");
  module.def(
      "useful_threads", &useful_threads, py::arg("flops"), py::arg("in_long_region"),
      "Threads that so many operations a step are worth; in_long_region: within an epoch of training.");
  module.def("current_isa", &current_isa, "Instruction set of the kernels in use.");
  module.def("available_isas", &available_isas,
             "Instruction sets that this machine and installation offer, best first.");
  module.def("op_names", &op_names, "Names of all registered ops.");
  module.def(
      "lanes", [](const std::string& dtype) { return kernel_table().lanes(dtype_from_name(dtype)); },
      py::arg("dtype"), "Samples in one vector of the batch-lane layout.");
  module.def(
      "set_chains", &set_chains, py::arg("on"), py::arg("least") = kLeastChain,
      "Whether plans made from now on run elementwise ops as chains, and of how many bytes of a tile; for "
      "tests and measurements.");
  module.attr("__version__") = FASTNN_VERSION;
  module.def(
      "fma_peak",
      [](int threads, double seconds) {
        py::gil_scoped_release release;
        std::vector<double> rates(static_cast<size_t>(threads), 0.0);
        parallel(threads, [&](Team& team, int thread) {
          kernel_table().run_multiply_adds(100000);
          team.barrier.wait();
          const auto start = std::chrono::steady_clock::now();
          double operations = 0, elapsed = 0;
          while (elapsed < seconds) {
            operations += kernel_table().run_multiply_adds(100000);
            elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
          }
          rates[static_cast<size_t>(thread)] = operations / elapsed;
        });
        double total = 0;
        for (double rate : rates) total += rate;
        return total;
      },
      py::arg("threads") = 1, py::arg("seconds") = 0.2,
      "Measured float32 multiply-add rate of that many threads, in operations a second (two for each "
      "multiply-add).");
  module.def(
      "copy_rate",
      [](double bytes, int threads, double seconds) {
        py::gil_scoped_release release;
        const size_t size = static_cast<size_t>(std::max(64.0, bytes / 2));
        std::vector<double> rates(static_cast<size_t>(threads), 0.0);
        parallel(threads, [&](Team& team, int thread) {
          std::vector<char> from(size, 1), to(size, 2);  // touched by the thread that copies them
          team.barrier.wait();
          const auto start = std::chrono::steady_clock::now();
          double moved = 0, elapsed = 0;
          while (elapsed < seconds) {
            for (size_t done = 0; done < size_t{1} << 22; done += size) {
              from[done % size] = static_cast<char>(done);
              std::memcpy(to.data(), from.data(), size);
              moved += 2.0 * static_cast<double>(size);
            }
            elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
          }
          rates[static_cast<size_t>(thread)] = moved / elapsed;
        });
        double total = 0;
        for (double rate : rates) total += rate;
        return total;
      },
      py::arg("bytes"), py::arg("threads") = 1, py::arg("seconds") = 0.2,
      "Measured rate, in bytes read and written a second, at which that many threads copy memory, each "
      "within `bytes` of its own: of a cache if they fit one, else of main memory.");
#if defined(__clang__)
  module.attr("compiler") = "Clang " __clang_version__;
#else
  module.attr("compiler") = "GCC " __VERSION__;
#endif
}

}  // namespace fastnn::bindings

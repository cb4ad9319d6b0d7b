// Arrays of random numbers for initializers.
#include "bindings/arrays.h"
#include "core/random_fill.h"

namespace py = pybind11;

namespace fastnn::bindings {

namespace {

Distribution distribution_from(const std::string& name) {
  if (name == "uniform") return Distribution::uniform;
  if (name == "normal") return Distribution::normal;
  if (name == "truncated_normal") return Distribution::truncated_normal;
  throw_value("unknown distribution '", name, "'; known: uniform, normal, truncated_normal");
}

}  // namespace

void bind_random(py::module_& module) {
  module.def(
      "random_array",
      [](const std::string& distribution, const Shape& shape, const std::string& dtype, double a, double b,
         uint64_t seed) {
        const Distribution kind = distribution_from(distribution);
        const DType type = dtype_from_name(dtype);
        py::array out(numpy_dtype(type), shape);
        auto* data = static_cast<std::byte*>(out.mutable_data());
        {
          py::gil_scoped_release release;
          random_fill(data, type, element_count(shape), kind, a, b, seed);
        }
        return out;
      },
      py::arg("distribution"), py::arg("shape"), py::arg("dtype"), py::arg("a"), py::arg("b"),
      py::arg("seed"), "Uniform on [a, b), or normal (truncated at 2 b) of mean a and standard deviation b.");
  module.def(
      "orthogonal_array",
      [](int64_t rows, int64_t columns, const std::string& dtype, double gain, uint64_t seed) {
        const DType type = dtype_from_name(dtype);
        py::array out(numpy_dtype(type), Shape{rows, columns});
        auto* data = static_cast<std::byte*>(out.mutable_data());
        {
          py::gil_scoped_release release;
          orthogonal_fill(data, type, rows, columns, gain, seed);
        }
        return out;
      },
      py::arg("rows"), py::arg("columns"), py::arg("dtype"), py::arg("gain"), py::arg("seed"),
      "Orthonormal columns, or rows if there are fewer, times gain.");
}

}  // namespace fastnn::bindings

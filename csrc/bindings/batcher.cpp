// What the batcher does to rows: conversion, layout, random changes to images.
#include "train/batcher.h"

#include "bindings/arrays.h"

namespace py = pybind11;

namespace fastnn::bindings {

namespace {

template <class T>
void read_setting(const std::string& name, const py::handle& value, T& target) {
  try {
    if constexpr (std::is_same_v<T, AugmentRange>) {
      const auto [low, high] = value.cast<std::pair<double, double>>();
      target = {low, high};
    } else {
      target = value.cast<T>();
    }
  } catch (const py::cast_error&) {
    const char* wanted = std::is_same_v<T, AugmentRange> ? "a pair of numbers (low, high)"
                         : std::is_same_v<T, bool>       ? "a bool"
                         : std::is_integral_v<T>         ? "an integer"
                                                         : "a number";
    throw_type("augmentation: ", name, " must be ", wanted, ", got ", std::string(py::repr(value)));
  }
}

AugmentConfig augment_from(const py::dict& settings) {
  AugmentConfig config;
  for (const auto& [key, value] : settings) {
    const auto name = key.cast<std::string>();
    const auto take = [&, v = value](const char* known, auto& target) {
      if (name != known) return false;
      read_setting(name, v, target);
      return true;
    };
    if (name == "seed") {
      config.has_seed = true;
      read_setting(name, value, config.seed);
      continue;
    }
    const bool known =
        take("height", config.height) || take("width", config.width) || take("channels", config.channels) ||
        take("shift_y", config.shift_y) || take("shift_x", config.shift_x) ||
        take("rotation", config.rotation) || take("zoom", config.zoom) || take("shear", config.shear) ||
        take("flip", config.flip) || take("elastic_alpha", config.elastic_alpha) ||
        take("elastic_sigma", config.elastic_sigma) || take("brightness", config.brightness) ||
        take("contrast", config.contrast) || take("noise", config.noise) ||
        take("cutout_height", config.cutout_height) || take("cutout_width", config.cutout_width) ||
        take("cutout_count", config.cutout_count) || take("fill_nearest", config.fill_nearest) ||
        take("fill_value", config.fill_value) || take("value_low", config.value_low) ||
        take("value_high", config.value_high);
    if (!known) throw_type("augmentation: unknown setting '", name, "'");
  }
  check_augment(config);
  return config;
}

py::array gather_array(const py::array& array, const std::string& dtype, int32_t lanes,
                       const std::optional<py::array>& rows, const std::optional<AugmentConfig>& augment,
                       uint64_t seed, uint64_t epoch, int64_t row_base) {
  if (array.ndim() < 1) throw_value("rows are taken from an array with at least one dimension, got a scalar");
  TensorType type;
  type.dims.assign(array.shape() + 1, array.shape() + array.ndim());
  type.batched = true;
  BatchSource source = batch_source(array, type, "array");
  source.augment = augment ? &*augment : nullptr;
  source.row_base = row_base;
  GatherRequest request;
  request.count = array.shape(0);
  if (rows) {
    if (rows->ndim() != 1 || dtype_of(rows->dtype()) != DType::i64 ||
        (rows->flags() & py::array::c_style) == 0) {
      throw_type("rows: expected a contiguous vector of int64");
    }
    request.rows = static_cast<const int64_t*>(rows->data());
    request.count = rows->size();
    for (int64_t i = 0; i < request.count; ++i) {
      if (request.rows[i] < 0 || request.rows[i] >= array.shape(0)) {
        throw_value("rows: got row ", request.rows[i], ", expected 0 to ", array.shape(0) - 1);
      }
    }
  }
  request.size = type.size();
  request.dtype = dtype_from_name(dtype);
  request.lanes = lanes;
  request.seed = seed;
  request.epoch = epoch;
  Shape shape = type.dims;
  if (lanes == 1) {
    shape.insert(shape.begin(), request.count);
  } else {
    shape = {(request.count + lanes - 1) / std::max(1, lanes), request.size, lanes};
  }
  py::array out(numpy_dtype(request.dtype), shape);
  auto* target = static_cast<std::byte*>(out.mutable_data());
  {
    py::gil_scoped_release release;
    gather_all(source, request, target);
  }
  return out;
}

}  // namespace

void bind_batcher(py::module_& module) {
  py::class_<AugmentConfig>(module, "AugmentConfig", "Random changes to images, as the batcher makes them.")
      .def(py::init(&augment_from), py::arg("settings"))
      .def_property_readonly("size", &AugmentConfig::size, "Elements of an image.");
  module.def(
      "gather", &gather_array, py::arg("array"), py::arg("dtype") = "float32", py::arg("lanes") = 1,
      py::arg("rows") = py::none(), py::arg("augment") = py::none(), py::arg("seed") = 0,
      py::arg("epoch") = 0, py::arg("row_base") = 0,
      "Rows of an array, converted and, if asked for, augmented: (n, ...) when lanes is 1, else in the "
      "batch-lane layout (ceil(n / lanes), elements, lanes).");
}

}  // namespace fastnn::bindings

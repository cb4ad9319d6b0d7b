// Between NumPy arrays and the core.
#pragma once

#include <optional>

#include "bindings/bindings.h"
#include "core/error.h"
#include "core/types.h"
#include "graph/executor.h"

namespace fastnn::bindings {

inline std::optional<DType> dtype_of(const pybind11::dtype& type) {
  const char kind = type.kind();
  const auto size = type.itemsize();
  if (type.byteorder() == '>') return std::nullopt;
  if (kind == 'f' && size == 4) return DType::f32;
  if (kind == 'f' && size == 8) return DType::f64;
  if (kind == 'i' && size == 4) return DType::i32;
  if (kind == 'i' && size == 8) return DType::i64;
  if (kind == 'u' && size == 1) return DType::u8;
  if (kind == 'b') return DType::boolean;
  return std::nullopt;
}

inline pybind11::dtype numpy_dtype(DType type) {
  switch (type) {
    case DType::f32:
      return pybind11::dtype::of<float>();
    case DType::f64:
      return pybind11::dtype::of<double>();
    default:
      return pybind11::dtype(dtype_name(type));
  }
}

/// An array as the value of an unbatched input, in C order: `array` becomes a copy if it is not.
inline BatchSource value_source(pybind11::array& array, const TensorType& expected, const std::string& name) {
  if (dtype_of(array.dtype()) != expected.dtype)
    throw_type("input '", name, "': expected ", dtype_name(expected.dtype), ", got ",
               std::string(pybind11::str(array.dtype())));
  const Shape shape(array.shape(), array.shape() + array.ndim());
  if (shape != expected.dims)
    throw_value("input '", name, "': expected shape ", expected.str(), ", got ", shape_text(shape));
  const auto misaligned =
      reinterpret_cast<uintptr_t>(array.data()) % static_cast<uintptr_t>(dtype_size(expected.dtype));
  if ((array.flags() & pybind11::array::c_style) == 0 || misaligned != 0)
    array = pybind11::array(array.attr("copy")("C"));
  BatchSource source;
  source.data = static_cast<const std::byte*>(array.data());
  source.dtype = expected.dtype;
  return source;
}

/// Rows of an array whose inner dimensions are contiguous; throws if they are not, or the dtype is unknown.
inline BatchSource batch_source(const pybind11::array& array, const TensorType& expected,
                                const std::string& name) {
  const std::optional<DType> dtype = dtype_of(array.dtype());
  if (!dtype)
    throw_type("input '", name, "': dtype ", std::string(pybind11::str(array.dtype())), " cannot be read");
  if (array.ndim() < 1)
    throw_value("input '", name, "': expected an array with a batch dimension, got a scalar");
  const Shape shape(array.shape() + 1, array.shape() + array.ndim());
  if (shape != expected.dims) {
    Shape whole(array.shape(), array.shape() + array.ndim());
    throw_value("input '", name, "': expected shape ", expected.str(), ", got ", shape_text(whole));
  }
  int64_t stride = dtype_size(*dtype);
  for (pybind11::ssize_t axis = array.ndim() - 1; axis >= 1; --axis) {
    if (array.shape(axis) != 1 && array.strides(axis) != stride) {
      throw_value("input '", name, "': rows must be contiguous");
    }
    stride *= array.shape(axis);
  }
  BatchSource source;
  source.data = static_cast<const std::byte*>(array.data());
  source.row_stride = array.shape(0) > 1 ? array.strides(0) : stride;
  source.dtype = *dtype;
  return source;
}

}  // namespace fastnn::bindings

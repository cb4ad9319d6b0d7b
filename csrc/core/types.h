// Element types, shapes and tensor types: the vocabulary of everything above.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/export.h"

namespace fastnn {

/// Element types. float32 is the fast path, float64 the reference; the others are inputs and ids.
enum class DType : uint8_t { f32, f64, i32, i64, u8, boolean };

constexpr int64_t dtype_size(DType type) {
  switch (type) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::u8:
    case DType::boolean:
      return 1;
  }
  return 0;
}

constexpr bool is_floating(DType type) { return type == DType::f32 || type == DType::f64; }

FASTNN_API const char* dtype_name(DType type);  ///< NumPy's name: "float32", "int64", ...
FASTNN_API DType
dtype_from_name(const std::string& name);  ///< Inverse of dtype_name; throws on unknown names.

using Shape = std::vector<int64_t>;

/// Number of elements; 1 for a scalar's empty shape.
inline int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

/// "(2, 3)", or "(None, 2, 3)" when batched.
FASTNN_API std::string shape_text(const Shape& shape, bool batched = false);

/// Type of a graph's tensor. `dims` leaves the batch dimension out: a batched tensor has one such block a
/// sample.
struct TensorType {
  DType dtype = DType::f32;
  Shape dims;
  bool batched = false;

  int64_t size() const { return element_count(dims); }
  std::string str() const { return shape_text(dims, batched); }
  bool operator==(const TensorType&) const = default;
};

}  // namespace fastnn

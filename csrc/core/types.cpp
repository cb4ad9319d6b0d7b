#include "core/types.h"

#include "core/error.h"

namespace fastnn {

namespace {
constexpr const char* kNames[] = {"float32", "float64", "int32", "int64", "uint8", "bool"};
}

const char* dtype_name(DType type) { return kNames[static_cast<int>(type)]; }

DType dtype_from_name(const std::string& name) {
  for (int i = 0; i < 6; ++i) {
    if (name == kNames[i]) return static_cast<DType>(i);
  }
  throw_type("unknown dtype '", name, "'; expected one of float32, float64, int32, int64, uint8, bool");
}

std::string shape_text(const Shape& shape, bool batched) {
  std::string out = batched ? "(None" : "(";
  bool first = !batched;
  for (int64_t extent : shape) {
    if (!first) out += ", ";
    out += std::to_string(extent);
    first = false;
  }
  if (shape.size() + (batched ? 1 : 0) == 1) out += ",";
  return out + ")";
}

}  // namespace fastnn

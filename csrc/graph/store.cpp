#include "graph/store.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace fastnn {

int32_t Store::add(const std::string& name, const Shape& shape, DType dtype, bool is_state) {
  if (find(name) >= 0) throw_value("a weight named '", name, "' exists already in this layer");
  for (int64_t extent : shape) {
    if (extent < 1) throw_value("weight '", name, "' cannot have shape ", shape_text(shape));
  }
  const int64_t bytes = element_count(shape) * dtype_size(dtype);
  // Room for one vector past the end lets kernels load whole vectors at an array's tail.
  const int64_t needed = used_ + align_up(bytes) + kAlignment;
  if (needed > buffer_.bytes()) {
    Buffer larger(std::max(needed, buffer_.bytes() * 2));
    if (used_ > 0) std::memcpy(larger.data(), buffer_.data(), static_cast<size_t>(used_));
    buffer_ = std::move(larger);
  }
  entries_.push_back({name, dtype, shape, is_state, used_, bytes});
  used_ += align_up(bytes);
  touch();
  return static_cast<int32_t>(entries_.size()) - 1;
}

int32_t Store::find(const std::string& name) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name == name) return static_cast<int32_t>(i);
  }
  return -1;
}

}  // namespace fastnn

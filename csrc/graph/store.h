// Parameters and state of one layer: named arrays in one contiguous, aligned block, with a version that grows
// at every change. Models that share a layer share its store.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "core/memory.h"
#include "core/types.h"

namespace fastnn {

class FASTNN_API Store {
 public:
  struct Entry {
    std::string name;
    DType dtype;
    Shape shape;
    bool is_state;  ///< assigned by a step's end (moving statistics), not trained
    int64_t offset;
    int64_t bytes;
  };

  /// Adds an array of zeros; returns its number. Names are unique within a store.
  int32_t add(const std::string& name, const Shape& shape, DType dtype, bool is_state = false);
  int32_t find(const std::string& name) const;  ///< -1 if there is none
  const std::vector<Entry>& entries() const { return entries_; }
  std::byte* data(int32_t entry) const {
    return buffer_.data() + entries_[static_cast<size_t>(entry)].offset;
  }

  uint64_t version() const { return version_; }
  void touch() { ++version_; }  ///< to be called after any write

 private:
  std::vector<Entry> entries_;
  Buffer buffer_;
  int64_t used_ = 0;
  std::atomic<uint64_t> version_{1};
};

}  // namespace fastnn

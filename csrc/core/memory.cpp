#include "core/memory.h"

#include <cstring>
#include <new>

#include "core/error.h"

namespace fastnn {

Buffer::Buffer(int64_t bytes) : bytes_(bytes) {
  if (bytes < 0 || bytes > (int64_t{1} << 46)) throw_runtime("cannot allocate ", bytes, " bytes");
  if (bytes == 0) return;
  data_ = static_cast<std::byte*>(
      ::operator new(static_cast<size_t>(align_up(bytes)), std::align_val_t{kAlignment}, std::nothrow));
  if (data_ == nullptr) throw_runtime("out of memory: cannot allocate ", bytes, " bytes");
  std::memset(data_, 0, static_cast<size_t>(align_up(bytes)));
}

Buffer::~Buffer() { ::operator delete(data_, std::align_val_t{kAlignment}); }

}  // namespace fastnn

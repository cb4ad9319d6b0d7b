#include "core/memory.h"

#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "core/error.h"

namespace fastnn {

namespace {
[[maybe_unused]] constexpr int64_t kLargePages = 4 << 20;  // bytes of a block that is worth them
}

Buffer::Buffer(int64_t bytes) : bytes_(bytes) {
  if (bytes < 0 || bytes > (int64_t{1} << 46)) throw_runtime("cannot allocate ", bytes, " bytes");
  if (bytes == 0) return;
  // calloc's large blocks come from the system as zeros, and are first touched by the thread that uses them.
  // The block's own address is kept before the aligned one.
  void* block = std::calloc(1, static_cast<size_t>(align_up(bytes) + 2 * kAlignment));
  if (block == nullptr) throw_runtime("out of memory: cannot allocate ", bytes, " bytes");
  const auto address = align_up(static_cast<int64_t>(reinterpret_cast<uintptr_t>(block)) + kAlignment);
  data_ = reinterpret_cast<std::byte*>(static_cast<uintptr_t>(address));
#if defined(__linux__)
  // Pages of 2 MiB, where there are such: the first touch of each page costs about a microsecond.
  if (bytes >= kLargePages) {
    const auto first = align_up(address, 4096);
    madvise(reinterpret_cast<void*>(first), static_cast<size_t>((address + bytes - first) / 4096 * 4096),
            MADV_HUGEPAGE);
  }
#endif
  std::memcpy(data_ - sizeof(block), &block, sizeof(block));
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  void* block;
  std::memcpy(&block, data_ - sizeof(block), sizeof(block));
  std::free(block);
}

}  // namespace fastnn

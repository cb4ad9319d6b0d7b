// What the native test programs share: counting failures, random bits, guard pages, ulps.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace checks {

inline int failures = 0;

#define CHECK(condition, ...)                                          \
  do {                                                                 \
    if (!(condition) && ++checks::failures <= 40) {                    \
      std::printf("FAIL %s:%d: %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                        \
      std::printf("\n");                                               \
    }                                                                  \
  } while (0)

// xorshift64*: quick, and the same on every machine.
struct Random {
  std::uint64_t state = 0x9E3779B97F4A7C15u;
  std::uint64_t bits() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Du;
  }
  // Uniform in [-1, 1).
  double uniform() { return static_cast<double>(static_cast<std::int64_t>(bits()) >> 11) * 0x1p-52; }
};

// `bytes` of memory (at most a page) that end where an unmapped page begins; any access beyond faults.
class GuardPage {
 public:
  GuardPage() {
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    base_ = static_cast<char*>(mmap(nullptr, 3 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + page_, page_, PROT_READ | PROT_WRITE) != 0) std::abort();
  }
  ~GuardPage() { munmap(base_, 3 * page_); }
  GuardPage(const GuardPage&) = delete;
  GuardPage& operator=(const GuardPage&) = delete;
  template <class T>
  T* ending(std::size_t count) {
    return reinterpret_cast<T*>(base_ + 2 * page_) - count;
  }
  template <class T>
  T* beginning() {
    return reinterpret_cast<T*>(base_ + page_);
  }

 private:
  char* base_;
  std::size_t page_;
};

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

// Bit equality, but any NaN equals any NaN.
template <class T>
bool same(T a, T b) {
  return same_bits(a, b) || (std::isnan(a) && std::isnan(b));
}

}  // namespace checks

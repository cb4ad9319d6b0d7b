// Threads. The only OpenMP pragmas of the library are in parallel.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "core/export.h"

namespace fastnn {

/// Threads that a run may use: set_num_threads, else FASTNN_NUM_THREADS, else OMP_NUM_THREADS, else the cores
/// that this process may run on; at most max_threads(). In a process forked after threads were used it is 1.
/// Throws Error(value) if FASTNN_NUM_THREADS is no such number.
FASTNN_API int num_threads();
FASTNN_API void set_num_threads(int count);  ///< 1 <= count <= 4096; throws Error(value) otherwise
FASTNN_API int available_cores();            ///< that this process may run on
FASTNN_API int max_threads();  ///< four a core: more would only wait for each other; results are the same

/// Spin-then-sleep barrier for a fixed number of threads.
class FASTNN_API Barrier {
 public:
  explicit Barrier(int members) : members_(members) {}
  /// Waits until every member has come.
  void wait();

 private:
  const int members_;
  alignas(64) std::atomic<int> waiting_{0};
  alignas(64) std::atomic<uint32_t> round_{0};
};

/// What the threads of one parallel region share.
struct Team {
  explicit Team(int threads) : size(threads), barrier(threads) {}
  const int size;
  Barrier barrier;
};

/// Runs body(team, thread) on up to `threads` threads at once and returns when all have ended. An exception
/// that leaves the body is rethrown here (of several, the one of the lowest thread); a body that uses the
/// barrier must not leave its team waiting.
FASTNN_API void parallel(int threads, const std::function<void(Team&, int)>& body);

}  // namespace fastnn

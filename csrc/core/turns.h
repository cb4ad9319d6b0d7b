// One thread at a time.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "core/error.h"

namespace fastnn {

/// Threads wait for each other here; one that would wait for itself (a callback that starts what runs
/// already) gets an error.
class Turns {
 public:
  void take() {
    if (holder_.load(std::memory_order_relaxed) == std::this_thread::get_id())
      throw_runtime("a run was started by a callback of the same run; start it when that has ended");
    mutex_.lock();
    holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  void give() {
    holder_.store({}, std::memory_order_relaxed);
    mutex_.unlock();
  }

 private:
  std::mutex mutex_;
  std::atomic<std::thread::id> holder_{};
};

/// A turn for as long as this lives.
class Turn {
 public:
  explicit Turn(Turns& turns) : turns_(turns) { turns_.take(); }
  ~Turn() { turns_.give(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Turns& turns_;
};

}  // namespace fastnn

// Memory of runs: what lies in it means nothing after a run, so that plans that do not run at the same time
// take turns in it.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/memory.h"

namespace fastnn {

/// Memory of one run: a block that its threads share, and one for each thread.
class FASTNN_API Arena {
 public:
  /// Makes room, where there is too little. What lay there before is lost then.
  void reserve(int64_t shared, int threads, int64_t of_thread);
  std::byte* shared() const { return shared_.data(); }
  std::byte* of_thread(int thread) const { return threads_[static_cast<size_t>(thread)].data(); }
  int64_t bytes() const;
  /// Writes over everything; tests find out so whether a run reads what another one left.
  void fill(int value);

 private:
  Buffer shared_;
  std::vector<Buffer> threads_;
};

/// Arenas that are leased to runs. There are as many as there were runs at the same time: one, as a rule, as
/// large as the largest run needs.
class FASTNN_API ArenaPool {
 public:
  ArenaPool();
  /// The smallest idle arena of so many bytes, else the largest one, which will grow.
  std::unique_ptr<Arena> lease(int64_t bytes);
  void give_back(std::unique_ptr<Arena> arena);
  int64_t bytes() const;  ///< of the idle ones
  int64_t count() const;  ///< idle ones
  void fill(int value);   ///< the idle ones
  void clear();           ///< frees the idle ones

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Arena>> idle_;
};

/// An arena for as long as this lives; it goes back to the pool if it is not larger than `kept_bytes`.
class FASTNN_API ArenaLease {
 public:
  ArenaLease(ArenaPool& pool, int64_t shared, int threads, int64_t of_thread, int64_t kept_bytes = INT64_MAX);
  ~ArenaLease();
  ArenaLease(const ArenaLease&) = delete;
  ArenaLease& operator=(const ArenaLease&) = delete;
  Arena& operator*() const { return *arena_; }

 private:
  ArenaPool& pool_;
  int64_t kept_bytes_;
  std::unique_ptr<Arena> arena_;
};

}  // namespace fastnn

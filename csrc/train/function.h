// A graph with the tensors to fetch from it: prediction, evaluation, tests. Safe to run from many threads at
// once.
#pragma once

#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "graph/executor.h"

namespace fastnn {

class FASTNN_API Function {
 public:
  /// kept_bytes: the largest workspace, and the largest arena, that is kept from run to run.
  /// arenas: memory that its runs have with those of others; null: the function has arenas of its own.
  Function(std::shared_ptr<const Graph> graph, std::vector<TensorId> fetch, Layout layout = Layout::automatic,
           int64_t kept_bytes = std::numeric_limits<int64_t>::max(),
           std::shared_ptr<ArenaPool> arenas = nullptr);

  const Graph& graph() const { return *graph_; }
  const std::vector<TensorId>& fetch() const { return fetch_; }

  /// Runs over `samples` rows, `batch_size` at a time (0: all at once). A plan is made for each batch size
  /// that comes along, so callers do well to use few; it may be larger than `samples`.
  ///
  /// outputs: one address for each fetched tensor. Batched ones get a row a sample. Unbatched ones get the
  /// last batch's value. threads: 0 for as many as the work is worth. Unbatched inputs are read where they
  /// are: they must lie there as the graph has them.
  void run(const std::vector<BatchSource>& sources, int64_t samples, int64_t batch_size,
           const std::vector<std::byte*>& outputs, uint64_t seed, uint64_t step, int threads = 0);

  /// Plan for batches of up to `capacity` samples; made at first use, the last few are kept.
  std::shared_ptr<const Plan> plan(int64_t capacity);

 private:
  struct Cached {
    int64_t capacity;
    std::shared_ptr<const Plan> plan;
    bool tiles_alone = false;  // of the plan
    std::shared_ptr<WorkspacePool> pool;
  };
  Cached cached(int64_t capacity);

  std::shared_ptr<const Graph> graph_;
  std::vector<TensorId> fetch_;
  Layout layout_;
  int64_t kept_bytes_;
  std::shared_ptr<ArenaPool> arenas_;
  std::mutex mutex_;
  std::list<Cached> plans_;  // most recently used first
};

}  // namespace fastnn

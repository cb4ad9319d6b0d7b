// What a kernel sees, and the table through which a backend offers its kernels. Plain data only: this header
// is the border between libfastnn (baseline code) and the kernel libraries (one for each instruction set).
//
// Layout. A batched tensor is stored as [ceil(n / lanes)][elements of one sample, C order][lanes]. lanes == 1
// is the ordinary row layout; lanes == the vector width is the batch-lane layout, each SIMD lane another
// sample. Lanes past the last sample repeat that sample (so they are finite where it is); ops that reduce
// over samples must leave them out. Gradients are zero there because `sample_mean_grad` and its kin start
// them so; gradient kernels therefore need no masks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/types.h"
#include "core/update.h"

namespace fastnn {

/// First data error that kernels of a run met. Read at the barrier, before anything is updated.
struct Status {
  enum Code : uint32_t {
    ok = 0,
    id_out_of_range = 1,
    non_finite = 2,
    target_out_of_range = 3,
    batch_size = 4
  };
  static constexpr uint32_t kInputNode = 0xFFFFFFFFu;  ///< `node` of a non-finite input; `limit` is its index
  std::atomic<uint32_t> code{0};
  uint32_t node = 0;
  int64_t sample = 0;  ///< index within the batch
  double value = 0;
  int64_t limit = 0;  ///< number of classes for id_out_of_range; largest target for target_out_of_range;
                      ///< samples expected for batch_size

  void report(Code what, uint32_t at_node, int64_t at_sample, double got, int64_t bound) {
    uint32_t expected = ok;
    if (code.compare_exchange_strong(expected, 0x80000000u)) {
      node = at_node;
      sample = at_sample;
      value = got;
      limit = bound;
      code.store(what, std::memory_order_release);
    }
  }
};

/// One operand. `dims` leaves out the batch dimension; `size` is the product of dims.
struct View {
  void* data = nullptr;
  const int64_t* dims = nullptr;
  int32_t rank = 0;
  DType dtype = DType::f32;
  bool batched = false;
  int32_t lanes = 1;
  int64_t size = 1;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

/// Arguments of one kernel call.
struct KernelCall {
  const View* in = nullptr;
  const View* out = nullptr;  ///< for partial kernels: the shard's accumulators, to be added to
  int32_t in_count = 0;
  int32_t out_count = 0;
  const void* config = nullptr;  ///< what the op's `configure` returned
  std::byte* scratch = nullptr;  ///< 64-byte aligned, as many bytes as the kernel's `scratch` asked for
  int64_t first = 0;             ///< tile: index in the batch of its first sample (a multiple of lanes)
  int64_t count = 0;             ///< tile: samples in it; whole: samples in the batch
  int64_t batch = 0;             ///< samples in the batch
  int64_t capacity = 0;          ///< samples that the plan is made for: what `units` was asked with
  int64_t unit_begin = 0;        ///< whole: units of work to do, [unit_begin, unit_end)
  int64_t unit_end = 0;
  uint64_t seed = 0;  ///< random key of this run
  uint64_t step = 0;  ///< training step, for random numbers
  uint32_t node = 0;  ///< node's number in its graph, for random numbers and for `status`
  Status* status = nullptr;

  /// Groups of `lanes` samples in the tile.
  int64_t groups(int lanes) const { return (count + lanes - 1) / lanes; }
  template <class Config>
  const Config& configuration() const {
    return *static_cast<const Config*>(config);
  }
};

/// What `scratch`, `units` and pack functions may depend on: never the number of threads.
struct KernelQuery {
  const View* in = nullptr;  ///< data pointers are null
  const View* out = nullptr;
  int32_t in_count = 0;
  int32_t out_count = 0;
  const void* config = nullptr;
  int64_t samples = 0;  ///< tile kernels: samples of a full tile; whole kernels: the plan's batch capacity
  int32_t lanes = 1;
};

/// A rectangle of an output's elements: `rows` runs of `columns`, `row_length` apart, from element `first`
/// on.
struct OutputPart {
  int64_t first = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_length = 0;
};

using KernelFn = void (*)(const KernelCall&);
using SizeFn = int64_t (*)(const KernelQuery&);
using PartFn = OutputPart (*)(const KernelQuery&, int64_t unit);

/// One op's kernels for one floating-point type. A null pointer means "not offered".
///
/// rows, lanes  take one tile; in the layout of that name. For ops that reduce over samples they add the
/// tile's
///              share to the accumulators in `out` (see Kernel::lane_accumulators).
/// whole        runs after a barrier over all samples (or over unbatched operands alone), split in units of
///              work; a unit's result must not depend on how the units are shared out. Per-sample ops offer
///              it for unbatched operands; with `Kernel::team`, for batches, too.
struct KernelSet {
  KernelFn rows = nullptr;
  KernelFn lanes = nullptr;
  KernelFn whole = nullptr;
};

/// An op's entry in a kernel table.
struct Kernel {
  KernelSet f32;
  KernelSet f64;
  SizeFn scratch = nullptr;        ///< bytes of scratch of a tile kernel
  SizeFn whole_scratch = nullptr;  ///< bytes of scratch of a whole kernel, for each thread
  SizeFn units = nullptr;          ///< units of work of a whole kernel; null: one
  /// What a unit makes of the only output, where nobody else adds to it: it may be used up at once. Null:
  /// unknown.
  PartFn unit_part = nullptr;
  /// Per-sample ops: the whole kernel serves batches, too, with all threads at one op (rows layout). The
  /// planner takes it where the unbatched operands are too large to be read anew for every tile.
  bool team = false;
  uint32_t rows_inputs = 0;   ///< bit i: the lanes kernel wants input i in rows
  uint32_t rows_outputs = 0;  ///< bit i: the lanes kernel writes output i in rows
  uint32_t whole_rows_inputs =
      0;  ///< bit i: the whole kernel wants input i in rows (other inputs: any layout)
  bool lane_accumulators =
      false;                ///< partial lanes kernel: accumulators are [elements][lanes], summed by combine
  int32_t pack_input = -1;  ///< rows kernel: this unbatched input is replaced by its packed form
  SizeFn pack_elements = nullptr;  ///< elements of the packed form
  KernelFn pack_f32 = nullptr;     ///< whole-style kernel that packs: in[0] -> out[0], units from pack_units
  KernelFn pack_f64 = nullptr;
  SizeFn pack_units = nullptr;
  int32_t least_tile = 0;  ///< rows kernel: samples that a tile should hold even beyond the cache, if it can
  SizeFn winograd = nullptr;  ///< tile kernels: whether Winograd's form serves, which profiles tell

  const KernelSet& set(DType type) const { return type == DType::f64 ? f64 : f32; }
};

struct KernelTableEntry {
  const char* op;
  const Kernel* kernel;
};

struct AugmentConfig;

/// Where a batch's rows lie and how one tile of them is written into the plan's layout.
struct GatherCall {
  const std::byte* source = nullptr;  ///< first row
  int64_t row_stride = 0;             ///< bytes from row to row
  const int64_t* rows = nullptr;  ///< row numbers of this tile's samples; null: first_row, first_row + 1, ...
  int64_t first_row = 0;
  int64_t count = 0;  ///< samples
  int64_t size = 0;   ///< elements a sample
  DType source_type = DType::f32;
  DType type = DType::f32;  ///< what the plan wants
  int32_t lanes = 1;
  void* out = nullptr;                     ///< lanes past `count` in the last group repeat the last sample
  const AugmentConfig* augment = nullptr;  ///< random changes to make (see core/augment.h), or null
  int64_t row_base = 0;                    ///< added to row numbers where random numbers are keyed by them
  uint64_t seed = 0;
  uint64_t epoch = 0;
  std::byte* scratch =
      nullptr;  ///< KernelTable::augment_scratch bytes, 64-byte aligned; unused without augment
};

/// Sums the shards' accumulators of one output, elements [begin, end), in shard order; lanes are summed
/// pairwise.
struct CombineCall {
  const std::byte* accumulators = nullptr;  ///< first shard's, of this output: [elements][lanes]
  int64_t shard_stride = 0;                 ///< bytes
  int64_t shards = 0;
  int64_t begin = 0;
  int64_t end = 0;
  int32_t lanes = 1;
  DType dtype = DType::f32;
  void* out = nullptr;
};

/// All that a kernel library exports.
struct KernelTable {
  const char* isa;
  int32_t lanes_f32;
  int32_t lanes_f64;
  const KernelTableEntry* entries;
  int32_t entry_count;
  void (*gather)(const GatherCall&);
  int64_t (*augment_scratch)(const AugmentConfig&);  ///< bytes of scratch that gather needs to augment
  void (*combine)(const CombineCall&);
  double (*run_multiply_adds)(
      int64_t rounds);  ///< float32 multiply-adds for measuring the peak; operations done
  void (*update_f32)(const UpdateCall&);
  void (*update_f64)(const UpdateCall&);

  int32_t lanes(DType type) const { return type == DType::f64 ? lanes_f64 : lanes_f32; }
};

}  // namespace fastnn

#include "graph/chain.h"

#include <algorithm>
#include <cstring>

#include "core/memory.h"
#include "ops/broadcast.h"
#include "ops/where.h"

namespace fastnn {

namespace {

// Where a block lies.
struct Block {
  int64_t first;    // position
  int64_t count;    // positions
  int64_t row;      // positions in a row, 0: none
  bool within_row;  // the block is a part of one row
};

// Stride of an operand along the rows of a block, and within a row.
void strides(Repeat repeat, const Block& block, int64_t* outer, int64_t* inner) {
  *outer = repeat == Repeat::none ? block.row : repeat == Repeat::outer ? 1 : 0;
  *inner = repeat == Repeat::none || repeat == Repeat::inner ? 1 : 0;
}

// First element of an operand within a block, in units of the operand's elements.
int64_t begin_of(Repeat repeat, const Block& block) {
  switch (repeat) {
    case Repeat::none:
      return block.first;
    case Repeat::inner:
      return block.first % block.row;
    case Repeat::outer:
      return block.first / block.row;
    default:
      return 0;
  }
}

ops::BroadcastConfig broadcast_config(const ChainInstruction& op, const Block& block) {
  ops::BroadcastConfig c;
  const Repeat a = op.operands[0].repeat, b = op.operands[1].repeat;
  c.flat = a == Repeat::none && b == Repeat::none;
  const bool rows = block.row > 0 && !block.within_row;
  c.rank = rows ? 2 : 1;
  if (rows) {
    c.dims[0] = block.count / block.row;
    c.dims[1] = block.row;
    strides(a, block, &c.a[0], &c.a[1]);
    strides(b, block, &c.b[0], &c.b[1]);
  } else {
    int64_t unused;
    c.dims[0] = block.count;
    strides(a, block, &unused, &c.a[0]);
    strides(b, block, &unused, &c.b[0]);
  }
  return c;
}

void fill_choice(const ChainInstruction& op, const Block& block, ops::ChoiceConfig& c) {
  c.flat = true;
  const bool rows = block.row > 0 && !block.within_row;
  c.rank = rows ? 2 : 1;
  c.dims[0] = rows ? block.count / block.row : block.count;
  if (rows) c.dims[1] = block.row;
  for (size_t i = 0; i < 3; ++i) {
    const Repeat repeat = i + 1 < op.operands.size() ? op.operands[i].repeat : Repeat::all;
    if (i + 1 < op.operands.size()) c.flat &= repeat == Repeat::none;
    int64_t outer, inner;
    strides(repeat, block, &outer, &inner);
    c.strides[i][0] = rows ? outer : inner;
    if (rows) c.strides[i][1] = inner;
  }
}

template <class Watch>
void run_blocks(const KernelCall& call, int64_t begin, int64_t end, Watch watch) {
  const Chain& chain = call.configuration<Chain>();
  const int64_t lanes = chain.lanes;
  View* views = reinterpret_cast<View*>(call.scratch);
  std::memcpy(static_cast<void*>(views), chain.views.data(), chain.views.size() * sizeof(View));
  KernelCall one = call;
  one.first = 0;
  one.count = lanes;  // one group, as many elements as the block has positions
  one.out_count = 1;
  one.unit_begin = 0;
  one.unit_end = 1;
  one.scratch = nullptr;
  Block block{begin, 0, chain.row, chain.row > chain.block};
  for (; block.first < end; block.first += block.count) {
    block.count = std::min(chain.block, end - block.first);
    if (block.within_row) block.count = std::min(block.count, block.row - block.first % block.row);
    View* view = views;
    for (const ChainInstruction& op : chain.program) {
      one.in = view;
      for (const ChainOperand& operand : op.operands) {
        View& v = *view++;
        v.size = block.count;
        if (operand.repeat == Repeat::absent) continue;
        if (operand.place < 0) {
          v.data = call.scratch + operand.offset;
          continue;
        }
        const View& whole =
            operand.place < call.in_count ? call.in[operand.place] : call.out[operand.place - call.in_count];
        const int64_t bytes = dtype_size(v.dtype) * (v.batched ? lanes : 1);
        v.data = whole.as<std::byte>() + begin_of(operand.repeat, block) * bytes;
      }
      one.out = view - 1;
      one.in_count = static_cast<int32_t>(op.operands.size()) - 1;
      one.node = static_cast<uint32_t>(op.node);
      if (op.kind == ops::Elementwise::broadcast) {
        const ops::BroadcastConfig config = broadcast_config(op, block);
        one.config = &config;
        op.kernel(one);
      } else if (op.kind == ops::Elementwise::choice) {
        ops::ChoiceConfig config;
        config.kind = static_cast<const ops::ChoiceConfig*>(op.configuration.get())->kind;
        fill_choice(op, block, config);
        one.config = &config;
        op.kernel(one);
      } else {
        one.config = op.configuration.get();
        op.kernel(one);
      }
      watch(op, *one.out, block.first);
    }
  }
}

template <class Watch>
void run_share(const KernelCall& call, bool whole, Watch watch) {
  const Chain& chain = call.configuration<Chain>();
  if (whole) {
    const int64_t end = std::min(call.unit_end * chain.unit, chain.size);
    run_blocks(call, call.unit_begin * chain.unit, end, watch);
  } else {
    run_blocks(call, 0, call.groups(chain.lanes) * chain.size, watch);
  }
}

}  // namespace

void run_chain_tile(const KernelCall& call) {
  run_share(call, false, [](const ChainInstruction&, const View&, int64_t) {});
}

void run_chain_whole(const KernelCall& call) {
  run_share(call, true, [](const ChainInstruction&, const View&, int64_t) {});
}

void watch_chain(const KernelCall& call, bool whole, const ChainWatch& watch) {
  run_share(call, whole, [&](const ChainInstruction& op, const View& block, int64_t position) {
    watch(op.node, block, position);
  });
}

}  // namespace fastnn

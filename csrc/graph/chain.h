// A chain: elementwise steps of one extent that run as a single step. Its kernel takes a block of elements
// through all of them before it goes on to the next, so that what one leaves for another stays in the
// first-level cache. It is a small program, each instruction of which is a kernel that the op has anyhow, on
// the block's part of its operands: the bits are those of the separate steps.
//
// Elements are counted in positions: a position is `lanes` elements, one for each sample of a group.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "ops/elementwise.h"

namespace fastnn {

/// How an operand follows the positions of the chain.
enum class Repeat : uint8_t {
  none,    ///< an element for each position
  all,     ///< a single element
  inner,   ///< an element for each place in a row: a bias
  outer,   ///< an element for each row
  absent,  ///< an optional operand that is not there
};

struct ChainOperand {
  int32_t place = -1;  ///< of the step's operands, inputs before outputs; -1: a register
  int64_t offset = 0;  ///< register: bytes from the scratch's start
  Repeat repeat = Repeat::none;
};

struct ChainInstruction {
  KernelFn kernel = nullptr;
  Configuration configuration;
  ops::Elementwise kind = ops::Elementwise::same;
  int32_t node = -1;
  DType dtype = DType::f32;            ///< of its result
  std::vector<ChainOperand> operands;  ///< its inputs, then its output
};

/// Configuration of a chain's step.
struct Chain {
  std::vector<ChainInstruction> program;
  std::string name;         ///< the ops, in order, for profiles
  int32_t lanes = 1;        ///< of the step
  int64_t size = 0;         ///< positions of a group of samples, or of the whole
  int64_t row = 0;          ///< positions in a row; 0: no operand repeats by rows
  int64_t block = 0;        ///< most positions in a block: whole rows, unless a row is longer
  int64_t unit = 0;         ///< positions in a unit of work of a whole step: whole blocks
  std::vector<View> views;  ///< of all operands, in order, without data
};

/// Elements in a block of a chain: four such arrays of float32 fill a first-level cache of 32 KiB.
constexpr int64_t kChainBlock = 2048;

/// Kernels of chains: of a tile, and of unbatched operands.
void run_chain_tile(const KernelCall& call);
void run_chain_whole(const KernelCall& call);

/// Runs a chain and shows each result: the instruction's node, the block's part of it (as many positions as
/// its size), and the first of them.
using ChainWatch = std::function<void(int32_t node, const View& block, int64_t position)>;
void watch_chain(const KernelCall& call, bool whole, const ChainWatch& watch);

}  // namespace fastnn

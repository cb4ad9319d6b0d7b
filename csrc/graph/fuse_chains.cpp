// Elementwise steps of one extent become chains (graph/chain.h). The pass works on finished steps: layouts,
// tiles and the order of sums are what they were without it, and so are all bits.
#include <algorithm>
#include <atomic>
#include <memory>

#include "core/memory.h"
#include "graph/chain.h"
#include "graph/planner.h"
#include "ops/where.h"

namespace fastnn {

namespace {

std::atomic<bool> g_chains{true};
std::atomic<int64_t> g_least{kLeastChain};

constexpr size_t kMostInstructions = 64;
constexpr int64_t kUnit = 32768;  // positions of a unbatched chain that are worth a thread's while
constexpr size_t kPatience = 8;   // steps for which a chain waits: its operands stay alive as long

// What steps of one chain have in common.
struct Extent {
  bool whole;
  int32_t slot;  // of tile steps
  int32_t lanes;
  int64_t size;  // positions of a group of samples, or of all
  bool operator==(const Extent&) const = default;
};

struct Forms {
  std::vector<Repeat> operands;
  int64_t row = 0;
};

// How an operand is repeated, by its strides in a nest over one sample's elements (or over all, if nothing is
// batched). False: in a way that chains do not know.
bool repeat_of(int32_t rank, const int64_t* dims, const int64_t* strides, const PlanTensor& operand,
               const PlanTensor& out, Forms& forms) {
  const int64_t size = operand.type.size(), of_out = out.type.size();
  const bool shared = out.type.batched && !operand.type.batched;
  if (!shared && size == of_out) {
    forms.operands.push_back(Repeat::none);
    return true;
  }
  if (size == 1 && !operand.type.batched) {
    forms.operands.push_back(Repeat::all);
    return true;
  }
  Repeat repeat;
  int64_t row;
  if (rank == 1 && shared && size == of_out) {
    repeat = Repeat::inner;
    row = of_out;
  } else if (rank == 1 && operand.type.batched && size == 1) {
    repeat = Repeat::outer;
    row = of_out;
  } else if (rank == 2 && strides[0] == 0 && strides[1] == 1 && !operand.type.batched) {
    repeat = Repeat::inner;
    row = dims[1];
  } else if (rank == 2 && strides[0] == 1 && strides[1] == 0 && !shared) {
    repeat = Repeat::outer;
    row = dims[1];
  } else {
    return false;
  }
  if (forms.row != 0 && forms.row != row) return false;
  forms.operands.push_back(repeat);
  forms.row = row;
  return true;
}

}  // namespace

void set_chains(bool on, int64_t least) {
  g_chains = on;
  g_least = least;
}

// Gathers steps into chains that have not been closed yet. Open chains do not depend on one another, and what
// depends on one closes it: so chains can be put where they are closed.
class ChainFuser {
 public:
  explicit ChainFuser(Plan& plan, std::vector<PlanTensor>& tensors, std::vector<Step>& steps,
                      const std::vector<int32_t>& fetched)
      : plan_(plan), tensors_(tensors), steps_(steps) {
    readers_.resize(tensors_.size());
    kept_.assign(tensors_.size(), 0);
    for (size_t s = 0; s < steps_.size(); ++s) {
      for (int32_t id : steps_[s].in) {
        if (id >= 0) readers_[root(id)].push_back(s);
      }
    }
    for (int32_t id : fetched) kept_[root(id)] = 1;
    for (size_t t = 0; t < tensors_.size(); ++t) {
      if (tensors_[t].space == Space::external) kept_[root(static_cast<int32_t>(t))] = 1;
    }
    holder_.assign(tensors_.size(), nullptr);
  }

  /// True if there are chains; `steps` is the new order then.
  bool run(std::vector<Step>& made) {
    for (size_t s = 0; s < steps_.size(); ++s) {
      Extent extent;
      Forms forms;
      if (is_elementwise(steps_[s], extent, forms)) {
        take(s, extent, std::move(forms));
      } else {
        close_what(steps_[s]);
        made_.push_back(steps_[s]);
      }
      close_stale(s);
    }
    while (!open_.empty()) close(open_.front().get());
    made = std::move(made_);
    return fused_;
  }

 private:
  struct Open {
    Extent extent;
    int64_t row = 0;
    size_t last = 0;
    std::vector<size_t> members;
    std::vector<Forms> forms;
  };

  size_t root(int32_t id) const {
    const int32_t alias = tensors_[static_cast<size_t>(id)].alias_of;
    return static_cast<size_t>(alias >= 0 ? alias : id);
  }

  bool is_elementwise(const Step& step, Extent& extent, Forms& forms) const;
  void take(size_t s, const Extent& extent, Forms forms);
  void close(Open* chain);
  void close_what(const Step& step);
  void close_stale(size_t now);
  Step step_of(const Open& chain);
  std::vector<Open*> read_by(const Step& step) const;
  Open* neighbour(const Step& step, const Extent& extent, int64_t row) const;

  Plan& plan_;
  std::vector<PlanTensor>& tensors_;
  std::vector<Step>& steps_;
  std::vector<std::vector<size_t>> readers_;  // steps that read a root tensor
  std::vector<char> kept_;                    // root tensors that the caller gets
  std::vector<Open*> holder_;                 // open chain that makes a root tensor
  std::vector<std::unique_ptr<Open>> open_;
  std::vector<Step> made_;
  bool fused_ = false;
};

bool ChainFuser::is_elementwise(const Step& step, Extent& extent, Forms& forms) const {
  if ((step.kind != StepKind::tile && step.kind != StepKind::whole) || step.node < 0) return false;
  const Node& node = plan_.graph().nodes()[static_cast<size_t>(step.node)];
  const ops::Elementwise kind = ops::elementwise(*node.op);
  // A step of another op (relayout) may bear the node's number.
  if (kind == ops::Elementwise::no || step.op != node.op->name || step.out.size() != 1) return false;
  const PlanTensor& out = tensors_[static_cast<size_t>(step.out[0])];
  const bool whole = step.kind == StepKind::whole;
  if (out.type.batched == whole || out.alias_of >= 0) return false;
  extent = {whole, whole ? 0 : step.slot, whole ? 1 : step.lanes, out.type.size()};
  if (!whole && (out.lanes != step.lanes || plan_.tile() * out.bytes_per_sample() < g_least)) return false;
  for (size_t i = 0; i < step.in.size(); ++i) {
    if (step.in[i] < 0) {
      if (kind != ops::Elementwise::same) return false;
      forms.operands.push_back(Repeat::absent);
      continue;
    }
    const PlanTensor& in = tensors_[static_cast<size_t>(step.in[i])];
    if (in.type.batched && in.lanes != out.lanes) return false;
    if (kind == ops::Elementwise::same) {
      if (in.type.batched != out.type.batched || in.type.size() != out.type.size()) return false;
      forms.operands.push_back(Repeat::none);
    } else if (kind == ops::Elementwise::broadcast) {
      const auto& c = *static_cast<const ops::BroadcastConfig*>(step.configuration.get());
      if (!repeat_of(c.rank, c.dims, i == 0 ? c.a : c.b, in, out, forms)) return false;
    } else {
      const auto& c = *static_cast<const ops::ChoiceConfig*>(step.configuration.get());
      if (!repeat_of(c.rank, c.dims, c.strides[i], in, out, forms)) return false;
    }
  }
  return true;
}

std::vector<ChainFuser::Open*> ChainFuser::read_by(const Step& step) const {
  std::vector<Open*> found;
  for (int32_t id : step.in) {
    Open* holder = id >= 0 ? holder_[root(id)] : nullptr;
    if (holder != nullptr && std::find(found.begin(), found.end(), holder) == found.end())
      found.push_back(holder);
  }
  return found;
}

// An open chain that reads what the step reads.
ChainFuser::Open* ChainFuser::neighbour(const Step& step, const Extent& extent, int64_t row) const {
  for (const auto& chain : open_) {
    if (chain->extent != extent || (row != 0 && chain->row != 0 && row != chain->row)) continue;
    if (chain->members.size() == kMostInstructions) continue;
    for (size_t member : chain->members) {
      for (int32_t id : steps_[member].in) {
        for (int32_t own : step.in) {
          if (id >= 0 && own >= 0 && root(id) == root(own) && tensors_[root(id)].type.size() == extent.size) {
            return chain.get();
          }
        }
      }
    }
  }
  return nullptr;
}

void ChainFuser::take(size_t s, const Extent& extent, Forms forms) {
  const Step& step = steps_[s];
  Open* mine = nullptr;
  int64_t row = forms.row;
  for (Open* chain : read_by(step)) {
    const bool rows_fit = row == 0 || chain->row == 0 || row == chain->row;
    const size_t together = chain->members.size() + (mine != nullptr ? mine->members.size() : 0);
    if (chain->extent != extent || !rows_fit || together >= kMostInstructions) {
      close(chain);
      continue;
    }
    if (chain->row != 0) row = chain->row;
    if (mine == nullptr) {
      mine = chain;
      continue;
    }
    // Two chains meet.
    mine->members.insert(mine->members.end(), chain->members.begin(), chain->members.end());
    mine->forms.insert(mine->forms.end(), chain->forms.begin(), chain->forms.end());
    for (Open*& holder : holder_) {
      if (holder == chain) holder = mine;
    }
    std::erase_if(open_, [&](const auto& one) { return one.get() == chain; });
  }
  if (mine == nullptr) mine = neighbour(step, extent, row);
  if (mine == nullptr) {
    open_.push_back(std::make_unique<Open>());
    mine = open_.back().get();
    mine->extent = extent;
  }
  if (row != 0) mine->row = row;
  mine->last = s;
  mine->members.push_back(s);
  mine->forms.push_back(std::move(forms));
  holder_[root(step.out[0])] = mine;
}

void ChainFuser::close_what(const Step& step) {
  for (Open* chain : read_by(step)) close(chain);
}

void ChainFuser::close_stale(size_t now) {
  for (size_t i = 0; i < open_.size();) {
    if (now - open_[i]->last > kPatience) {
      close(open_[i].get());
    } else {
      ++i;
    }
  }
}

void ChainFuser::close(Open* chain) {
  for (size_t member : chain->members) holder_[root(steps_[member].out[0])] = nullptr;
  const bool shared_out = chain->extent.whole && chain->extent.size >= 2 * kUnit;
  if (chain->members.size() > 1 || shared_out) {
    made_.push_back(step_of(*chain));
    fused_ = true;
  } else {
    made_.push_back(steps_[chain->members[0]]);
  }
  std::erase_if(open_, [&](const auto& one) { return one.get() == chain; });
}

// What an instruction is called in profiles: exp rather than unary.
static std::string instruction_name(const Node& node) {
  return node.attributes.has("kind") ? node.attributes.str("kind", "") : std::string(node.op->name);
}

Step ChainFuser::step_of(const Open& open) {
  const auto is_member = [&](size_t s) {
    return std::find(open.members.begin(), open.members.end(), s) != open.members.end();
  };
  auto chain = std::make_shared<Chain>();
  Step step;
  step.kind = open.extent.whole ? StepKind::whole : StepKind::tile;
  step.kernel = open.extent.whole ? run_chain_whole : run_chain_tile;
  step.lanes = open.extent.lanes;
  step.node = steps_[open.members.back()].node;
  chain->lanes = open.extent.lanes;
  chain->size = open.extent.size;
  chain->row = open.row;
  chain->block = std::max<int64_t>(1, kChainBlock / chain->lanes);
  if (chain->row > 0 && chain->row <= chain->block) chain->block -= chain->block % chain->row;
  chain->unit = std::max<int64_t>(1, kUnit / chain->block) * chain->block;
  if (open.extent.whole) step.units = (chain->size + chain->unit - 1) / chain->unit;

  // Operands: inputs, then results that others read.
  std::vector<int64_t> last_read(tensors_.size(), -1);  // instruction that reads a register last
  std::vector<size_t> stored;
  for (size_t m = 0; m < open.members.size(); ++m) {
    const Step& member = steps_[open.members[m]];
    step.flops += member.flops;
    for (int32_t id : member.in) {
      if (id >= 0) last_read[root(id)] = static_cast<int64_t>(m);
    }
    const size_t out = root(member.out[0]);
    const auto& readers = readers_[out];
    if (kept_[out] != 0 || readers.empty() || !std::all_of(readers.begin(), readers.end(), is_member))
      stored.push_back(out);
  }
  std::vector<int32_t> place(tensors_.size(), -1);
  std::vector<char> made_here(tensors_.size(), 0);
  for (size_t s : open.members) made_here[root(steps_[s].out[0])] = 1;
  for (size_t s : open.members) {
    for (int32_t id : steps_[s].in) {
      if (id < 0 || made_here[root(id)] != 0 || place[root(id)] >= 0) continue;
      place[root(id)] = static_cast<int32_t>(step.in.size());
      step.in.push_back(static_cast<int32_t>(root(id)));
    }
  }
  for (size_t tensor : stored) {
    place[tensor] = static_cast<int32_t>(step.in.size() + step.out.size());
    step.out.push_back(static_cast<int32_t>(tensor));
  }

  // Registers: each result that is not stored has one until it is read for the last time. A result may take
  // that of an operand of its width at once.
  constexpr int64_t kRegister = kChainBlock * 8 + 3 * kAlignment;  // apart in the cache's sets
  std::vector<int64_t> offset(tensors_.size(), -1), free;
  std::vector<size_t> held;
  int64_t registers = 0;
  for (size_t m = 0; m < open.members.size(); ++m) {
    const Step& member = steps_[open.members[m]];
    const Node& node = plan_.graph().nodes()[static_cast<size_t>(member.node)];
    const size_t out = root(member.out[0]);
    const DType dtype = tensors_[out].type.dtype;
    ChainInstruction op;
    op.kernel = member.kernel;
    op.configuration = member.configuration;
    op.kind = ops::elementwise(*node.op);
    op.node = member.node;
    const auto release = [&](bool same_width) {
      std::erase_if(held, [&](size_t tensor) {
        if (last_read[tensor] > static_cast<int64_t>(m) ||
            (dtype_size(tensors_[tensor].type.dtype) == dtype_size(dtype)) != same_width) {
          return false;
        }
        free.push_back(offset[tensor]);
        return true;
      });
    };
    for (size_t i = 0; i < member.in.size(); ++i) {
      ChainOperand operand;
      operand.repeat = open.forms[m].operands[i];
      View view;
      if (member.in[i] >= 0) {
        operand.place = place[root(member.in[i])];
        operand.offset = offset[root(member.in[i])];
        view = view_of(tensors_[static_cast<size_t>(member.in[i])]);
      }
      chain->views.push_back(view);
      op.operands.push_back(operand);
    }
    release(true);
    ChainOperand result;
    result.place = place[out];
    if (result.place < 0) {
      if (free.empty()) free.push_back(kRegister * registers++);
      result.offset = offset[out] = free.back();
      free.pop_back();
      held.push_back(out);
    }
    release(false);
    chain->views.push_back(view_of(tensors_[out]));
    op.operands.push_back(result);
    chain->program.push_back(std::move(op));
    if (m > 0) chain->name += '+';
    chain->name += instruction_name(node);
  }
  for (View& view : chain->views) view.dims = nullptr;
  // Views come first in the scratch.
  const auto views = align_up(static_cast<int64_t>(chain->views.size() * sizeof(View)));
  for (ChainInstruction& op : chain->program) {
    for (ChainOperand& operand : op.operands) operand.offset += views;
  }
  step.scratch = views + registers * kRegister;
  step.op = chain->name.c_str();
  step.chain = true;
  step.configuration = std::move(chain);
  return step;
}

bool Planner::fuse_chains() {
  if (!g_chains) return false;
  std::vector<Step> made;
  ChainFuser fuser(plan_, plan_.tensors_, plan_.steps_, plan_.fetched_);
  if (!fuser.run(made)) return false;
  // Slots and places once more: there are fewer steps and tensors.
  plan_.slots_.clear();
  plan_.steps_.clear();
  for (PlanTensor& tensor : plan_.tensors_) {
    tensor.producer = tensor.slot = tensor.last_use = -1;
    tensor.by_tile = false;
    if (tensor.space == Space::tile || tensor.space == Space::batch || tensor.space == Space::value)
      tensor.space = Space::none;
  }
  for (Step& step : made) {
    step.slot = 0;
    if (step.kind == StepKind::combine) {
      for (const Step& partial : plan_.steps_) {
        if (partial.kind == StepKind::partial && partial.node == step.node) step.slot = partial.slot + 1;
      }
    }
    push_step(std::move(step));
  }
  return true;
}

}  // namespace fastnn

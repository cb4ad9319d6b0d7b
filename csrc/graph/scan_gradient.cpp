// The gradient of a scan is a scan the other way round, whose body is the forward body with its gradient.
#include <algorithm>
#include <map>

#include "core/error.h"
#include "graph/scan.h"

namespace fastnn {

namespace {

// How a sum over samples is taken over steps as well.
enum class Form {
  positions,  // at once: steps are leading positions of its operands
  elements,   // sample_sum: after its operand was summed over steps
  step        // a node for each step
};
constexpr int64_t kMostSums = 128;  // steps for which nodes of their own are made

Form form_of(const Op& op) {
  if (op.kind != OpKind::over_samples || op.sums_positions) return Form::positions;
  return std::string(op.name) == "sample_sum" ? Form::elements : Form::step;
}

// The parts of the new scan, and how its tensors are reached from the outer graph.
class ScanGradient {
 public:
  explicit ScanGradient(GradientContext& context)
      : g_(context), forward_(context.attributes), body_(std::make_shared<Graph>(*forward_.body)) {}

  std::vector<TensorId> run();

 private:
  struct Carry {
    TensorId input;   // of the new body
    TensorId output;  // kNoTensor: zeros
    TensorId begin;   // operand in the outer graph; kNoTensor: zeros
  };

  bool wanted(size_t operand) const { return g_.wanted[operand]; }
  size_t first_sequence() const { return forward_.carries.size(); }
  size_t first_constant() const { return first_sequence() + forward_.sequences.size(); }
  size_t first_parameter() const { return first_constant() + forward_.constants.size(); }

  void add_seeds();
  void add_gradient_nodes();
  void collect(TensorId tensor);
  void drop_idle_carries();
  void add_scan();
  bool is_sequence(TensorId tensor) const { return sequences_.count(tensor) != 0; }
  size_t output(TensorId tensor);
  TensorId sequence(TensorId tensor);
  TensorId outside(TensorId tensor);
  TensorId step_of(TensorId sequence, int64_t t) const;
  TensorId summed(TensorId made, TensorId operand) const;

  GradientContext& g_;
  const ScanAttributes forward_;
  const Subgraph body_;
  std::map<TensorId, TensorId> sequences_;  // input of the body -> sequence of the outer graph
  std::map<TensorId, TensorId> shared_;     // constant or parameter of the body -> tensor of the outer graph
  std::vector<TensorId> losses_, seeds_;
  std::vector<Carry> carries_;
  std::vector<TensorId> outputs_;            // of the new body, that become sequences
  std::vector<TensorId> operand_gradients_;  // in the body, of each operand of the forward scan
  std::vector<TensorId> made_;               // outputs of the new scan
  std::map<TensorId, TensorId> built_;       // unbatched tensor of the body -> the same, summed over steps
};

// Gradients with respect to what the forward scan gave become inputs of the new body.
void ScanGradient::add_seeds() {
  const size_t carries = forward_.carries.size();
  const auto seed = [&](TensorId loss, const std::string& name) {
    losses_.push_back(loss);
    seeds_.push_back(body_->input(name, TensorType(body_->type(loss))));
    return seeds_.back();
  };
  for (size_t i = 0; i < carries; ++i) {
    const Tensor carry = body_->at(forward_.carries[i]);
    if (!is_floating(carry.type.dtype)) continue;
    Carry made{kNoTensor, kNoTensor, g_.out_gradients[i]};
    if (forward_.carry_outputs[i] == kNoTensor) {
      made.input = body_->input("gradient of " + carry.name, carry.type);
    } else {
      made.input = seed(forward_.carry_outputs[i], "gradient of " + carry.name);
    }
    carries_.push_back(made);
  }
  for (size_t i = 0; i < forward_.outputs.size(); ++i) {
    const TensorId gradient = g_.out_gradients[carries + i];
    if (gradient != kNoTensor) sequences_[seed(forward_.outputs[i], "gradient of an output")] = gradient;
  }
  for (size_t i = 0; i < carries; ++i) {
    const TensorId gradient = g_.out_gradients[carries + forward_.outputs.size() + i];
    if (gradient != kNoTensor) sequences_[seed(forward_.carries[i], "gradient of a carry")] = gradient;
    sequences_[forward_.carries[i]] = g_.out[carries + forward_.outputs.size() + i];
  }
  const size_t first_residual = 2 * carries + forward_.outputs.size();
  for (size_t i = 0; i < forward_.residuals.size(); ++i) {
    const TensorId gradient = g_.out_gradients[first_residual + i];
    if (gradient != kNoTensor) sequences_[seed(forward_.residuals[i], "gradient of a residual")] = gradient;
    sequences_[forward_.residuals[i]] = g_.out[first_residual + i];
  }
  for (size_t i = 0; i < forward_.sequences.size(); ++i) {
    sequences_[forward_.sequences[i]] = g_.in[first_sequence() + i];
  }
  for (size_t i = 0; i < forward_.constants.size(); ++i) {
    shared_[forward_.constants[i]] = g_.in[first_constant() + i];
  }
  for (size_t i = 0; i < forward_.parameters.size(); ++i) {
    shared_[forward_.parameters[i]] = g_.in[first_parameter() + i];
  }
}

void ScanGradient::add_gradient_nodes() {
  std::vector<TensorId> targets;
  std::vector<size_t> operands;
  const std::vector<TensorId>* const lists[] = {&forward_.carries, &forward_.sequences, &forward_.constants,
                                                &forward_.parameters};
  size_t operand = 0;
  for (const auto* list : lists) {
    for (TensorId id : *list) {
      const bool carried = list == &forward_.carries && is_floating(body_->type(id).dtype);
      if (carried || wanted(operand)) {
        targets.push_back(id);
        operands.push_back(operand);
      }
      ++operand;
    }
  }
  operand_gradients_.assign(operand, kNoTensor);
  const std::vector<TensorId> gradients = add_gradients(*body_, losses_, seeds_, targets);
  for (size_t i = 0; i < operands.size(); ++i) operand_gradients_[operands[i]] = gradients[i];
  for (TensorId id : forward_.residuals) body_->detach(id);  // now they are read instead of computed

  size_t carry = 0;
  for (size_t i = 0; i < forward_.carries.size(); ++i) {
    if (is_floating(body_->type(forward_.carries[i]).dtype)) carries_[carry++].output = operand_gradients_[i];
  }
  for (size_t i = first_sequence(); i < first_constant(); ++i) {
    if (operand_gradients_[i] != kNoTensor) output(operand_gradients_[i]);
  }
  // Gradients of constants that samples have of their own are summed step by step; those of shared ones, and
  // of weights, at once after the loop.
  for (size_t i = first_constant(); i < operand_gradients_.size(); ++i) {
    const TensorId gradient = operand_gradients_[i];
    if (gradient == kNoTensor) continue;
    if (!body_->type(gradient).batched) {
      collect(gradient);
      continue;
    }
    const TensorId sum = body_->input("sum of a constant's gradients", TensorType(body_->type(gradient)));
    carries_.push_back({sum, body_->add("add", {sum, gradient}, {}, g_.node)[0], kNoTensor});
  }
}

size_t ScanGradient::output(TensorId tensor) {
  const auto found = std::find(outputs_.begin(), outputs_.end(), tensor);
  if (found != outputs_.end()) return static_cast<size_t>(found - outputs_.begin());
  outputs_.push_back(tensor);
  return outputs_.size() - 1;
}

// Notes what has to come out of the loop so that an unbatched tensor of the body can be made after it.
void ScanGradient::collect(TensorId tensor) {
  if (tensor == kNoTensor || body_->at(tensor).node < 0) return;
  const Node& node = body_->nodes()[static_cast<size_t>(body_->at(tensor).node)];
  if (form_of(*node.op) == Form::step && forward_.length > kMostSums) {
    throw_value(
        g_.node, ": '", node.name, "' in the body of a scan of ", forward_.length,
        " steps has weights whose gradient is made by op '", node.op->name,
        "', once a step, and that is done for at most ", kMostSums,
        " steps. Weights there may be used by dense products, as biases, in elementwise ops, embeddings "
        "and layer normalisation at any length; freeze the others, or put the layer outside");
  }
  for (TensorId id : node.in) {
    if (id == kNoTensor) continue;
    if (!body_->type(id).batched) {
      collect(id);
    } else if (!is_sequence(id) || !g_.graph.type(sequences_.at(id)).batched) {
      output(id);
    }
  }
}

// Carries that neither a result nor another carry needs are left out.
void ScanGradient::drop_idle_carries() {
  std::vector<char> kept(carries_.size(), 0);
  const size_t first_sum =
      static_cast<size_t>(std::count_if(forward_.carries.begin(), forward_.carries.end(),
                                        [&](TensorId id) { return is_floating(body_->type(id).dtype); }));
  size_t carry = 0;
  for (size_t i = 0; i < forward_.carries.size(); ++i) {
    if (is_floating(body_->type(forward_.carries[i]).dtype)) kept[carry++] = wanted(i);
  }
  std::fill(kept.begin() + static_cast<std::ptrdiff_t>(first_sum), kept.end(), 1);
  for (bool changed = true; changed;) {
    changed = false;
    std::vector<TensorId> needed = outputs_;
    for (size_t i = 0; i < carries_.size(); ++i) {
      if (kept[i]) needed.push_back(carries_[i].output);
    }
    const std::vector<char> live = live_nodes(*body_, needed);
    for (size_t i = 0; i < carries_.size(); ++i) {
      if (kept[i]) continue;
      const TensorId input = carries_[i].input;
      bool read = std::find(needed.begin(), needed.end(), input) != needed.end();
      for (size_t n = 0; n < live.size() && !read; ++n) {
        const std::vector<TensorId>& in = body_->nodes()[n].in;
        read = live[n] && std::find(in.begin(), in.end(), input) != in.end();
      }
      if (read) kept[i] = changed = true;
    }
  }
  std::vector<Carry> left;
  for (size_t i = 0; i < carries_.size(); ++i) {
    if (kept[i]) left.push_back(carries_[i]);
  }
  carries_ = left;
}

void ScanGradient::add_scan() {
  std::vector<TensorId> wanted = outputs_;
  for (const Carry& carry : carries_) wanted.push_back(carry.output);
  const std::vector<char> live = live_nodes(*body_, wanted);
  std::vector<char> read(body_->tensors().size(), 0);
  for (TensorId id : wanted) {
    if (id != kNoTensor) read[static_cast<size_t>(id)] = 1;
  }
  for (size_t n = 0; n < live.size(); ++n) {
    if (!live[n]) continue;
    for (TensorId id : body_->nodes()[n].in) {
      if (id != kNoTensor) read[static_cast<size_t>(id)] = 1;
    }
  }
  Attributes attributes{{"body", body_},
                        {"length", forward_.length},
                        {"reverse", !forward_.reverse},
                        {"residuals", std::vector<int64_t>()}};
  attributes.set("node", forward_.node >= 0 ? forward_.node : int64_t{g_.number});
  std::vector<TensorId> operands;
  std::vector<int64_t> carries, carry_outputs, sequences, constants;
  for (const Carry& carry : carries_) {
    carries.push_back(carry.input);
    carry_outputs.push_back(carry.output);
    operands.push_back(carry.begin);
  }
  for (const auto& [input, operand] : sequences_) {
    if (!read[static_cast<size_t>(input)]) continue;
    sequences.push_back(input);
    operands.push_back(operand);
  }
  for (TensorId id : forward_.constants) {
    if (!read[static_cast<size_t>(id)]) continue;
    constants.push_back(id);
    operands.push_back(shared_.at(id));
  }
  for (TensorId id : forward_.parameters) operands.push_back(shared_.at(id));
  attributes.set("carries", carries);
  attributes.set("carry_outputs", carry_outputs);
  attributes.set("sequences", sequences);
  attributes.set("constants", constants);
  attributes.set("outputs", std::vector<int64_t>(outputs_.begin(), outputs_.end()));
  if (!carries.empty() || !outputs_.empty()) made_ = g_.graph.add("scan", operands, attributes, g_.node);
}

// The outer graph's sequence of a batched tensor of the body.
TensorId ScanGradient::sequence(TensorId tensor) {
  const auto found = std::find(outputs_.begin(), outputs_.end(), tensor);
  if (found == outputs_.end()) return sequences_.at(tensor);
  return made_[carries_.size() + static_cast<size_t>(found - outputs_.begin())];
}

// An unbatched tensor of the body, made after the loop. Gradients are linear in the sums over samples that
// they begin with, so that summing over steps may come first.
TensorId ScanGradient::outside(TensorId tensor) {
  if (tensor == kNoTensor) return kNoTensor;
  if (const auto found = shared_.find(tensor); found != shared_.end()) return found->second;
  if (const auto found = built_.find(tensor); found != built_.end()) return found->second;
  const Node& node = body_->nodes()[static_cast<size_t>(body_->at(tensor).node)];
  const Form form = form_of(*node.op);
  const int64_t times = form == Form::step ? forward_.length : 1;
  for (int64_t t = 0; t < times; ++t) {
    std::vector<TensorId> operands;
    for (TensorId id : node.in) {
      if (id == kNoTensor || !body_->type(id).batched) {
        operands.push_back(outside(id));
      } else if (form == Form::positions) {
        operands.push_back(sequence(id));
      } else if (form == Form::step) {
        operands.push_back(step_of(sequence(id), t));
      } else {
        operands.push_back(g_.add("sum_to", {sequence(id)}, {{"shape", body_->type(id).dims}}));
      }
    }
    const std::vector<TensorId> made = g_.graph.add(node.op->name, operands, node.attributes, node.name);
    for (size_t i = 0; i < made.size(); ++i) {
      TensorId& total = built_[node.out[i]];
      total = t == 0 ? made[i] : g_.add("add", {total, made[i]});
    }
  }
  return built_.at(tensor);
}

TensorId ScanGradient::step_of(TensorId sequence, int64_t t) const {
  Shape size = g_.graph.type(sequence).dims;
  Shape begin(size.size(), 0);
  begin[0] = t;
  size[0] = 1;
  const TensorId slice = g_.add("slice", {sequence}, {{"begin", begin}, {"size", size}});
  size.erase(size.begin());
  return g_.add("reshape", {slice}, {{"shape", size}});
}

// An operand that all samples share gets the sum of their gradients.
TensorId ScanGradient::summed(TensorId made, TensorId operand) const {
  return g_.graph.type(operand).batched ? made : g_.add("sample_sum", {made});
}

std::vector<TensorId> ScanGradient::run() {
  add_seeds();
  add_gradient_nodes();
  std::vector<Carry> all = carries_;
  drop_idle_carries();
  add_scan();

  std::vector<TensorId> result(g_.in.size(), kNoTensor);
  const auto carried = [&](const Carry& carry) {
    for (size_t i = 0; i < carries_.size(); ++i) {
      if (carries_[i].input == carry.input) return made_[i];
    }
    return kNoTensor;
  };
  size_t next = 0;
  for (size_t i = 0; i < forward_.carries.size(); ++i) {
    if (!is_floating(body_->type(forward_.carries[i]).dtype)) continue;
    const TensorId made = carried(all[next++]);
    if (wanted(i) && made != kNoTensor) result[i] = summed(made, g_.in[i]);
  }
  for (size_t i = first_sequence(); i < result.size(); ++i) {
    const TensorId gradient = operand_gradients_[i];
    if (gradient == kNoTensor) continue;
    if (!body_->type(gradient).batched) {
      result[i] = outside(gradient);
    } else if (i < first_constant()) {
      result[i] = summed(sequence(gradient), g_.in[i]);
    } else {
      result[i] = carried(all[next++]);
    }
  }
  return result;
}

}  // namespace

std::vector<TensorId> scan_gradient(GradientContext& context) { return ScanGradient(context).run(); }

}  // namespace fastnn
